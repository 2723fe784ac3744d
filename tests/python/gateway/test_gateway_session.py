"""Whole agents, unmodified: models named by strings, and an environment that leads to the gateway."""

from __future__ import annotations

from typing import Any

import agents
import pytest
from agents import INSTRUCTIONS, Speaker, two_barge_ins
from conversing import run
from livekit.agents import Agent, AgentSession, RunContext, function_tool
from serving import Gateway


def agent_session(**more: Any) -> AgentSession[None]:
    models = {"stt": "deepgram/nova-3", "llm": "openai/gpt-4.1-mini", "tts": "cartesia/sonic-3:a-voice"}
    return agents.agent_session(**{**models, **more})


def of_modality(gateway: Gateway, modality: str) -> list[dict[str, Any]]:
    return [line for line in gateway.lines() if line["modality"] == modality]


def test_a_conversation_with_two_barge_ins_is_booked_as_it_is_billed(gateway: Gateway) -> None:
    async def work() -> list[str]:
        session = agent_session()
        said: list[str] = []

        @session.on("conversation_item_added")
        def _(event: Any) -> None:
            if event.item.type == "message":
                said.append(f"{event.item.role}: {event.item.text_content}")

        await two_barge_ins(session, gateway.sim)
        return said

    said = run(work)
    assert said[0] == "user: Hi, I would like to book a table for two tonight."
    assert said[1] == "assistant: Of course, I can help you with that. What time would you like to come?"
    of = {kind: of_modality(gateway, kind) for kind in ("stt", "llm", "tts")}
    assert len(of["stt"]) == 1
    assert "cancelled" in [line["status"] for line in of["llm"]]
    assert "cancelled" in [line["status"] for line in of["tts"]]
    assert "error" not in [line["status"] for line in gateway.lines()]
    assert {line["project"] for line in gateway.lines()} == {"shop"}
    gateway.assert_equals_bill_but_for_cut_answers()
    cut = [entry for entry in gateway.sim.requests() if entry["modality"] == "llm" and entry["outcome"] == "cut"]
    assert cut


@pytest.mark.parametrize("llm", ["openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5"])
def test_an_agent_uses_its_tools(swift: Gateway, llm: str) -> None:
    call = {"tool": {"name": "book", "arguments": {"guests": 2}}, "then": "Your table is booked."}
    swift.sim.script(transcripts=["A table for two, please.", "Thank you."], replies=[call, "Goodbye."])
    booked: list[int] = []

    class Host(Agent):
        @function_tool
        async def book(self, context: RunContext[None], guests: int) -> str:
            """Books a table.

            Args:
                guests: How many come.
            """
            booked.append(guests)
            return "booked"

    async def work() -> list[str]:
        speaker = Speaker()
        session = agent_session(stt=None, llm=llm)
        session.output.audio = speaker
        said: list[str] = []

        @session.on("conversation_item_added")
        def _(event: Any) -> None:
            if event.item.type == "message" and event.item.role == "assistant":
                said.append(event.item.text_content)

        await session.start(Host(instructions=INSTRUCTIONS), record=False)
        for text in ("A table for two, please.", "Thank you."):
            await session.generate_reply(user_input=text)
        await session.aclose()
        return said

    said = run(work)
    assert booked == [2]
    assert said == ["Your table is booked.", "Goodbye."]
    assert [line["status"] for line in of_modality(swift, "llm")] == ["success"] * 3
    assert len(of_modality(swift, "tts")) == 2
    swift.assert_equals_bill()


def test_a_provider_that_fails_in_a_conversation_is_not_noticed(swift: Gateway) -> None:
    async def work() -> list[str]:
        speaker = Speaker()
        session = agent_session(stt=None)
        session.output.audio = speaker
        said: list[str] = []

        @session.on("conversation_item_added")
        def _(event: Any) -> None:
            if event.item.type == "message" and event.item.role == "assistant":
                said.append(event.item.text_content)

        await session.start(Agent(instructions=INSTRUCTIONS), record=False)
        swift.sim.fault("openai", "llm", "status", value=429)
        await session.generate_reply(user_input="My name is Ada Lovelace.")
        swift.sim.fault("cartesia", "tts", "error_frame")
        await session.generate_reply(user_input="Around eight would be great.")
        await session.aclose()
        return said

    said = run(work)
    assert len(said) == 2 and said[0].startswith("Thank you, Ada.") and said[1].startswith("Eight o'clock")
    assert sorted(line["status"] for line in of_modality(swift, "llm")) == ["error", "success", "success"]
    assert sorted(line["status"] for line in of_modality(swift, "tts")) == ["error", "success", "success"]
    swift.assert_equals_bill()
