"""Speech: characters are counted where they leave for the provider, whoever pushed or forgot them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from booked import Stage
from conversing import ONCE, TWICE, heard, run, say, until
from livekit.agents import APIConnectOptions, APIError, APIStatusError, tokenize, tts

from voicegateway import inference

SENTENCE = "Hello there, my friend. How are you?"
LONG = "This is a rather long sentence that will be cut off. And another long one follows right after it. " * 3


def cartesia() -> Any:
    return inference.TTS("cartesia/sonic-3")


def openai(model: str = "tts-1", **kwargs: Any) -> Any:
    return inference.TTS(f"openai/{model}", **kwargs)


def test_a_synthesis_is_one_line_with_the_characters_on_the_wire(quick: Stage) -> None:
    async def work() -> None:
        voice = cartesia()
        assert await say(voice, SENTENCE) > 1
        await voice.aclose()

    run(work)
    line = quick.line()
    # The plugin sends a blank after each sentence and one at the end: more than was pushed, and billed.
    assert (line["characters"], line["sent_characters"]) == (38, 38)
    assert line["sources"]["characters"] == "wire_measured"
    assert (line["status"], line["model_id"], line["sockets"]) == ("success", "cartesia/sonic-3", 1)
    assert line["metadata"]["voice"]
    assert 0 < line["ttfb_micros"] <= line["latency_micros"]
    assert line["cost_picos"] > 0
    quick.assert_equals_bill()


def test_text_of_any_script_is_counted_in_code_points(quick: Stage) -> None:
    async def work() -> None:
        voice = cartesia()
        await say(voice, "Grüße aus Köln, naïve Änne 😀.")
        await heard(voice.synthesize("日本語です。"))
        await voice.aclose()

    run(work)
    assert len(quick.lines()) == 2
    quick.assert_equals_bill()


def test_parallel_syntheses_on_sockets_of_their_own_do_not_mix(stage: Stage) -> None:
    texts = ["One.", "Number two is longer.", "Three, three, three.", "And the fourth is the longest of them all."]

    async def work() -> None:
        voice = cartesia()
        await asyncio.gather(*(say(voice, text) for text in texts))
        await voice.aclose()

    run(work)
    lines = stage.lines()
    assert sorted(line["characters"] for line in lines) == sorted(len(text) + 2 for text in texts)
    assert [line["sockets"] for line in lines] == [1] * 4
    stage.assert_equals_bill()


def test_syntheses_one_after_another_share_a_pooled_socket(quick: Stage) -> None:
    texts = ["One.", "Number two is longer.", "Three, three, three."]

    async def work() -> None:
        voice = cartesia()
        for text in texts:
            await say(voice, text)
        await voice.aclose()

    run(work)
    lines = quick.lines()
    assert [line["characters"] for line in lines] == [len(text) + 2 for text in texts]
    assert [line["sockets"] for line in lines] == [1, 0, 0]
    quick.assert_equals_bill()


def test_a_prewarmed_socket_makes_no_line_of_its_own(quick: Stage) -> None:
    async def work() -> None:
        voice = cartesia()
        voice.prewarm()
        await until(lambda: voice._pool._available)
        await say(voice, "Hello.")
        await voice.aclose()

    run(work)
    line = quick.line()
    assert (line["characters"], line["sockets"]) == (8, 0)
    quick.assert_equals_bill()


@pytest.mark.parametrize("socket", ["fresh", "pooled"])
def test_a_barge_in_is_cancelled_and_books_what_was_sent(stage: Stage, socket: str) -> None:
    async def work() -> None:
        voice = cartesia()
        if socket == "pooled":
            await say(voice, "Hi.")
        stream = voice.stream()
        stream.push_text(LONG)
        async for _ in stream:
            break
        await stream.aclose()
        # The next one must neither hear nor pay for the rest of it.
        await say(voice, "Short.")
        await voice.aclose()

    run(work)
    cut = [line for line in stage.lines() if line["status"] == "cancelled"]
    assert len(cut) == 1
    assert 0 < cut[0]["characters"] < len(LONG) + 7
    assert stage.lines()[-1]["characters"] == 8
    stage.assert_equals_bill()


def test_a_synthesis_cut_before_any_text_left_costs_nothing(quick: Stage) -> None:
    async def work() -> None:
        voice = cartesia()
        stream = voice.stream()
        stream.push_text("No sen")
        await until(lambda: voice._pool._connections)
        await stream.aclose()
        await voice.aclose()

    run(work)
    assert sum(line["characters"] or 0 for line in quick.lines()) == 0
    assert {line["status"] for line in quick.lines()} <= {"cancelled"}
    quick.assert_equals_bill()


def test_a_stream_closed_before_it_began_is_no_request(quick: Stage) -> None:
    async def work() -> None:
        await cartesia().stream().aclose()

    run(work)
    assert quick.lines() == []


def test_a_cancelled_task_is_a_cancelled_line(stage: Stage) -> None:
    async def work() -> None:
        voice, parts = cartesia(), []

        async def speak() -> None:
            stream = voice.stream()
            stream.push_text(LONG)
            async with stream:
                async for event in stream:
                    parts.append(event)

        task = asyncio.create_task(speak())
        await until(lambda: parts)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # LiveKit 1.5.0 may close the stream a second time here, and wait for a task that was cancelled with ours.
        with contextlib.suppress(asyncio.CancelledError):
            await voice.aclose()

    run(work)
    assert stage.line()["status"] == "cancelled"
    stage.assert_equals_bill()


@pytest.mark.parametrize("provider", ["cartesia", "deepgram", "openai"])
def test_one_text_synthesized_at_once_is_exact(quick: Stage, provider: str) -> None:
    names = {"cartesia": "cartesia/sonic-3", "deepgram": "deepgram/aura-2:thalia", "openai": "openai/tts-1"}

    async def work() -> None:
        voice = inference.TTS(names[provider])
        assert await heard(voice.synthesize("Hällo wörld.")) > 0.3
        await voice.aclose()

    run(work)
    line = quick.line()
    assert (line["characters"], line["status"]) == (12, "success")
    assert line["cost_picos"] > 0
    quick.assert_equals_bill()


def test_deepgram_bills_the_blank_after_every_word(quick: Stage) -> None:
    async def work() -> None:
        voice = inference.TTS("deepgram/aura-2:thalia")
        for _ in range(2):
            await say(voice, "hello there.")
        await voice.aclose()

    run(work)
    first, second = quick.lines()
    assert (first["characters"], second["characters"]) == (13, 13)
    assert (first["model_id"], first["metadata"]["voice"]) == ("deepgram/aura-2", "thalia")
    assert first["metadata"]["billed_model"] == "aura-2-thalia-en"
    quick.assert_equals_bill()


@pytest.mark.parametrize("audio", ["mp3", "pcm"])
def test_a_token_billed_voice_is_booked_in_tokens_and_never_in_characters(quick: Stage, audio: str) -> None:
    async def work() -> None:
        voice = openai("gpt-4o-mini-tts", extra_kwargs={"response_format": audio})
        await heard(voice.synthesize("Hello there."))
        await voice.aclose()

    run(work)
    line = quick.line()
    assert (line["characters"], line["sent_characters"]) == (None, 12)
    assert line["output_tokens"] == line["output_audio_tokens"] == 15
    assert line["sources"]["output_tokens"] == "provider_reported"
    assert line["cost_picos"] > 0
    quick.assert_equals_bill()


def test_a_token_billed_voice_without_its_usage_is_unpriced(quick: Stage) -> None:
    quick.sim.fault("openai", "tts", "no_usage")

    async def work() -> None:
        voice = openai("gpt-4o-mini-tts")
        await heard(voice.synthesize("Hello there."))
        await voice.aclose()

    run(work)
    line = quick.line()
    assert (line["output_tokens"], line["cost_picos"], line["sent_characters"]) == (None, None, 12)


def test_a_cut_openai_voice_books_the_characters_it_was_sent(stage: Stage) -> None:
    async def work() -> None:
        voice = openai("tts-1", extra_kwargs={"response_format": "pcm"})
        stream = voice.synthesize(LONG)
        async for _ in stream:
            break
        await stream.aclose()
        await voice.aclose()

    run(work)
    assert (stage.line()["status"], stage.line()["characters"]) == ("cancelled", len(LONG))
    stage.assert_equals_bill()


@pytest.mark.parametrize("provider", ["cartesia", "openai"])
@pytest.mark.parametrize("status", [429, 500])
def test_a_refused_attempt_and_its_retry_are_two_lines_of_one_request(
    quick: Stage, provider: str, status: int
) -> None:
    quick.sim.fault(provider, "tts", "status", value=status)

    async def work() -> None:
        voice = cartesia() if provider == "cartesia" else openai()
        assert await heard(voice.synthesize("Hello.", conn_options=TWICE))
        await voice.aclose()

    run(work)
    refused, served = quick.lines()
    assert refused["request_id"] == served["request_id"]
    assert (refused["status"], refused["error_status"]) == ("error", status)
    assert (refused["characters"], refused["cost_picos"]) == (0, 0)
    assert (served["status"], served["characters"]) == ("success", 6)


def test_a_refused_socket_and_its_retry_are_two_lines(quick: Stage) -> None:
    quick.sim.fault("cartesia", "tts", "status", value=429)

    async def work() -> None:
        voice = cartesia()
        assert await say(voice, "Hello.", conn_options=TWICE)
        await voice.aclose()

    run(work)
    refused, served = quick.lines()
    assert (refused["status"], refused["error_kind"], refused["characters"]) == ("error", "rate_limited", 0)
    assert (served["status"], served["characters"]) == ("success", 8)
    assert refused["request_id"] == served["request_id"]
    quick.assert_equals_bill()


def test_an_error_frame_is_an_error_that_cartesia_does_not_bill(quick: Stage) -> None:
    quick.sim.fault("cartesia", "tts", "error_frame")

    async def work() -> None:
        await say(cartesia(), SENTENCE, conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    line = quick.line()
    assert (line["status"], line["characters"], line["cost_picos"]) == ("error", 0, 0)
    assert line["sent_characters"] == quick.sim.row("tts")["sent_characters"] > 0
    quick.assert_equals_bill()


def test_a_socket_dropped_in_mid_speech_books_what_was_sent(stage: Stage) -> None:
    stage.sim.fault("cartesia", "tts", "drop", after_units=10)

    async def work() -> None:
        await say(cartesia(), SENTENCE, conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    line, billed = stage.line(), stage.sim.row("tts")
    assert line["status"] == "error"
    assert line["characters"] == line["sent_characters"] >= billed["characters"] > 0


def test_a_stalled_voice_is_a_timeout(quick: Stage) -> None:
    quick.sim.fault("cartesia", "tts", "stall")

    async def work() -> None:
        await say(cartesia(), SENTENCE, conn_options=APIConnectOptions(max_retry=0, timeout=0.4))

    with pytest.raises(APIError):
        run(work)
    line = quick.line()
    assert (line["status"], line["error_kind"]) == ("error", "upstream_timeout")
    quick.assert_equals_bill()


def test_a_malformed_frame_is_an_error(quick: Stage) -> None:
    quick.sim.fault("cartesia", "tts", "malformed")

    async def work() -> None:
        await say(cartesia(), SENTENCE, conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    assert quick.line()["status"] == "error"
    quick.assert_equals_bill()


def test_a_slow_voice_shows_in_its_latency(quick: Stage) -> None:
    quick.sim.fault("cartesia", "tts", "slow", value=400)

    async def work() -> None:
        voice = cartesia()
        await say(voice, "Hello.")
        await voice.aclose()

    run(work)
    assert quick.line()["ttfb_micros"] > 400_000
    quick.assert_equals_bill()


def test_speech_that_was_never_asked_to_begin_has_no_latency_of_its_own(quick: Stage) -> None:
    """A stream is opened before there is anything to say: its time to first byte runs from the first text."""

    async def work() -> None:
        voice = cartesia()
        stream = voice.stream()
        await asyncio.sleep(0.3)
        stream.push_text("Hello.")
        stream.end_input()
        await heard(stream)
        await voice.aclose()

    run(work)
    line = quick.line()
    # The time before the text came belongs to the request, not to its first audio.
    assert line["latency_micros"] - line["ttfb_micros"] > 300_000


def test_options_changed_on_the_object_are_those_of_the_next_request(quick: Stage) -> None:
    async def work() -> None:
        voice = cartesia()
        await say(voice, "One.")
        voice.update_options(model="sonic-turbo", voice="another-voice")
        await say(voice, "Two.")
        await voice.aclose()

    run(work)
    first, second = quick.lines()
    assert (first["model_id"], second["model_id"]) == ("cartesia/sonic-3", "cartesia/sonic-turbo")
    assert second["metadata"]["voice"] == "another-voice" != first["metadata"]["voice"]
    quick.assert_equals_bill()


def test_a_stream_adapter_books_each_sentence_once(quick: Stage) -> None:
    async def work() -> None:
        voice = openai()
        adapter = tts.StreamAdapter(tts=voice, sentence_tokenizer=tokenize.basic.SentenceTokenizer())
        assert await say(adapter, "This is the first sentence of two. ", "And here the second one comes.") > 2
        await adapter.aclose()
        await voice.aclose()

    run(work)
    lines = quick.lines()
    assert [line["status"] for line in lines] == ["success"] * len(lines)
    assert sum(line["characters"] for line in lines) > 50
    quick.assert_equals_bill()


def test_synthesize_made_of_a_stream_is_booked_once(quick: Stage) -> None:
    """LiveKit builds ``synthesize`` out of ``stream`` for plugins without one; only the stream is on the wire."""

    async def work() -> None:
        voice = cartesia()
        made = voice._synthesize_with_stream("Hello there.", conn_options=ONCE)
        await heard(made)
        await voice.aclose()

    run(work)
    assert quick.line()["status"] == "success"
    quick.assert_equals_bill()


def test_a_fallback_books_every_member_it_tried_and_the_probe_that_found_one_well(quick: Stage) -> None:
    quick.sim.fault("cartesia", "tts", "error_frame")

    async def work() -> None:
        first, second = cartesia(), inference.TTS("deepgram/aura-2:thalia")
        chain = tts.FallbackAdapter([first, second], max_retry_per_tts=0)
        assert await say(chain, "Hello there, my friend.")
        await until(lambda: chain._status[0].available)
        await chain.aclose()
        await first.aclose()
        await second.aclose()

    run(work)
    found = sorted((line["provider"], line["status"], line["probe"]) for line in quick.lines())
    assert found == [("cartesia", "error", 0), ("cartesia", "success", 1), ("deepgram", "fallback", 0)]
    quick.assert_equals_bill()


def test_a_bad_key_is_an_unauthenticated_line(quick: Stage) -> None:
    async def work() -> None:
        voice = inference.TTS("cartesia/sonic-3", api_key="invalid")
        await heard(voice.synthesize("Hello.", conn_options=ONCE))

    with pytest.raises(APIStatusError):
        run(work)
    line = quick.line()
    assert (line["error_kind"], line["error_status"], line["cost_picos"]) == ("unauthenticated", 401, 0)


def test_the_ledger_holds_nothing_of_what_was_spoken(quick: Stage) -> None:
    quick.sim.fault("cartesia", "tts", "error_frame")

    async def work() -> None:
        await say(cartesia(), "The secret word is xyzzy, keep it.", conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    assert "xyzzy" not in json.dumps(quick.line(), default=str)
