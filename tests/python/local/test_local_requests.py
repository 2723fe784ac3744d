"""Requests to the real runtimes: what comes back, and what is booked for it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from conversing import OLDEST, ONCE, TWICE, feed, heard, run, say, silence, tone, until
from livekit import rtc
from livekit.agents import APIConnectionError, APIError, APITimeoutError, stt
from loudness import Loudness
from machine import LocalStage, assert_free, audio
from toys import HEARD, KOKORO_SAMPLES, PIPER_RATE, PIPER_SAMPLES

from voicegateway import inference
from voicegateway.local import KokoroTTS, PiperTTS, WhisperSTT, _process

# All but the tests of workers themselves may share them.
pytestmark = pytest.mark.usefixtures("warm")

VOICES = {"kokoro": "local/kokoro", "piper": "local/piper:en_US-lessac-medium"}
SLOW = {"kokoro": "kokoro/kokoro-v1.0.slow:af_heart", "piper": "local/piper:slow"}
CLASSES = {"kokoro": KokoroTTS, "piper": PiperTTS}
SENTENCE = "Hello there, my good old friend."

both_voices = pytest.mark.parametrize("voice", ["kokoro", "piper"])
all_three = pytest.mark.parametrize("runtime", ["whisper", "kokoro", "piper"])


async def ask(runtime: str, made: Any, **kwargs: Any) -> Any:
    """One short request, whatever the runtime."""
    if runtime == "whisper":
        return await made.recognize(audio(1.5), **kwargs)
    return await heard(made.synthesize(SENTENCE, **kwargs))


def make(runtime: str, slow: bool = False) -> Any:
    if runtime == "whisper":
        return inference.STT("whisper/slow" if slow else "local/whisper-tiny")
    return inference.TTS((SLOW if slow else VOICES)[runtime])


def worker_of(made: Any) -> _process.Worker:
    """The worker an object uses; starts it."""
    return made._connection._real._acquire()  # type: ignore[no-any-return]


def test_s7_local_ids_build_and_their_rows_cost_nothing(local: LocalStage) -> None:
    async def work() -> None:
        ears = inference.STT("local/whisper-tiny")
        await ears.recognize(audio(1.0), conn_options=ONCE)
        await ears.aclose()
        for model in ("local/kokoro", "local/piper"):
            voice = inference.TTS(model)
            assert await heard(voice.synthesize("Fine.", conn_options=ONCE))
            await voice.aclose()

    run(work)
    lines = local.lines()
    assert [line["modality"] for line in lines] == ["stt", "tts", "tts"]
    for line in lines:
        assert_free(line)


def test_the_factories_make_livekit_objects(local: LocalStage) -> None:
    async def work() -> None:
        hearing = inference.STT("local/whisper-tiny")
        assert isinstance(hearing, WhisperSTT) and isinstance(hearing, stt.STT) and isinstance(hearing, inference.STT)
        assert (hearing.label, hearing.model, hearing.provider) == (
            "voicegateway.local.whisper.WhisperSTT",
            "tiny",
            "whisper",
        )
        assert not hearing.capabilities.streaming
        for name, model in VOICES.items():
            voice = inference.TTS(model)
            assert isinstance(voice, CLASSES[name]) and isinstance(voice, inference.TTS)
            assert (voice.provider, voice.capabilities.streaming) == (name, True)
            assert voice.sample_rate == {"kokoro": 24_000, "piper": PIPER_RATE}[name]

    before = dict(_process._workers)
    run(work)
    assert _process._workers == before, "building an object loads no model"
    assert local.lines() == []


def test_whisper_hears_a_recording(local: LocalStage) -> None:
    async def work() -> stt.SpeechEvent:
        hearing = inference.STT("local/whisper-tiny:en-US")
        event: stt.SpeechEvent = await hearing.recognize(audio(1.5))
        await hearing.aclose()
        return event

    event = run(work)
    assert event.alternatives[0].text == HEARD
    assert event.alternatives[0].language == "en"
    assert (event.alternatives[0].start_time, event.alternatives[0].end_time) == (0.0, 1.0)
    assert event.alternatives[0].confidence > 0.9
    line = local.line()
    assert (line["status"], line["provider"], line["model_id"]) == ("success", "whisper", "local/whisper-tiny")
    assert (line["audio_nanos"], line["sources"]["audio_nanos"]) == (1_500_000_000, "wire_measured")
    assert 0 < line["ttfb_micros"] <= line["latency_micros"]
    assert_free(line)


def test_whisper_takes_audio_of_any_rate(local: LocalStage) -> None:
    async def work() -> stt.SpeechEvent:
        hearing = inference.STT("whisper/tiny")
        frame = rtc.AudioFrame(bytes(48_000 * 2 * 2), 48_000, 2, 48_000)
        event: stt.SpeechEvent = await hearing.recognize(frame)
        await hearing.aclose()
        return event

    assert run(work).alternatives[0].text == HEARD
    assert (local.line()["audio_nanos"], local.line()["model_id"]) == (1_000_000_000, "whisper/tiny")


@both_voices
def test_a_voice_speaks_a_text(local: LocalStage, voice: str) -> None:
    async def work() -> float:
        speaking = inference.TTS(VOICES[voice])
        seconds = await heard(speaking.synthesize("Grüße, my friend 😀."))
        await speaking.aclose()
        return seconds

    assert run(work) > 0.2
    line = local.line()
    assert (line["status"], line["provider"]) == ("success", voice)
    assert line["model_id"] == VOICES[voice].partition(":")[0]
    assert line["metadata"]["voice"] == {"kokoro": "af_heart", "piper": "en_US-lessac-medium"}[voice]
    assert (line["characters"], line["sources"]["characters"]) == (19, "wire_measured")
    assert 0 < line["ttfb_micros"] <= line["latency_micros"]
    assert_free(line)


@both_voices
def test_what_is_heard_is_what_the_runtime_made(local: LocalStage, voice: str) -> None:
    """No sample is lost on the way. LiveKit may end a synthesis with 10 ms of silence of its own."""

    async def work() -> tuple[int, int, int]:
        speaking = make(voice)
        seconds = await heard(speaking.synthesize("Yes."))
        request = speaking._connection._real.request(speaking._asked("Yes.", speaking._opts))
        made = sum([len(pcm) // 2 async for _, pcm in request])
        await speaking.aclose()
        return round(seconds * speaking.sample_rate), made, speaking.sample_rate

    emitted, made, rate = run(work)
    assert made > 4 * (PIPER_SAMPLES if voice == "piper" else KOKORO_SAMPLES)
    assert voice == "kokoro" or made % PIPER_SAMPLES == 0
    assert emitted - made in (0, rate // 100)


@both_voices
def test_a_stream_speaks_each_sentence_as_soon_as_it_is_whole(local: LocalStage, voice: str) -> None:
    first, second = "This is the first of two sentences. ", "And this one comes only after it."

    async def work() -> None:
        speaking = inference.TTS(VOICES[voice])
        stream = speaking.stream()
        stream.push_text(first + second[:10])
        events: list[Any] = []

        async def collect() -> None:
            async for event in stream:
                events.append(event)

        collecting = asyncio.create_task(collect())
        await until(lambda: events, 60)
        stream.push_text(second[10:])
        stream.end_input()
        await collecting
        assert events[-1].is_final
        await stream.aclose()
        await speaking.aclose()

    run(work)
    line = local.line()
    assert (line["status"], line["characters"]) == ("success", len(first.strip()) + len(second))
    assert_free(line)


@both_voices
def test_a_stream_that_waits_for_its_text_has_no_latency_of_its_own(local: LocalStage, voice: str) -> None:
    async def work() -> None:
        speaking = inference.TTS(VOICES[voice])
        await heard(speaking.synthesize("Warm."))
        stream = speaking.stream()
        await asyncio.sleep(1.5)
        stream.push_text("Hello there.")
        stream.end_input()
        await heard(stream)
        await speaking.aclose()

    run(work)
    line = local.lines()[-1]
    assert line["latency_micros"] - line["ttfb_micros"] > 1_500_000


@both_voices
def test_text_without_a_sound_is_no_failure_beside_text_with_one(local: LocalStage, voice: str) -> None:
    async def work() -> float:
        speaking = inference.TTS(VOICES[voice])
        seconds = await say(speaking, f"... *** ... {'😀' * 20}. ", "And this is a sentence of words.")
        await speaking.aclose()
        return seconds

    assert run(work) > 0.2
    assert local.line()["status"] == "success"


@both_voices
def test_a_barge_in_stops_the_runtime_in_the_middle_of_a_sentence(local: LocalStage, voice: str) -> None:
    """The slow toys take seconds for one sentence, in one run of the model."""

    async def work() -> tuple[float, float, int | None, int | None]:
        speaking = make(voice, slow=True)
        stream = speaking.stream()
        stream.push_text(SENTENCE)
        stream.end_input()
        await until(lambda: worker_of(speaking).is_ready, 60)
        await asyncio.sleep(0.3)
        before = worker_of(speaking).pid
        began = time.monotonic()
        await stream.aclose()
        # The next request is served as soon as the runtime let go of the one that was cut.
        request = speaking._connection._real.request(speaking._asked("Hm.", speaking._opts))
        async for frame in request:
            assert "begun" in frame[0]
            break
        took = time.monotonic() - began
        after = worker_of(speaking).pid
        await request.aclose()
        began = time.monotonic()
        await say(speaking, SENTENCE)
        whole = time.monotonic() - began
        await speaking.aclose()
        return took, whole, before, after

    took, whole, before, after = run(work)
    assert before == after
    assert took < whole / 2
    line = local.lines()[0]
    assert (line["status"], line["characters"]) == ("cancelled", len(SENTENCE))
    assert_free(line)


def test_a_recognition_that_is_cut_stops_whisper(local: LocalStage) -> None:
    async def work() -> None:
        hearing = make("whisper", slow=True)
        hearing.prewarm()
        await until(lambda: worker_of(hearing).is_ready, 60)
        cut = asyncio.create_task(hearing.recognize(audio(20)))
        await asyncio.sleep(0.3)
        cut.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cut
        event = await hearing.recognize(audio(1))
        assert event.alternatives[0].text == HEARD
        await hearing.aclose()

    run(work)
    cut, served = local.lines()
    assert (cut["status"], cut["audio_nanos"]) == ("cancelled", 20_000_000_000)
    assert (served["status"], served["audio_nanos"]) == ("success", 1_000_000_000)
    assert_free(cut)


def test_with_a_detector_whisper_streams_and_each_utterance_is_a_line(local: LocalStage) -> None:
    async def work() -> list[str]:
        hearing = inference.STT("local/whisper-tiny", vad=Loudness())
        assert hearing.capabilities.streaming
        stream = hearing.stream()
        texts: list[str] = []

        async def collect() -> None:
            async for event in stream:
                if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT:
                    texts.append(event.alternatives[0].text)

        collecting = asyncio.create_task(collect())
        await feed(stream, tone(1.0) + silence(0.2) + tone(0.5) + silence(0.2), speed=20.0)
        stream.end_input()
        await collecting
        await stream.aclose()
        await hearing.aclose()
        return texts

    assert run(work) == [HEARD, HEARD]
    lines = local.lines()
    assert [line["status"] for line in lines] == ["success"] * 2
    assert [line["audio_nanos"] for line in lines] == [1_000_000_000, 500_000_000]


@all_three
def test_a_model_that_cannot_be_loaded_is_an_error_that_is_not_tried_again(local: LocalStage, runtime: str) -> None:
    async def work() -> None:
        broken = make(runtime)
        load = broken._connection._real.load
        file = load["model"] + ("/model.bin" if runtime == "whisper" else "")
        broken._connection._real.load = {**load, "model": file + ".gone"}
        with pytest.raises(APIError, match="cannot load its model"):
            # The oldest LiveKit tries even a final failure again.
            await ask(runtime, broken, conn_options=ONCE if OLDEST else TWICE)
        await broken.aclose()

    run(work)
    line = local.line()
    assert (line["status"], line["error_kind"]) == ("error", "upstream_failed")
    assert not line["characters"] and not line["audio_nanos"]
    assert_free(line)


@all_three
def test_a_worker_that_is_killed_fails_its_request_and_the_next_one_has_a_new_worker(
    local: LocalStage, runtime: str
) -> None:
    async def work() -> None:
        made = make(runtime, slow=True)
        made.prewarm()
        await until(lambda: worker_of(made).is_ready, 60)
        first = worker_of(made)
        if runtime == "whisper":
            asking = asyncio.create_task(made.recognize(audio(20), conn_options=ONCE))
        else:
            asking = asyncio.create_task(ask(runtime, made, conn_options=ONCE))
        await asyncio.sleep(0.3)
        assert first._process is not None
        first._process.kill()
        with pytest.raises(APIConnectionError, match="exit code -9"):
            await asking
        await made.aclose()
        quick = make(runtime)
        assert await ask(runtime, quick)
        await quick.aclose()

    run(work)
    killed, served = local.lines()
    assert (killed["status"], killed["error_kind"]) == ("error", "upstream_failed")
    assert "exit code -9" in killed["error_message"]
    assert served["status"] == "success"
    assert_free(killed)


def test_a_retry_after_a_crash_is_served_by_a_new_worker(local: LocalStage) -> None:
    async def work() -> None:
        voice = make("piper")
        voice.prewarm()
        await until(lambda: worker_of(voice).is_ready, 60)
        process = worker_of(voice)._process
        assert process is not None
        process.kill()
        assert await ask("piper", voice, conn_options=TWICE)
        await voice.aclose()

    run(work)
    lines = local.lines()
    assert lines[-1]["status"] == "success"
    assert len({line["request_id"] for line in lines}) == 1


def test_a_worker_that_says_nothing_is_a_timeout_and_is_killed(local: LocalStage) -> None:
    async def work() -> None:
        voice = inference.TTS(SLOW["piper"], extra_kwargs={"timeout": 0.4})
        voice.prewarm()
        await until(lambda: worker_of(voice).is_ready, 60)
        worker = worker_of(voice)
        with pytest.raises(APITimeoutError):
            await ask("piper", voice, conn_options=ONCE)
        await until(lambda: worker._process and worker._process.returncode is not None)
        await voice.aclose()

    run(work)
    line = local.line()
    assert (line["status"], line["error_kind"]) == ("error", "upstream_timeout")


def test_a_failure_inside_the_runtime_is_told_without_the_text(local: LocalStage) -> None:
    async def work() -> None:
        voice = inference.TTS("local/kokoro:nobody")
        with pytest.raises(APIError, match="nobody"):
            await heard(voice.synthesize("The secret word is xyzzy.", conn_options=ONCE))
        # The worker lives on.
        voice.update_options(voice="bm_george")
        assert await heard(voice.synthesize("Fine."))
        await voice.aclose()

    run(work)
    failed, served = local.lines()
    assert (failed["status"], served["status"]) == ("error", "success")
    assert "kokoro raised ValueError" in failed["error_message"]
    assert "xyzzy" not in str(failed)
    assert served["metadata"]["voice"] == "bm_george"


def test_parallel_requests_take_turns_in_one_worker(local: LocalStage) -> None:
    """A long text does not keep a short one waiting to its end."""

    async def work() -> list[str]:
        long, short = make("piper"), make("piper")
        order: list[str] = []

        async def speak(voice: Any, text: str, name: str) -> None:
            await heard(voice.synthesize(text))
            order.append(name)

        begun = asyncio.create_task(speak(long, "This is one of many sentences. " * 400, "long"))
        await until(lambda: worker_of(long).is_ready, 60)
        await asyncio.sleep(0.02)
        await asyncio.gather(begun, speak(short, "Short.", "short"))
        assert worker_of(long) is worker_of(short)
        await long.aclose()
        await short.aclose()
        return order

    assert run(work) == ["short", "long"]
    assert [line["status"] for line in local.lines()] == ["success"] * 2


def test_the_event_loop_runs_on_while_a_model_loads_and_works(local: LocalStage) -> None:
    async def work() -> tuple[int, float]:
        voice = make("piper", slow=True)
        asking = asyncio.create_task(ask("piper", voice))
        ticks, began = 0, time.monotonic()
        while not asking.done():
            await asyncio.sleep(0.01)
            ticks += 1
        took = time.monotonic() - began
        await voice.aclose()
        return ticks, took

    ticks, took = run(work)
    assert ticks > 30 * took, "the loop stood still"
