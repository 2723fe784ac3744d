"""Groq: usage in a field of its own, ten seconds for the shortest recording, characters for speech."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from booked import Stage, assert_close_estimate
from conversing import ONCE, TWICE, answer, frames, heard, read_some, run, said, silence, tone, until
from livekit.agents import APIError
from livekit.plugins import groq

from voicegateway import inference
from voicegateway.providers import options_of

LONG = "Can you tell me about the menu?"
SENTENCE = "Hello there, my friend. How are you?"


def model(**kwargs: Any) -> Any:
    return inference.LLM("groq/llama-3.3-70b-versatile", **kwargs)


def ears(**kwargs: Any) -> Any:
    return inference.STT("groq/whisper-large-v3-turbo", **kwargs)


def voice(**kwargs: Any) -> Any:
    return inference.TTS("groq/canopylabs/orpheus-v1-english", **kwargs)


def test_objects_are_the_plugins_own_and_take_all_of_its_arguments(quick: Stage) -> None:
    chat = model(extra_kwargs={"temperature": 0.2, "service_tier": "flex"})
    assert isinstance(chat, groq.LLM) and isinstance(chat, inference.LLM)
    assert (chat._opts.temperature, chat._opts.service_tier) == (0.2, "flex")
    hears = inference.STT("groq/whisper-large-v3:de", extra_kwargs={"prompt": "names"})
    assert isinstance(hears, groq.STT) and not hears.capabilities.streaming
    assert (hears._opts.model, hears._opts.prompt) == ("whisper-large-v3", "names")
    assert options_of(hears)["language"] == "de"
    speaks = inference.TTS("groq/canopylabs/orpheus-v1-english:hannah")
    assert isinstance(speaks, groq.TTS)
    assert (speaks._opts.model, speaks._opts.voice) == ("canopylabs/orpheus-v1-english", "hannah")


def test_a_chat_is_counted_once_though_its_usage_comes_twice(quick: Stage) -> None:
    async def work() -> str:
        return await answer(model(), "My name is Ada Lovelace.")

    assert run(work).startswith("Thank you, Ada.")
    line = quick.line()
    assert (line["status"], line["provider"], line["modality"]) == ("success", "groq", "llm")
    assert line["sources"]["output_tokens"] == line["sources"]["input_tokens"] == "provider_reported"
    # USD 0.59 and 0.79 for a million tokens.
    assert line["cost_picos"] == line["input_tokens"] * 590_000 + line["output_tokens"] * 790_000
    quick.assert_equals_bill()


def test_the_usage_is_read_from_groqs_own_field_where_openais_is_missing(quick: Stage) -> None:
    quick.sim.fault("groq", "llm", "no_usage")
    reported: list[Any] = []

    async def work() -> None:
        ours = model()
        ours.on("metrics_collected", reported.append)
        await answer(ours, "My name is Ada Lovelace.")

    run(work)
    assert quick.line()["sources"]["output_tokens"] == "provider_reported"
    # LiveKit itself finds nothing.
    assert sum(metrics.completion_tokens for metrics in reported) == 0
    quick.assert_equals_bill()


def test_a_cancelled_chat_is_estimated(stage: Stage) -> None:
    async def work() -> None:
        async with model().chat(chat_ctx=said(LONG)) as stream:
            await read_some(stream, 20)
        await until(lambda: stage.sim.requests())

    run(work)
    line = stage.line()
    assert line["status"] == "cancelled"
    assert_close_estimate(line, stage.sim.requests()[0])


def test_a_failed_chat_and_its_retry_are_two_lines(quick: Stage) -> None:
    quick.sim.fault("groq", "llm", "status", value=429)

    async def work() -> None:
        await answer(model(), "Hello", conn_options=TWICE)

    run(work)
    failed, served = quick.lines()
    assert (failed["status"], failed["error_kind"], served["status"]) == ("error", "rate_limited", "success")
    assert (failed["input_tokens"], failed["cost_picos"]) == (0, 0)
    quick.assert_equals_bill()


@pytest.mark.parametrize(("seconds", "billed"), [(1.5, 10_000_000_000), (12.5, 12_500_000_000)])
def test_a_recording_costs_ten_seconds_at_least(quick: Stage, seconds: float, billed: int) -> None:
    async def work() -> None:
        sound = silence(seconds - 1.0) + tone(1.0)
        event = await ears().recognize(list(frames(sound)), conn_options=ONCE)
        assert event.alternatives[0].text

    run(work)
    line = quick.line()
    assert (line["status"], line["audio_nanos"], line["sent_audio_nanos"]) == (
        "success",
        billed,
        round(seconds * 1e9),
    )
    assert line["sources"]["audio_nanos"] == "wire_measured"
    assert line["cost_picos"] > 0
    quick.assert_equals_bill()


def test_a_failed_recording_is_free_and_its_retry_is_not(quick: Stage) -> None:
    quick.sim.fault("groq", "stt", "status", value=500)

    async def work() -> None:
        await ears().recognize(list(frames(tone(1.0))), conn_options=TWICE)

    run(work)
    failed, served = quick.lines()
    assert (failed["status"], failed["audio_nanos"]) == ("error", 0)
    assert (served["status"], served["audio_nanos"]) == ("success", 10_000_000_000)
    quick.assert_equals_bill()


def test_a_cancelled_recording_is_billed(stage: Stage) -> None:
    stage.sim.fault("groq", "stt", "stall")

    async def work() -> None:
        task = asyncio.create_task(ears().recognize(list(frames(tone(1.0))), conn_options=ONCE))
        await until(lambda: stage.sim.meter())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work)
    assert (stage.line()["status"], stage.line()["audio_nanos"]) == ("cancelled", 10_000_000_000)
    stage.assert_equals_bill()


def test_a_synthesis_costs_its_characters(quick: Stage) -> None:
    async def work() -> float:
        return await heard(voice().synthesize(SENTENCE))

    assert run(work) > 1
    line = quick.line()
    assert (line["status"], line["characters"], line["sent_characters"]) == ("success", 36, 36)
    assert line["sources"]["characters"] == "wire_measured"
    # USD 22 for a million characters.
    assert line["cost_picos"] == 36 * 22_000_000
    quick.assert_equals_bill()


def test_a_cancelled_synthesis_costs_all_that_was_sent(stage: Stage) -> None:
    async def work() -> None:
        stream = voice().synthesize(SENTENCE * 5)
        async with stream:
            async for _ in stream:
                break
        await until(lambda: stage.sim.requests())

    run(work)
    assert (stage.line()["status"], stage.line()["characters"]) == ("cancelled", 180)
    stage.assert_equals_bill()


def test_a_failed_synthesis_is_free(quick: Stage) -> None:
    quick.sim.fault("groq", "tts", "status", value=500)

    async def work() -> None:
        with pytest.raises(APIError):
            await heard(voice().synthesize(SENTENCE, conn_options=ONCE))

    run(work)
    assert (quick.line()["status"], quick.line()["characters"], quick.line()["cost_picos"]) == ("error", 0, 0)
    assert (quick.sim.row("tts")["characters"], quick.sim.row("tts")["refused"]) == (0, 1)
