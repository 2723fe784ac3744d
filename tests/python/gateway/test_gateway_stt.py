"""LiveKit's own STT client against the gateway."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from conversing import FINAL, ONCE, RATE, feed, listen, run, silence, tone, until
from livekit.agents import APIStatusError, inference, stt
from serving import Gateway

#: Half a second of nothing, a sentence, and the pause after it.
SENTENCE = silence(0.5) + tone(1.5) + silence(0.7)

#: How much audio may be in flight when a provider goes away: what is fed in a tenth of a second.
IN_FLIGHT_NANOS = 100_000_000


async def events(stream: Any, pcm: bytes, **kwargs: Any) -> tuple[list[stt.SpeechEvent], float]:
    """Feed a recognition to its end; what it said, and the seconds from the end of its input to its own."""
    heard: list[stt.SpeechEvent] = []
    ended_at = 0.0

    async def feed_all() -> None:
        nonlocal ended_at
        await feed(stream, pcm, **kwargs)
        stream.end_input()
        ended_at = time.monotonic()

    async with stream:
        feeding = asyncio.create_task(feed_all())
        async for event in stream:
            heard.append(event)
        took = time.monotonic() - ended_at
        await feeding
    return heard, took


def finals(heard: list[stt.SpeechEvent]) -> list[stt.SpeechData]:
    return [event.alternatives[0] for event in heard if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT]


@pytest.mark.parametrize("model", ["deepgram/nova-3", "deepgram/flux-general-en", "cartesia/ink-2", "cartesia/ink-whisper"])
def test_a_stream_is_understood_ends_at_once_and_is_one_line(swift: Gateway, model: str) -> None:
    swift.sim.script(transcripts=["Hello there, how are you?"])

    async def work() -> tuple[list[stt.SpeechEvent], float]:
        return await events(inference.STT(model).stream(), SENTENCE + silence(0.8))

    heard, took = run(work)
    assert [final.text for final in finals(heard)] == ["Hello there, how are you?"]
    kinds = [event.type for event in heard]
    assert kinds[0] == stt.SpeechEventType.START_OF_SPEECH
    assert kinds[-1] == stt.SpeechEventType.END_OF_SPEECH
    # The client itself would wait three seconds for more.
    assert took < 2.5
    line = swift.line()
    assert (line["status"], line["model_id"], line["project"]) == ("success", model, "shop")
    assert line["sockets"] == 1
    assert line["cost_picos"] or "unpriced" in line["metadata"]
    swift.assert_equals_bill()


@pytest.mark.parametrize("unsaid", [(), ("auto",)])
def test_a_stream_of_no_model_is_heard_by_the_projects_own(swift: Gateway, unsaid: tuple[str, ...]) -> None:
    async def work() -> list[str]:
        return await listen(inference.STT(*unsaid).stream(), SENTENCE)

    assert len(run(work)) == 1
    assert swift.line()["model_id"] == "deepgram/nova-3"
    swift.assert_equals_bill()


def test_times_run_from_the_first_sample_and_words_carry_theirs(swift: Gateway) -> None:
    swift.sim.script(transcripts=["One two.", "Three four."])

    async def work() -> list[stt.SpeechEvent]:
        return (await events(inference.STT("deepgram/nova-3").stream(), SENTENCE + SENTENCE))[0]

    first, second = finals(run(work))
    assert (first.text, second.text) == ("One two.", "Three four.")
    # Each sentence of 2.7 s begins with half a second of nothing, and speaks for a second and a half.
    assert 0.3 <= first.start_time < first.end_time <= 2.7
    assert 2.7 + 0.3 <= second.start_time < second.end_time <= 5.4
    assert first.words and [str(word).strip() for word in first.words] == ["One", "two."]
    assert all(0.3 <= word.start_time < word.end_time <= 2.7 for word in first.words)  # type: ignore[operator]
    swift.assert_equals_bill()


def test_parallel_streams_do_not_mix(swift: Gateway) -> None:
    lengths = (0.5, 1.0, 1.5, 2.0)

    async def work() -> None:
        ears = inference.STT("deepgram/nova-3")
        await asyncio.gather(*(listen(ears.stream(), tone(length)) for length in lengths))

    run(work)
    assert sorted(line["audio_nanos"] for line in swift.lines()) == [round(length * 1e9) for length in lengths]
    swift.assert_equals_bill()


def test_silence_is_billed_and_is_no_error(swift: Gateway) -> None:
    async def work() -> None:
        assert await listen(inference.STT("deepgram/nova-3").stream(), silence(2.0)) == []

    run(work)
    assert (swift.line()["status"], swift.line()["audio_nanos"]) == ("success", 2_000_000_000)
    swift.assert_equals_bill()


def test_the_language_of_the_model_string_reaches_the_provider_and_its_price(swift: Gateway) -> None:
    async def work() -> None:
        await listen(inference.STT("deepgram/nova-3:en").stream(), tone(1.0))
        await listen(inference.STT("deepgram/nova-3:multi").stream(), tone(1.0))

    run(work)
    one, many = swift.lines()
    assert (one["metadata"]["language"], many["metadata"]["language"]) == ("en", "multi")
    assert many["cost_picos"] > one["cost_picos"]
    swift.assert_equals_bill()


def test_closing_in_mid_utterance_is_cancelled_and_books_what_was_sent(gateway: Gateway) -> None:
    async def work() -> None:
        stream = inference.STT("deepgram/nova-3").stream()
        await feed(stream, tone(1.0) + tone(0.03))
        await until(lambda: gateway.sim.meter() and gateway.sim.row("stt")["audio_seconds"] == 1.0)
        await stream.aclose()
        await until(lambda: gateway.sim.requests())

    run(work)
    line = gateway.line()
    # The client sends whole 50 ms: the rest was pushed, but never left.
    assert line["audio_nanos"] == 1_000_000_000
    assert line["status"] in ("cancelled", "success")
    gateway.assert_equals_bill()


def test_a_cancelled_task_is_settled(gateway: Gateway) -> None:
    async def work() -> None:
        async def hear() -> None:
            async with inference.STT("deepgram/nova-3").stream() as stream:
                feeding = asyncio.create_task(feed(stream, tone(5.0), speed=1.0))
                try:
                    async for _ in stream:
                        pass
                finally:
                    feeding.cancel()

        task = asyncio.create_task(hear())
        await until(lambda: gateway.sim.meter() and gateway.sim.row("stt")["audio_seconds"] > 0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: gateway.sim.requests())

    run(work)
    assert len(gateway.lines()) == 1
    gateway.assert_equals_bill()


def test_options_and_keyterms_change_in_mid_stream(gateway: Gateway) -> None:
    async def work() -> list[stt.SpeechData]:
        ears = inference.STT("deepgram/nova-3", extra_kwargs={"keyterm": ["Ada"], "smart_format": True})
        stream = ears.stream()
        heard: list[stt.SpeechEvent] = []

        async def collect() -> None:
            async for event in stream:
                heard.append(event)

        collecting = asyncio.create_task(collect())
        await feed(stream, SENTENCE, speed=2.0)
        await until(lambda: finals(heard))
        ears.update_options(extra={"keyterm": ["Ada", "Bob"], "endpointing": 100})
        await feed(stream, SENTENCE, speed=2.0)
        stream.end_input()
        await collecting
        await stream.aclose()
        return finals(heard)

    assert len(run(work)) == 2
    assert {line["status"] for line in gateway.lines()} == {"success"}
    gateway.assert_equals_bill()


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_of_the_provider_is_retried_behind_the_gateway(swift: Gateway, status: int) -> None:
    swift.sim.fault("deepgram", "stt", "status", value=status)

    async def work() -> list[str]:
        return await listen(inference.STT("deepgram/nova-3").stream(conn_options=ONCE), SENTENCE)

    assert len(run(work)) == 1
    refused, served = swift.lines()
    assert (refused["status"], refused["error_status"], refused["audio_nanos"]) == ("error", status, 0)
    assert served["status"] == "success"
    assert refused["request_id"] == served["request_id"]
    swift.assert_equals_bill()


def test_a_socket_dropped_in_mid_utterance_loses_no_word(gateway: Gateway) -> None:
    gateway.sim.script(transcripts=["It is heard all the same."] * 2)
    gateway.sim.fault("deepgram", "stt", "drop", after_units=600)

    async def work() -> list[stt.SpeechEvent]:
        stream = inference.STT("deepgram/nova-3").stream(conn_options=ONCE)
        return (await events(stream, tone(1.5) + silence(1.0), speed=1.0))[0]

    (final,) = finals(run(work))
    assert final.text == "It is heard all the same."
    assert 0 <= final.start_time < final.end_time <= 2.5
    dropped, served = gateway.lines()
    assert (dropped["status"], served["status"]) == ("error", "success")
    assert dropped["request_id"] == served["request_id"]
    cut, whole = gateway.sim.requests()
    assert 0 <= dropped["audio_nanos"] - round(cut["audio_seconds"] * 1e9) <= IN_FLIGHT_NANOS
    assert served["audio_nanos"] == round(whole["audio_seconds"] * 1e9)


def test_a_fallback_of_the_request_takes_over(swift: Gateway) -> None:
    swift.sim.fault("deepgram", "stt", "status", value=401, times=9)

    async def work() -> list[str]:
        ears = inference.STT("deepgram/nova-3", fallback=["cartesia/ink-whisper"])
        return await listen(ears.stream(conn_options=ONCE), SENTENCE + silence(0.8))

    assert len(run(work)) == 1
    *failed, served = swift.lines()
    assert failed and {line["model_id"] for line in failed} == {"deepgram/nova-3"}
    assert (served["model_id"], served["status"], served["fallback_from"]) == (
        "cartesia/ink-whisper",
        "fallback",
        "deepgram/nova-3",
    )
    swift.assert_equals_bill()


@pytest.mark.parametrize("rate", [8_000, 24_000])
def test_audio_of_another_rate_is_counted_in_its_own_seconds(swift: Gateway, rate: int) -> None:
    async def work() -> None:
        ears = inference.STT("deepgram/nova-3", sample_rate=rate)
        await listen(ears.stream(), tone(1.0, rate), rate=rate)

    run(work)
    assert swift.line()["audio_nanos"] == 1_000_000_000
    swift.assert_equals_bill()


def test_audio_is_resampled_by_the_client_to_the_rate_it_announced(swift: Gateway) -> None:
    async def work() -> None:
        ears = inference.STT("deepgram/nova-3", sample_rate=24_000)
        await listen(ears.stream(), tone(1.0, RATE))

    run(work)
    assert abs(swift.line()["audio_nanos"] - 1_000_000_000) <= 60_000_000
    swift.assert_equals_bill()


def refusal_of(gateway: Gateway, ears: Any) -> APIStatusError:
    """The status error a stream ends with, at the first try."""

    async def work() -> None:
        await listen(ears.stream(conn_options=FINAL), tone(0.5))

    with pytest.raises(APIStatusError) as raised:
        run(work)
    assert gateway.log.read_text().count("refused: ") == 1
    return raised.value


def test_a_bad_secret_is_refused_at_once(swift: Gateway) -> None:
    assert refusal_of(swift, inference.STT("deepgram/nova-3", api_secret="not the secret")).status_code == 401
    assert swift.lines() == []


def test_an_unknown_key_is_refused_at_once(swift: Gateway) -> None:
    assert refusal_of(swift, inference.STT("deepgram/nova-3", api_key="APInobody")).status_code == 401


@pytest.mark.parametrize("model", ["nobody/nothing", "anthropic/claude-sonnet-4-5"])
def test_a_model_that_cannot_listen_is_refused_at_once(swift: Gateway, model: str) -> None:
    assert refusal_of(swift, inference.STT(model)).status_code in (400, 404)
    assert swift.lines() == []
