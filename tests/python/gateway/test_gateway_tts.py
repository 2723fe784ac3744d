"""LiveKit's own TTS client against the gateway."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from conversing import FINAL, OLDEST, ONCE, heard, run, say, until
from livekit.agents import APIConnectOptions, APIError, APIStatusError, inference
from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT
from serving import Gateway

SENTENCE = "Hello there, my friend. How are you?"
LONG = "This is a rather long sentence that will be cut off. And another long one follows right after it. " * 3


def cartesia(**kwargs: Any) -> Any:
    return inference.TTS("cartesia/sonic-3:a-voice", **kwargs)


@pytest.mark.parametrize("model", [
        "cartesia/sonic-3:a-voice",
        "deepgram/aura-2:thalia",
        "openai/tts-1:alloy",
        "groq/canopylabs/orpheus-v1-english:hannah",
    ])
def test_a_synthesis_is_heard_and_is_one_line(swift: Gateway, model: str) -> None:
    async def work() -> float:
        voice = inference.TTS(model)
        try:
            return await say(voice, SENTENCE)
        finally:
            await voice.aclose()

    assert run(work) > 1
    (line,) = swift.lines()
    assert (line["status"], line["model_id"], line["project"]) == ("success", model.rpartition(":")[0], "shop")
    assert line["characters"] >= len(SENTENCE)
    assert line["metadata"]["voice"] == model.rpartition(":")[2] or line["provider"] == "deepgram"
    assert 1_000 < line["ttfb_micros"] <= line["latency_micros"]
    assert line["cost_picos"] > 0
    swift.assert_equals_bill()


def test_syntheses_one_after_another_share_a_socket(swift: Gateway) -> None:
    texts = ["One.", "Number two is longer.", "Three, three, three."]

    async def work() -> int:
        voice = cartesia()
        for text in texts:
            assert await say(voice, text) > 0.2
        sockets = len(voice._pool._connections)
        await voice.aclose()
        return sockets

    assert run(work) == 1
    lines = swift.lines()
    assert [line["status"] for line in lines] == ["success"] * 3
    assert [line["sent_characters"] >= len(text) for line, text in zip(lines, texts, strict=True)] == [True] * 3
    swift.assert_equals_bill()


def test_parallel_syntheses_do_not_mix(gateway: Gateway) -> None:
    texts = ["One.", "Number two.", "Number three is longer.", "And the fourth is the longest of them all."]

    async def work() -> list[float]:
        voice = cartesia()
        seconds = await asyncio.gather(*(say(voice, text) for text in texts))
        assert len(voice._pool._connections) == 4
        # And once more, on the sockets that are there.
        seconds += await asyncio.gather(*(say(voice, text) for text in texts))
        assert len(voice._pool._connections) == 4
        await voice.aclose()
        return seconds

    seconds = run(work)
    assert sorted(seconds[:4]) == seconds[:4] and sorted(seconds[4:]) == seconds[4:]
    assert len(gateway.lines()) == 8
    gateway.assert_equals_bill()


def test_text_of_any_script_is_counted_in_code_points(swift: Gateway) -> None:
    async def work() -> None:
        voice = cartesia()
        await say(voice, "Grüße aus Köln, naïve Änne 😀.")
        await say(voice, "日本語です。")
        await voice.aclose()

    run(work)
    assert len(swift.lines()) == 2
    swift.assert_equals_bill()


def test_a_reply_that_comes_sentence_by_sentence_is_one_synthesis(gateway: Gateway) -> None:
    async def work() -> float:
        voice = cartesia()
        stream = voice.stream()

        async def write() -> None:
            for sentence in ("This is the first sentence of a reply. ", "Here is the second sentence of it. "):
                stream.push_text(sentence)
                await asyncio.sleep(0.6)
            stream.push_text("And that was all of it.")
            stream.end_input()

        writing = asyncio.create_task(write())
        seconds = await heard(stream)
        await writing
        # Nothing of the first is left on the socket.
        short = await say(voice, "Yes.")
        assert short < 1.5 < seconds
        await voice.aclose()
        return seconds

    run(work)
    assert [line["status"] for line in gateway.lines()] == ["success", "success"]
    gateway.assert_equals_bill()


def test_a_pause_between_sentences_is_waited_out(gateway: Gateway) -> None:
    """The client gives up when nothing comes for its timeout, even while it is itself waiting for more text."""
    patience = APIConnectOptions(max_retry=0, timeout=5.5)

    async def work() -> float:
        voice = cartesia()
        stream = voice.stream(conn_options=patience)

        async def write() -> None:
            stream.push_text("This is the first sentence, and it is long enough. ")
            stream.flush()
            await asyncio.sleep(8.0)
            stream.push_text("And here, at last, comes the second.")
            stream.end_input()

        writing = asyncio.create_task(write())
        seconds = await heard(stream)
        await writing
        await voice.aclose()
        return seconds

    assert run(work) > 3
    assert [line["status"] for line in gateway.lines()] == ["success"]
    gateway.assert_equals_bill()


def test_nothing_to_say_is_no_request(swift: Gateway) -> None:
    async def work() -> float:
        voice = cartesia()
        stream = voice.stream(conn_options=ONCE)
        stream.push_text(" ")
        stream.end_input()
        seconds = await heard(stream)
        assert await say(voice, "Yes.") > 0
        await voice.aclose()
        return seconds

    assert run(work) == 0
    assert len([line for line in swift.lines() if line["sent_characters"]]) == 1
    swift.assert_equals_bill()


def test_options_changed_on_the_object_are_those_of_the_next_synthesis(swift: Gateway) -> None:
    async def work() -> int:
        voice = cartesia()
        await say(voice, "One.")
        voice.update_options(voice="another-voice", language="fr")
        await say(voice, "Deux.")
        voice.update_options(model="cartesia/sonic-turbo")
        await say(voice, "Trois.")
        sockets = len(voice._pool._connections)
        await voice.aclose()
        return sockets

    assert run(work) == 1
    lines = swift.lines()
    assert [line["metadata"]["voice"] for line in lines] == ["a-voice", "another-voice", "another-voice"]
    assert [line["model_id"] for line in lines] == ["cartesia/sonic-3", "cartesia/sonic-3", "cartesia/sonic-turbo"]
    swift.assert_equals_bill()


@pytest.mark.skipif(OLDEST, reason="its client does not read when words are spoken")
def test_words_come_with_their_times(swift: Gateway) -> None:
    async def work() -> list[Any]:
        voice = cartesia(extra_kwargs={"add_timestamps": True})
        words: list[Any] = []
        stream = voice.stream()
        stream.push_text(SENTENCE)
        stream.end_input()
        async with stream:
            async for event in stream:
                words += event.frame.userdata.get(USERDATA_TIMED_TRANSCRIPT, [])
        await voice.aclose()
        return words

    words = run(work)
    assert "".join(words).split() == SENTENCE.split()
    starts = [word.start_time for word in words]
    assert starts == sorted(starts) and starts[0] >= 0
    swift.assert_equals_bill()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_speech_comes_at_the_rate_that_was_asked_for(swift: Gateway, rate: int) -> None:
    async def work() -> tuple[float, float]:
        own, voice = cartesia(), cartesia(sample_rate=rate)
        both = await say(own, SENTENCE), await say(voice, SENTENCE)
        await own.aclose()
        await voice.aclose()
        return both

    first, second = run(work)
    assert abs(first - second) < 0.1
    swift.assert_equals_bill()


def test_a_barge_in_is_cancelled_and_the_next_reply_is_whole(gateway: Gateway) -> None:
    async def work() -> float:
        voice = cartesia()
        stream = voice.stream()
        stream.push_text(LONG)
        stream.end_input()
        async for _ in stream:
            break
        await stream.aclose()
        seconds = await say(voice, "Yes?")
        await voice.aclose()
        await until(lambda: len(gateway.sim.requests()) >= 2)
        return seconds

    assert 0.1 < run(work) < 2.0
    cut, served = gateway.lines()
    assert (cut["status"], served["status"]) == ("cancelled", "success")
    gateway.assert_equals_bill()


def test_a_listener_that_is_gone_does_not_cost_a_whole_speech(gateway: Gateway) -> None:
    """On a barge-in, Python's client reads no more and says nothing: the provider must not speak on for nobody."""

    async def work() -> None:
        voice = cartesia()
        stream = voice.stream()
        stream.push_text(LONG * 8)
        stream.end_input()
        async for _ in stream:
            break
        await stream.aclose()
        await voice.aclose()
        await until(lambda: gateway.sim.requests(), 20)

    run(work)
    (line,) = gateway.lines()
    assert line["status"] == "cancelled"
    gateway.assert_equals_bill()


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_of_the_provider_is_retried_behind_the_gateway(swift: Gateway, status: int) -> None:
    swift.sim.fault("cartesia", "tts", "status", value=status)

    async def work() -> float:
        voice = cartesia()
        seconds = await say(voice, SENTENCE, conn_options=ONCE)
        await voice.aclose()
        return seconds

    assert run(work) > 1
    refused, served = swift.lines()
    assert (refused["status"], refused["error_status"], refused["characters"]) == ("error", status, 0)
    assert served["status"] == "success"
    assert refused["request_id"] == served["request_id"]
    swift.assert_equals_bill()


def test_an_error_frame_is_spoken_over(swift: Gateway) -> None:
    swift.sim.fault("cartesia", "tts", "error_frame")

    async def work() -> float:
        voice = cartesia()
        seconds = await say(voice, SENTENCE, conn_options=ONCE)
        await voice.aclose()
        return seconds

    assert run(work) > 1
    failed, served = swift.lines()
    assert (failed["status"], failed["characters"]) == ("error", 0)
    assert served["status"] == "success"
    swift.assert_equals_bill()


def test_a_fallback_of_the_request_takes_over(swift: Gateway) -> None:
    swift.sim.fault("cartesia", "tts", "status", value=401, times=9)

    async def work() -> float:
        voice = cartesia(fallback=["deepgram/aura-2:thalia"])
        seconds = await say(voice, SENTENCE, conn_options=ONCE)
        await voice.aclose()
        return seconds

    assert run(work) > 1
    *failed, served = swift.lines()
    assert failed and {line["status"] for line in failed} == {"error"}
    assert (served["model_id"], served["status"]) == ("deepgram/aura-2", "fallback")
    assert served["fallback_from"] == "cartesia/sonic-3"
    swift.assert_equals_bill()


def test_speech_dropped_in_the_middle_goes_on(gateway: Gateway) -> None:
    gateway.sim.fault("cartesia", "tts", "drop", after_units=60)

    async def work() -> float:
        voice = cartesia()
        seconds = await say(voice, LONG, conn_options=ONCE)
        await voice.aclose()
        return seconds

    assert run(work) > 60 * 0.06
    dropped, *served = gateway.lines()
    assert dropped["status"] == "error"
    assert served and {line["status"] for line in served} <= {"success", "fallback"}
    theirs = gateway.sim.requests()[0]
    assert dropped["characters"] >= theirs["characters"] > 0


def test_a_provider_that_stays_broken_is_an_error_of_the_client(swift: Gateway) -> None:
    swift.sim.fault("cartesia", "tts", "status", value=500, times=50)

    async def work() -> None:
        voice = cartesia()
        try:
            await say(voice, SENTENCE, conn_options=ONCE)
        finally:
            await voice.aclose()

    with pytest.raises(APIError):
        run(work)
    lines = swift.lines()
    assert lines and {line["status"] for line in lines} == {"error"}
    swift.assert_equals_bill()


def refusal_of(gateway: Gateway, voice: Any) -> APIStatusError:
    """The status error a synthesis ends with, at the first try."""

    async def work() -> None:
        try:
            await say(voice, "Hello.", conn_options=FINAL)
        finally:
            await voice.aclose()

    with pytest.raises(APIStatusError) as raised:
        run(work)
    assert gateway.log.read_text().count("refused: ") == 1
    return raised.value


def test_a_bad_secret_is_refused_at_once(swift: Gateway) -> None:
    assert refusal_of(swift, cartesia(api_secret="not the secret")).status_code == 401
    assert swift.lines() == []


@pytest.mark.parametrize("model", ["nobody/nothing", "anthropic/claude-sonnet-4-5"])
def test_a_model_that_cannot_speak_is_refused_at_once(swift: Gateway, model: str) -> None:
    assert refusal_of(swift, inference.TTS(model, voice="x")).status_code in (400, 404)
    assert swift.lines() == []
