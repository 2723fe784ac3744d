"""LiveKit's and OpenAI's own clients hear and speak through ElevenLabs."""

from __future__ import annotations

import asyncio
import io
import wave
from typing import Any

import openai as openai_sdk
import pytest
from conversing import OLDEST, ONCE, RATE, feed, heard, listen, run, say, silence, tone
from livekit.agents import inference, stt
from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT
from serving import Gateway

SENTENCE = "Hello there, my friend. How are you?"
LONG = "This is a rather long sentence that will be cut off. And another long one follows right after it. " * 3
#: One of each family of models: v3 and v4 have a wire of their own.
MODELS = ["eleven_turbo_v2_5", "eleven_v3"]


def voice(model: str = "eleven_turbo_v2_5", **kwargs: Any) -> Any:
    return inference.TTS(f"elevenlabs/{model}:a-voice", **kwargs)


@pytest.mark.parametrize("model", MODELS)
def test_syntheses_are_heard_and_are_lines_of_their_own(swift: Gateway, model: str) -> None:
    texts = [SENTENCE, "Number two.", "Grüße aus Köln, naïve Änne 😀."]

    async def work() -> list[float]:
        ours = voice(model)
        seconds = [await say(ours, text) for text in texts]
        await ours.aclose()
        return seconds

    assert all(seconds > 0.3 for seconds in run(work))
    lines = swift.lines()
    for line, text in zip(lines, texts, strict=True):
        assert (line["status"], line["model_id"], line["project"]) == ("success", f"elevenlabs/{model}", "shop")
        assert line["characters"] >= len(text)
        assert line["metadata"]["voice"] == "a-voice"
        assert 0 < line["ttfb_micros"] <= line["latency_micros"]
        assert line["cost_picos"] > 0
    assert [line["sockets"] for line in lines] == [1, 0, 0]
    swift.assert_equals_bill()


def test_syntheses_at_the_same_time_do_not_mix(gateway: Gateway) -> None:
    texts = ["One.", "Number two.", "Number three is longer.", "And the fourth is the longest of them all."]

    async def work() -> list[float]:
        ours = voice()
        seconds = await asyncio.gather(*(say(ours, text) for text in texts))
        await ours.aclose()
        return seconds

    seconds = run(work)
    assert sorted(seconds) == seconds
    assert len(gateway.lines()) == 4
    gateway.assert_equals_bill()


@pytest.mark.skipif(OLDEST, reason="its client does not read when words are spoken")
@pytest.mark.parametrize("model", MODELS)
def test_words_come_with_their_times(swift: Gateway, model: str) -> None:
    async def work() -> list[Any]:
        ours = voice(model, extra_kwargs={"sync_alignment": True})
        words: list[Any] = []
        stream = ours.stream()
        stream.push_text(SENTENCE)
        stream.end_input()
        async with stream:
            async for event in stream:
                words += event.frame.userdata.get(USERDATA_TIMED_TRANSCRIPT, [])
        await ours.aclose()
        return words

    words = run(work)
    assert "".join(words).split() == SENTENCE.split()
    starts = [word.start_time for word in words]
    assert starts == sorted(starts) and starts[0] >= 0
    # 60 ms a character.
    assert abs(words[-1].end_time - 0.06 * len(SENTENCE)) < 0.2
    swift.assert_equals_bill()


@pytest.mark.parametrize("model", MODELS)
def test_a_barge_in_is_cancelled_and_the_next_reply_is_whole(gateway: Gateway, model: str) -> None:
    async def work() -> float:
        ours = voice(model)
        stream = ours.stream()
        stream.push_text(LONG)
        stream.end_input()
        async for _ in stream:
            break
        await stream.aclose()
        seconds = await say(ours, "Yes?")
        await ours.aclose()
        return seconds

    assert 0.1 < run(work) < 2.0
    cut, served = gateway.lines()
    assert (cut["status"], served["status"]) == ("cancelled", "success")
    gateway.assert_equals_bill()


def test_an_error_frame_is_spoken_over(swift: Gateway) -> None:
    swift.sim.fault("elevenlabs", "tts", "error_frame")

    async def work() -> float:
        ours = voice()
        seconds = await say(ours, SENTENCE, conn_options=ONCE)
        await ours.aclose()
        return seconds

    assert run(work) > 1
    failed, served = swift.lines()
    assert (failed["status"], failed["error_status"], failed["characters"]) == ("error", 500, 0)
    assert served["status"] == "success"
    swift.assert_equals_bill()


def test_another_provider_goes_on_with_the_sentence_that_was_not_spoken(gateway: Gateway) -> None:
    """The alignment tells which sentences were spoken to their end, so that no other is said twice."""
    first, second, third = ("The first sentence is spoken. ", "The second one breaks off. ", "And here is a third. ")
    gateway.sim.fault("elevenlabs", "tts", "drop", after_units=len(first) + 10)

    async def work() -> float:
        ours = voice(fallback=["cartesia/sonic-3:a-voice"])
        stream = ours.stream(conn_options=ONCE)
        stream.push_text(first + second + third)
        stream.end_input()
        seconds = await heard(stream)
        await ours.aclose()
        return seconds

    run(work)
    failed, served = gateway.lines()
    assert (failed["provider"], failed["status"]) == ("elevenlabs", "error")
    assert (served["provider"], served["status"]) == ("cartesia", "fallback")
    assert served["characters"] == len(second) + len(third)


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_speech_comes_at_the_rate_that_was_asked_for(swift: Gateway, rate: int) -> None:
    async def work() -> tuple[float, float]:
        own, other = voice(), voice(sample_rate=rate)
        both = await say(own, SENTENCE), await say(other, SENTENCE)
        await own.aclose()
        await other.aclose()
        return both

    first, second = run(work)
    assert abs(first - second) < 0.1
    swift.assert_equals_bill()


def test_a_stream_is_understood_ends_at_once_and_is_one_line(swift: Gateway) -> None:
    swift.sim.script(transcripts=["Hello there, how are you?", "Goodbye."])

    async def work() -> list[stt.SpeechEvent]:
        ours = inference.STT(
            "elevenlabs/scribe_v2_realtime:en", extra_kwargs={"vad_silence_threshold_secs": 0.5}
        )
        events: list[stt.SpeechEvent] = []
        stream = ours.stream()

        async def feed_all() -> None:
            await feed(stream, silence(0.5) + tone(1.5) + silence(0.7) + tone(0.8))
            stream.end_input()

        async with stream:
            feeding = asyncio.create_task(feed_all())
            async for event in stream:
                events.append(event)
            await feeding
        return events

    events = run(work)
    kinds = [event.type for event in events]
    finals = [event.alternatives[0] for event in events if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT]
    assert [final.text for final in finals] == ["Hello there, how are you?", "Goodbye."]
    assert kinds[0] == stt.SpeechEventType.START_OF_SPEECH
    assert 0.4 < finals[0].start_time < finals[0].end_time < 2.1 < finals[1].start_time
    line = swift.line()
    assert (line["status"], line["model_id"]) == ("success", "elevenlabs/scribe_v2_realtime")
    assert line["cost_picos"] == -(-line["audio_nanos"] * 108_333 // 1_000_000) or line["cost_picos"] > 0
    swift.assert_equals_bill()


def test_what_was_said_when_the_provider_went_is_heard_by_another(swift: Gateway) -> None:
    swift.sim.fault("elevenlabs", "stt", "drop", after_units=1_000)

    async def work() -> list[str]:
        ours = inference.STT("elevenlabs/scribe_v2_realtime", fallback=["deepgram/nova-3"])
        return await listen(ours.stream(conn_options=ONCE), silence(0.3) + tone(1.5) + silence(0.7))

    assert len(run(work)) == 1
    assert [line["provider"] for line in swift.lines()] == ["elevenlabs", "deepgram"]


def recording(seconds: float) -> tuple[str, bytes]:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(tone(seconds))
    return "speech.wav", file.getvalue()


def test_openais_client_transcribes_and_speaks(swift: Gateway) -> None:
    swift.sim.script(transcripts=["Hello there, how are you?"])
    with openai_sdk.OpenAI(**swift.openai, max_retries=0) as client:
        done = client.audio.transcriptions.create(model="elevenlabs/scribe_v2", file=recording(1.5))
        assert done.text == "Hello there, how are you?"
        for form in ("mp3", "pcm"):
            with client.audio.speech.with_streaming_response.create(
                model="elevenlabs/eleven_flash_v2_5", voice="a-voice", input="Hello there.", response_format=form
            ) as answer:
                assert len(answer.read()) > 1_000
        with pytest.raises(openai_sdk.BadRequestError, match="`mp3`, `opus` and `pcm`"):
            client.audio.speech.create(
                model="elevenlabs/eleven_flash_v2_5", voice="a-voice", input="Hello.", response_format="flac"
            )
    transcribed, *spoken = [line for line in swift.lines() if line["status"] == "success"]
    assert (transcribed["audio_nanos"], transcribed["sources"]["audio_nanos"]) == (1_500_000_000, "provider_reported")
    assert [line["characters"] for line in spoken] == [12, 12]
    swift.assert_equals_bill()
