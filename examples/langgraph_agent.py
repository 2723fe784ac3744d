"""A LangGraph agent whose model is behind the gateway: it speaks OpenAI's API, so only its address changes.

    pip install langgraph langchain-openai
    voicegw serve &
    export OPENAI_BASE_URL=http://127.0.0.1:8080/v1
    export OPENAI_API_KEY=vk_...     # from: voicegw keys create --project default
    python examples/langgraph_agent.py "Do you have a table for two?"
"""

from __future__ import annotations

import sys
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph


def graph() -> Any:
    """One node that thinks. The model's name is any that the gateway knows: its chains and budgets apply."""
    model = ChatOpenAI(model="openai/gpt-4.1-mini", streaming=True, stream_usage=True)

    async def think(state: MessagesState) -> dict[str, Any]:
        role = SystemMessage("You take bookings for a small restaurant. Be brief.")
        return {"messages": [await model.ainvoke([role, *state["messages"]])]}

    built = StateGraph(MessagesState)
    built.add_node("think", think)
    built.add_edge(START, "think")
    built.add_edge("think", END)
    return built.compile()


async def ask(question: str) -> str:
    """The agent's answer."""
    state = await graph().ainvoke({"messages": [HumanMessage(question)]})
    return str(state["messages"][-1].content)


if __name__ == "__main__":
    import asyncio

    print(asyncio.run(ask(" ".join(sys.argv[1:]) or "Do you have a table for two?")))
