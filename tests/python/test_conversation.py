"""Whole conversations: agents with audio in and out, barge-ins, and what each request is booked to."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import agents
import pytest
from agents import INSTRUCTIONS, Speaker, two_barge_ins
from booked import Stage, use
from conversing import answer, heard, run, said, say
from livekit.agents import Agent, AgentSession

from voicegateway import inference


def agent_session(**more: Any) -> AgentSession[None]:
    models = {
        "stt": inference.STT("deepgram/nova-3"),
        "llm": inference.LLM("openai/gpt-4.1-mini"),
        "tts": inference.TTS("cartesia/sonic-3"),
    }
    return agents.agent_session(**{**models, **more})


def test_a_conversation_with_two_barge_ins_is_booked_as_it_is_billed(stage: Stage) -> None:
    async def work() -> str:
        conversation = inference.start_session()
        await two_barge_ins(agent_session(), stage.sim)
        return conversation

    conversation = run(work)
    lines = stage.lines()
    assert {line["session_id"] for line in lines} == {conversation}
    of = {kind: [line for line in lines if line["modality"] == kind] for kind in ("stt", "llm", "tts")}
    assert len(of["stt"]) == 1
    assert "cancelled" in [line["status"] for line in of["llm"]]
    assert "cancelled" in [line["status"] for line in of["tts"]]
    assert "error" not in [line["status"] for line in lines]
    assert {line["turn"] for line in of["stt"]} == {None}
    turns = [line["turn"] for line in of["llm"]]
    assert turns == sorted(turns) and None not in turns
    assert {line["turn"] for line in of["tts"]} <= set(turns)

    # Exact but for the answers that were cut off: those are estimated, and marked.
    estimated = [line for line in of["llm"] if line["sources"]["output_tokens"] == "estimated"]
    assert estimated and {line["status"] for line in estimated} == {"cancelled"}
    stage.assert_equals_bill_but_for_cut_answers()
    cut = [entry for entry in stage.sim.requests() if entry["modality"] == "llm" and entry["outcome"] == "cut"]
    assert cut


def test_objects_shared_by_two_conversations_book_to_the_right_one(quick: Stage) -> None:
    async def work() -> list[str]:
        # Both conversations inherit this id: it stays with one of them, the other gets its own.
        inherited = inference.start_session()
        shared = {"llm": inference.LLM("openai/gpt-4.1-mini"), "tts": inference.TTS("cartesia/sonic-3"), "stt": None}

        async def converse(words: list[str], own_id: bool) -> str | None:
            conversation = inference.start_session() if own_id else None
            speaker = Speaker()
            session = agent_session(**shared)
            session.output.audio = speaker
            await session.start(Agent(instructions=INSTRUCTIONS), record=False)
            for text in words:
                await session.generate_reply(user_input=text)
            await session.aclose()
            return conversation

        talks = [(["One."], False), (["Two.", "Two again."], False), (["Three.", "And.", "More."], True)]
        found = await asyncio.gather(*(converse(words, own_id) for words, own_id in talks))
        return [inherited, str(found[2])]

    inherited, third = run(work)
    lines = [line for line in quick.lines() if line["status"] != "cancelled" or line["characters"]]
    requests = {kind: {} for kind in ("llm", "tts")}  # type: dict[str, dict[str, int]]
    for line in lines:
        of_kind = requests[line["modality"]]
        of_kind[line["session_id"]] = of_kind.get(line["session_id"], 0) + 1
    assert sorted(requests["llm"].values()) == [1, 2, 3]
    assert requests["tts"] == requests["llm"]
    assert requests["llm"][third] == 3
    assert inherited in requests["llm"]
    assert [line["turn"] for line in lines if line["session_id"] == third and line["modality"] == "llm"] == [1, 2, 3]
    quick.assert_equals_bill()


def test_a_request_is_booked_to_the_session_and_tenant_it_was_made_in(quick: Stage) -> None:
    async def work() -> tuple[str, str]:
        model = inference.LLM("openai/gpt-4.1-mini")

        async def conversation(tenant: str | None) -> str:
            session = inference.start_session()
            inference.set_tenant(tenant)
            await answer(model, "Hi")
            await answer(model, "Hi again")
            return session

        first, second = await asyncio.gather(conversation("acme"), conversation(None))
        return first, second

    first, second = run(work)
    assert first.startswith("vg-") and first != second
    lines = quick.lines()
    assert sorted((line["session_id"], line["tenant_id"]) for line in lines if line["tenant_id"]) == [(first, "acme")] * 2
    assert [line["tenant_id"] for line in lines if line["session_id"] == second] == [None, None]


def test_what_is_set_after_a_request_was_made_does_not_move_it(quick: Stage) -> None:
    async def work() -> str:
        session = inference.start_session()
        inference.set_tenant("before")
        model = inference.LLM("openai/gpt-4.1-mini")
        stream = model.chat(chat_ctx=said("Hi"))
        inference.start_session()
        inference.set_tenant("after")
        async for _ in stream:
            pass
        return session

    session = run(work)
    line = quick.line()
    assert (line["session_id"], line["tenant_id"]) == (session, "before")


def test_the_project_is_the_one_an_object_was_built_in(quick: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    quick.write_config("projects:\n  one: {name: One}\n  two: {name: Two}\n  three: {name: Three}\ndefault_project: one\n")
    use(quick.config)

    async def work() -> None:
        assert inference.get_active_project() == "one"
        by_default = inference.LLM("openai/gpt-4.1-mini")
        inference.set_project("two")
        assert inference.get_active_project() == "two"
        await answer(inference.LLM("openai/gpt-4.1-mini"), "Hi")
        await answer(by_default, "Hi")

    run(work)
    assert [line["project"] for line in quick.lines()] == ["two", "one"]
    monkeypatch.setenv("VOICEGW_ACTIVE_PROJECT", "three")
    assert inference.get_active_project() == "three"


@pytest.mark.parametrize("wrong", ["", "  ", None, 7])
def test_a_project_is_a_name(quick: Stage, wrong: Any) -> None:
    with pytest.raises(ValueError, match="project"):
        inference.set_project(wrong)


@pytest.mark.parametrize("wrong", ["", "x" * 129, 7])
def test_a_tenant_is_a_short_text(quick: Stage, wrong: Any) -> None:
    with pytest.raises(ValueError, match="tenant"):
        inference.set_tenant(wrong)


@pytest.mark.parametrize("switch", ["observability: {cost_tracking: false}", "off"])
def test_without_cost_tracking_there_is_no_ledger_and_the_call_goes_on(quick: Stage, switch: str) -> None:
    if switch == "off":
        quick.write_config()
        text = quick.config.read_text().replace("cost_tracking:\n", "cost_tracking:\n  enabled: false\n")
        quick.config.write_text(text)
    else:
        quick.write_config(switch + "\n")
    use(quick.config)

    async def work() -> None:
        assert await answer(inference.LLM("openai/gpt-4.1-mini"), "Hi")

    run(work)
    use(None)
    assert not list(quick.folder.glob("ledger.db*"))


def test_request_logging_is_one_line_a_request_without_its_content(
    quick: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    quick.write_config("observability: {request_logging: true}\n")
    use(quick.config)

    async def work() -> None:
        voice = inference.TTS("cartesia/sonic-3")
        await answer(inference.LLM("openai/gpt-4.1-mini"), "xyzzy")
        await heard(voice.synthesize("xyzzy"))
        await voice.aclose()

    with caplog.at_level(logging.INFO, "voicegateway"):
        run(work)
    logged = [record.getMessage() for record in caplog.records if record.name == "voicegateway"]
    assert len(logged) == 2
    assert logged[0].startswith("llm openai/gpt-4.1-mini success in ")
    assert logged[1].startswith("tts cartesia/sonic-3 success in ")
    assert "project default" in logged[0] and "$0." in logged[0]
    assert "xyzzy" not in caplog.text


def test_requests_are_not_logged_unless_it_is_asked_for(quick: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        await answer(inference.LLM("openai/gpt-4.1-mini"), "Hi")

    quick.write_config("observability: {request_logging: false}\n")
    use(quick.config)
    with caplog.at_level(logging.INFO, "voicegateway"):
        run(work)
    assert not [record for record in caplog.records if "openai/gpt-4.1-mini" in record.getMessage()]


def test_without_latency_tracking_lines_have_no_latency(quick: Stage) -> None:
    quick.write_config("observability: {latency_tracking: false}\n")
    use(quick.config)

    async def work() -> None:
        await answer(inference.LLM("openai/gpt-4.1-mini"), "Hi")

    run(work)
    assert (quick.line()["ttfb_micros"], quick.line()["latency_micros"]) == (None, None)
    quick.assert_equals_bill()


def test_a_slow_first_output_is_warned_about(quick: Stage, caplog: pytest.LogCaptureFixture) -> None:
    quick.write_config("latency: {ttfb_warning_ms: 1000}\n")
    use(quick.config)
    quick.sim.fault("openai", "llm", "slow", value=1_500)

    async def work() -> None:
        for _ in range(2):
            await answer(inference.LLM("openai/gpt-4.1-mini"), "Hi")

    run(work)
    warned = [record.getMessage() for record in caplog.records if "ttfb_warning_ms" in record.getMessage()]
    assert len(warned) == 1
    assert warned[0].startswith("llm openai/gpt-4.1-mini took ")
    assert warned[0].endswith(" ms to its first output, above latency.ttfb_warning_ms = 1000")


def test_speech_outside_of_any_session_of_livekit_belongs_to_the_context(quick: Stage) -> None:
    async def work() -> str:
        session = inference.start_session()
        voice = inference.TTS("cartesia/sonic-3")
        await say(voice, "Hello.")
        await voice.aclose()
        return session

    session = run(work)
    assert (quick.line()["session_id"], quick.line()["turn"]) == (session, None)
