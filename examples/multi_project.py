"""One program, several customers: each request is booked to its project and tenant.

``voicegw.yaml`` names the projects, and may give each its own keys and budget:

    projects:
      bakery: {name: Bakery, daily_budget: 5.0, budget_action: block}
      florist: {name: Florist, providers: {openai: {api_key: "${FLORIST_OPENAI_KEY}"}}}
"""

from __future__ import annotations

import asyncio

from livekit.agents import llm

from voicegateway import Gateway, inference


async def greet(project: str, tenant: str) -> str:
    """Write a greeting for a customer. What is set here holds in this task and its children alone."""
    inference.set_project(project)
    inference.set_tenant(tenant)
    await inference.check_budget()  # raises when the project's budget of the day is used up, if its action is block
    model = inference.LLM("openai/gpt-4.1-mini")
    question = llm.ChatContext.empty()
    question.add_message(role="user", content=f"Greet a customer of the {project} in one sentence.")
    async with model.chat(chat_ctx=question) as answer:
        return "".join([chunk.delta.content or "" async for chunk in answer if chunk.delta])


async def main() -> None:
    """Greet for both at once, then ask what each of them spent."""
    greetings = await asyncio.gather(greet("bakery", "ada"), greet("florist", "grace"))
    print("\n".join(greetings))
    for project, spent in (await Gateway().acosts())["by_project"].items():
        print(f"{project}: ${spent['cost']:.6f} in {spent['requests']} request")


if __name__ == "__main__":
    asyncio.run(main())
