"""Models chosen by latency, once for a conversation, and what its session says of them."""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from agents import agent_session
from booked import Stage, use
from conversing import run
from livekit.agents import llm
from livekit.plugins import cartesia, deepgram, groq

from voicegateway import inference
from voicegateway.errors import LatencyUnknown, MiddlewareError
from voicegateway.inference import RoutedTriple

ROSTERS = """projects:
  shop:
    name: Shop
    routing:
      rosters:
        stt: [openai/gpt-4o-mini-transcribe, "deepgram/nova-3:es"]
        llm: [openai/gpt-4.1-mini, groq/llama-3.1-8b-instant]
        tts: [elevenlabs/eleven_flash_v2_5, cartesia/sonic-3]
  own:
    name: Own
    tts_model: openai/gpt-4o-mini-tts
    routing: {budget_ms: 400, rosters: {stt: [deepgram/nova-3], llm: [groq/llama-3.1-8b-instant]}}
  strict:
    name: Strict
    routing:
      budget_ms: 400
      fallback_to_fastest: false
      rosters: {stt: [deepgram/nova-3], llm: [openai/gpt-4.1], tts: [cartesia/sonic-3]}
  unheard:
    name: Unheard
    fallbacks: {llm: [openai/gpt-4.1]}
    routing: {rosters: {stt: [cartesia/ink-2], llm: [groq/llama-3.1-8b-instant], tts: [cartesia/sonic-3]}}
  fresh:
    name: Fresh
    routing: {rosters: {stt: [deepgram/nova-3], llm: [groq/llama-3.1-8b-instant], tts: ["deepgram/aura-2:thalia"]}}
  half: {name: Half, routing: {rosters: {llm: [groq/llama-3.1-8b-instant]}}}
default_project: shop
fallbacks: {llm: [openai/gpt-4.1-nano]}
"""


@pytest.fixture
def routed(quick: Stage) -> Stage:
    quick.write_config(ROSTERS)
    return quick


def within_a_context(work: Any) -> None:
    """Run it as a conversation of its own."""

    def begin() -> None:
        inference.start_session()
        run(work)

    contextvars.copy_context().run(begin)


async def ask(model: Any) -> None:
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="How are you?")
    async with model.chat(chat_ctx=context) as stream:
        assert "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta])


def sessions(stage: Stage) -> list[dict[str, Any]]:
    """The sessions as the command line tells them, from a process of its own."""
    stage.lines()
    command = [sys.executable, "-m", "voicegateway.cli", "sessions", "--json", "--order", "oldest"]
    environment = {**os.environ, "VOICEGW_CONFIG": str(stage.config)}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    rows: list[dict[str, Any]] = json.loads(answer.stdout)
    return rows


def test_the_lowest_total_is_used_and_shown_on_the_session(routed: Stage) -> None:
    async def work() -> None:
        hearing, thinking, speaking = inference.STT(), inference.LLM("auto"), inference.TTS("auto")
        assert isinstance(hearing, deepgram.STT) and hearing._opts.language == "es"
        assert isinstance(thinking, groq.LLM) and thinking.model == "llama-3.1-8b-instant"
        assert isinstance(speaking, cartesia.TTS)
        await ask(thinking)
        await ask(thinking)
        await asyncio.gather(*(part.aclose() for part in (hearing, thinking, speaking)))

    within_a_context(work)
    (session,) = sessions(routed)
    told = {name: value for name, value in session.items() if name.startswith(("routed", "budget"))}
    lines = routed.lines()
    # The mean of what was measured; nobody was heard and nobody spoke.
    measured = sum(line["ttfb_micros"] for line in lines) / 2 / 1e3
    assert told.pop("budget_ms_used") == pytest.approx(measured)
    assert told == {
        "routed_stt": "deepgram/nova-3:es",
        "routed_llm": "groq/llama-3.1-8b-instant",
        "routed_tts": "cartesia/sonic-3",
        "budget_ms": 1500,
        "budget_overrun": False,
    }
    # One line tells it, and a model that was routed stands in for nobody.
    assert [("routed" in line["metadata"], line["fallback_from"]) for line in lines] == [(True, None), (False, None)]


def test_what_was_observed_decides_for_the_next_conversation_and_not_for_this_one(routed: Stage) -> None:
    async def observe() -> None:
        inference.set_project("fresh")
        with pytest.raises(LatencyUnknown, match="deepgram/aura-2:thalia"):
            await inference.route_session()
        assert inference.LLM("auto").model == "gpt-4.1-nano"
        speaking = inference.TTS("deepgram/aura-2:thalia")
        async with speaking.synthesize("Good morning.") as stream:
            assert [audio async for audio in stream]
        await speaking.aclose()
        assert inference.LLM("auto").model == "gpt-4.1-nano"

    async def go_by_it() -> None:
        inference.set_project("fresh")
        assert inference.LLM("auto").model == "llama-3.1-8b-instant"
        assert (await inference.route_session()).tts == "deepgram/aura-2:thalia"

    within_a_context(observe)
    within_a_context(go_by_it)


def test_what_stands_already_and_the_projects_own_models_are_fixed(routed: Stage) -> None:
    async def work() -> None:
        inference.STT("openai/gpt-4o-mini-transcribe")
        triple = await inference.route_session(overrides={"llm": "anthropic/claude-haiku-4-5"})
        expected = RoutedTriple(
            "openai/gpt-4o-mini-transcribe", "anthropic/claude-haiku-4-5", "cartesia/sonic-3", 1000.0, False
        )
        assert triple == expected
        # What follows goes by it.
        assert inference.LLM("auto").model == "claude-haiku-4-5"
        assert await inference.route_session("own") == RoutedTriple(
            "deepgram/nova-3", "groq/llama-3.1-8b-instant", "openai/gpt-4o-mini-tts", 930.0, True
        )
        with pytest.raises(ValueError, match="not vad"):
            await inference.route_session(overrides={"vad": "silero"})

    within_a_context(work)


def test_over_the_budget_is_an_error_where_the_owner_says_so(routed: Stage) -> None:
    async def work() -> None:
        inference.set_project("strict")
        with pytest.raises(inference.BudgetExceeded, match="over the budget of 400 ms") as refused:
            await inference.route_session()
        assert isinstance(refused.value, MiddlewareError)
        with pytest.raises(inference.BudgetExceeded):
            inference.STT()
        # A model that is named asks for no route.
        assert inference.LLM("openai/gpt-4.1").model == "gpt-4.1"

    within_a_context(work)


def test_without_a_prediction_the_other_defaults_hold_and_without_candidates_the_roster_is_named(
    routed: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        inference.set_project("unheard")
        assert inference.LLM("auto").model == "gpt-4.1"
        assert inference.LLM("auto").model == "gpt-4.1"
        warned = [record for record in caplog.records if "not chosen by latency" in record.message]
        assert len(warned) == 1 and "cartesia/ink-2" in warned[0].getMessage()
        with pytest.raises(LatencyUnknown):
            await inference.route_session()
        inference.set_project("half")
        with pytest.raises(inference.ModelResolutionError, match=r"projects\.half\.routing\.rosters\.stt"):
            inference.LLM("auto")

    within_a_context(work)


def test_a_routed_model_that_cannot_be_built_is_followed_by_the_chain(routed: Stage) -> None:
    text = routed.config.read_text().replace("api_key: key-of-groq, ", "")
    routed.config.write_text(text)
    use(routed.config)

    async def work() -> None:
        model = inference.LLM("auto")
        assert model.model == "gpt-4.1-nano"
        await ask(model)
        await model.aclose()

    within_a_context(work)
    line = routed.line()
    assert (line["status"], line["fallback_from"]) == ("fallback", "groq/llama-3.1-8b-instant")
    assert line["metadata"]["routed"]["llm"] == "groq/llama-3.1-8b-instant"


def test_a_triple_of_ones_own_is_shown_on_the_session(routed: Stage) -> None:
    async def work() -> None:
        model = inference.LLM("openai/gpt-4.1-mini")
        session = agent_session(llm=model)
        for wrong in [("a", "b", "c"), ("a", "b", "c", 1.5, True), ("a", "b", "c", 0, True), 7]:
            with pytest.raises(ValueError, match="routed_triple="):
                inference.attach_session(session, routed_triple=wrong)
        triple = ("deepgram/nova-3", "openai/gpt-4.1-mini", None, 700, True)
        conversation = inference.attach_session(session, session_id="call-7", routed_triple=triple)
        assert conversation == "call-7"
        from voicegateway.inference._scope import within_session

        with within_session(session):
            await ask(model)
        await model.aclose()

    within_a_context(work)
    (session,) = sessions(routed)
    assert (session["id"], session["routed_llm"], session["routed_tts"]) == ("call-7", "openai/gpt-4.1-mini", None)
    assert (session["budget_ms"], session["budget_overrun"]) == (700, True)
