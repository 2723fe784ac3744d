"""Listening: audio is counted where it leaves for the provider, each socket on its own."""

from __future__ import annotations

import asyncio
import importlib.metadata
from typing import Any

import aiohttp
import pytest
from booked import Stage
from conversing import ONCE, RATE, TWICE, feed, frames, listen, run, silence, tone, until
from livekit.agents import APIConnectionError, APIError, stt, vad

from voicegateway import inference

#: Half a second of nothing, a sentence, and the pause after it.
SENTENCE = silence(0.5) + tone(1.5) + silence(0.7)

#: The oldest plugin gives up on a refused handshake, where later ones try again.
RETRIES_HANDSHAKES = not importlib.metadata.version("livekit-plugins-deepgram").startswith("1.5.")

#: How much audio may be in flight when the provider goes away: what is fed in a tenth of a second.
IN_FLIGHT_NANOS = 100_000_000


def deepgram(model: str = "nova-3", **kwargs: Any) -> Any:
    return inference.STT(f"deepgram/{model}", **kwargs)


def openai(model: str, **kwargs: Any) -> Any:
    return inference.STT(f"openai/{model}", **kwargs)


def test_a_stream_is_one_line_with_the_seconds_deepgram_reports(quick: Stage) -> None:
    quick.sim.script(transcripts=["Hello there, how are you?"])

    async def work() -> list[str]:
        return await listen(deepgram().stream(), SENTENCE)

    assert run(work) == ["Hello there, how are you?"]
    line = quick.line()
    assert (line["status"], line["model_id"], line["sockets"]) == ("success", "deepgram/nova-3", 1)
    assert (line["audio_nanos"], line["sources"]["audio_nanos"]) == (2_700_000_000, "provider_reported")
    assert (line["sent_audio_nanos"], line["sources"]["sent_audio_nanos"]) == (2_700_000_000, "wire_measured")
    # How long the socket was open is another quantity; the caller's silence is no latency.
    assert 0 < line["session_nanos"] < line["audio_nanos"]
    assert (line["ttfb_micros"], line["latency_micros"]) == (None, None)
    assert line["metadata"]["language"] == "en-US"
    assert line["cost_picos"] > 0
    quick.assert_equals_bill()


def test_code_switching_costs_more(quick: Stage) -> None:
    async def work() -> None:
        await listen(deepgram().stream(), tone(1.0))
        await listen(deepgram("nova-3:multi").stream(), tone(1.0))

    run(work)
    one, many = quick.lines()
    assert (one["model_id"], many["model_id"]) == ("deepgram/nova-3", "deepgram/nova-3")
    assert many["metadata"]["language"] == "multi"
    assert many["cost_picos"] > one["cost_picos"]
    quick.assert_equals_bill()


def test_silence_is_billed_too(quick: Stage) -> None:
    async def work() -> None:
        assert await listen(deepgram().stream(), silence(2.0)) == []

    run(work)
    assert quick.line()["audio_nanos"] == 2_000_000_000
    quick.assert_equals_bill()


def test_streams_in_parallel_do_not_mix(quick: Stage) -> None:
    lengths = (0.5, 1.0, 1.5, 2.0)

    async def work() -> None:
        ears = deepgram()
        await asyncio.gather(*(listen(ears.stream(), tone(length)) for length in lengths))

    run(work)
    assert sorted(line["audio_nanos"] for line in quick.lines()) == [round(length * 1e9) for length in lengths]
    quick.assert_equals_bill()


def test_the_plugin_as_it_is_ends_a_stream_in_its_own_time(stage: Stage) -> None:
    """Beside it, tests that may hurry shorten the plugin's keep-alive."""

    async def work() -> None:
        await listen(deepgram().stream(), tone(0.5))

    run(work)
    assert (stage.line()["status"], stage.line()["audio_nanos"]) == ("success", 500_000_000)
    stage.assert_equals_bill()


@pytest.mark.parametrize("model", ["flux-general-en", "nova-2"])
def test_other_models_of_deepgram_are_exact(quick: Stage, model: str) -> None:
    async def work() -> None:
        assert await listen(deepgram(model).stream(), tone(1.5) + silence(1.5))

    run(work)
    line = quick.line()
    assert (line["model_id"], line["audio_nanos"]) == (f"deepgram/{model}", 3_000_000_000)
    quick.assert_equals_bill()


def test_closing_in_mid_utterance_is_cancelled_and_books_what_was_sent(stage: Stage) -> None:
    async def work() -> None:
        stream = deepgram().stream()
        await feed(stream, tone(1.0) + tone(0.03))
        await until(lambda: stage.sim.meter() and stage.sim.row("stt")["audio_seconds"] == 1.0)
        await stream.aclose()
        await until(lambda: stage.sim.requests())

    run(work)
    line = stage.line()
    # The plugin sends whole 50 ms: the rest was pushed, but never left.
    assert (line["status"], line["audio_nanos"]) == ("cancelled", 1_000_000_000)
    assert line["sources"]["audio_nanos"] == "wire_measured"
    stage.assert_equals_bill()


def test_a_cancelled_task_is_a_cancelled_line(stage: Stage) -> None:
    async def work() -> None:
        async def hear() -> None:
            async with deepgram().stream() as stream:
                feeding = asyncio.create_task(feed(stream, tone(5.0)))
                try:
                    async for _ in stream:
                        pass
                finally:
                    feeding.cancel()

        task = asyncio.create_task(hear())
        await until(lambda: stage.sim.meter() and stage.sim.row("stt")["audio_seconds"] > 0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: stage.sim.requests())

    run(work)
    assert stage.line()["status"] == "cancelled"
    stage.assert_equals_bill()


def test_a_stream_closed_before_it_began_is_no_request(quick: Stage) -> None:
    async def work() -> None:
        await deepgram().stream().aclose()

    run(work)
    assert quick.lines() == []


def test_options_updated_in_mid_stream_make_a_second_socket_of_the_same_line(stage: Stage) -> None:
    async def work() -> None:
        ears = deepgram()
        stream = ears.stream()
        await feed(stream, tone(1.0))
        await until(lambda: stage.sim.meter() and stage.sim.row("stt")["audio_seconds"] >= 1.0)
        ears.update_options(language="de")
        await until(lambda: stage.sim.row("stt")["requests"] == 2)
        await listen(stream, tone(0.5))

    run(work)
    line = stage.line()
    assert (line["sockets"], line["status"]) == (2, "success")
    assert line["audio_nanos"] == 1_500_000_000
    assert line["session_nanos"] >= 1_000_000_000 / 4
    stage.assert_equals_bill()


def test_a_model_set_on_the_object_is_that_of_the_next_stream(quick: Stage) -> None:
    async def work() -> None:
        ears = deepgram()
        await listen(ears.stream(), tone(0.5))
        ears.update_options(model="nova-2")
        await listen(ears.stream(), tone(0.5))

    run(work)
    assert [line["model_id"] for line in quick.lines()] == ["deepgram/nova-3", "deepgram/nova-2"]
    quick.assert_equals_bill()


def test_a_socket_dropped_in_mid_utterance_is_an_error_and_its_retry_another_line(stage: Stage) -> None:
    stage.sim.fault("deepgram", "stt", "drop", after_units=600)

    async def work() -> list[str]:
        return await listen(deepgram().stream(), tone(1.5) + silence(1.0), speed=1.0)

    assert len(run(work)) == 1
    dropped, served = stage.lines()
    assert (dropped["status"], served["status"]) == ("error", "success")
    assert dropped["request_id"] == served["request_id"]
    assert dropped["error_kind"] == "upstream_failed"
    assert dropped["sources"]["audio_nanos"] == "wire_measured"
    cut, whole = stage.sim.requests()
    ours, theirs = dropped["audio_nanos"], round(cut["audio_seconds"] * 1e9)
    assert 0 <= ours - theirs <= IN_FLIGHT_NANOS
    assert served["audio_nanos"] == round(whole["audio_seconds"] * 1e9)


@pytest.mark.parametrize("status", [429, 503])
def test_a_refused_socket_and_its_retry_are_two_lines(quick: Stage, status: int) -> None:
    quick.sim.fault("deepgram", "stt", "status", value=status)

    async def work() -> None:
        await listen(deepgram().stream(conn_options=TWICE), tone(1.0))

    if RETRIES_HANDSHAKES:
        run(work)
        refused, served = quick.lines()
    else:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            run(work)
        run(work)
        refused, served = quick.lines()
        served["request_id"] = refused["request_id"]
    assert refused["request_id"] == served["request_id"]
    assert (refused["status"], refused["error_status"], refused["sockets"]) == ("error", status, 0)
    assert (refused["audio_nanos"], refused["cost_picos"]) == (0, 0)
    assert (served["status"], served["audio_nanos"]) == ("success", 1_000_000_000)
    quick.assert_equals_bill()


def test_a_bad_key_is_an_unauthenticated_line(quick: Stage) -> None:
    async def work() -> None:
        stream = deepgram(api_key="invalid").stream(conn_options=ONCE)
        async for _ in stream:
            pass

    with pytest.raises((APIError, aiohttp.WSServerHandshakeError)):
        run(work)
    line = quick.line()
    assert (line["error_kind"], line["error_status"], line["cost_picos"]) == ("unauthenticated", 401, 0)


def test_an_ending_without_its_metadata_is_booked_as_measured(quick: Stage) -> None:
    quick.sim.fault("deepgram", "stt", "no_usage")

    async def work() -> None:
        await listen(deepgram().stream(), tone(1.0))

    run(work)
    line = quick.line()
    assert (line["audio_nanos"], line["sources"]["audio_nanos"]) == (1_000_000_000, "wire_measured")
    quick.assert_equals_bill()


@pytest.mark.parametrize("kind", ["malformed", "slow"])
def test_a_fault_that_deepgrams_plugin_survives_changes_no_number(quick: Stage, kind: str) -> None:
    quick.sim.fault("deepgram", "stt", kind, after_units=300)

    async def work() -> None:
        await listen(deepgram().stream(), SENTENCE)

    run(work)
    assert (quick.line()["status"], quick.line()["audio_nanos"]) == ("success", 2_700_000_000)
    quick.assert_equals_bill()


def test_an_error_frame_ends_the_attempt_as_an_error(quick: Stage) -> None:
    quick.sim.fault("deepgram", "stt", "error_frame", after_units=300)

    async def work() -> None:
        stream = deepgram().stream(conn_options=ONCE)
        feeding = asyncio.create_task(feed(stream, tone(2.0)))
        try:
            async for _ in stream:
                pass
        finally:
            feeding.cancel()

    with pytest.raises(APIError):
        run(work)
    line = quick.line()
    assert line["status"] == "error"
    assert 0 <= line["audio_nanos"] - round(quick.sim.row("stt")["audio_seconds"] * 1e9) <= 4 * IN_FLIGHT_NANOS


def test_a_recording_is_billed_by_the_duration_deepgram_found(quick: Stage) -> None:
    async def work() -> str:
        event = await deepgram().recognize(list(frames(tone(1.0))), conn_options=ONCE)
        return event.alternatives[0].text

    assert run(work)
    line = quick.line()
    assert (line["audio_nanos"], line["sources"]["audio_nanos"]) == (1_000_000_000, "provider_reported")
    assert (line["status"], line["sockets"]) == ("success", 0)
    assert 0 < line["ttfb_micros"] <= line["latency_micros"]
    quick.assert_equals_bill()


def test_a_refused_recording_and_its_retry_are_two_lines(quick: Stage) -> None:
    quick.sim.fault("deepgram", "stt", "status", value=429)

    async def work() -> None:
        await deepgram().recognize(list(frames(tone(1.0))), conn_options=TWICE)

    run(work)
    refused, served = quick.lines()
    assert refused["request_id"] == served["request_id"]
    assert (refused["status"], refused["audio_nanos"], refused["cost_picos"]) == ("error", 0, 0)
    assert (served["status"], served["audio_nanos"]) == ("success", 1_000_000_000)
    quick.assert_equals_bill()


def test_a_recording_cancelled_while_it_is_heard_is_a_cancelled_line(quick: Stage) -> None:
    quick.sim.fault("deepgram", "stt", "slow", value=5_000)

    async def work() -> None:
        task = asyncio.create_task(deepgram().recognize(list(frames(tone(1.0))), conn_options=ONCE))
        await until(lambda: quick.sim.meter() and quick.sim.row("stt")["requests"])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work)
    line = quick.line()
    assert (line["status"], line["sent_audio_nanos"]) == ("cancelled", 1_000_000_000)


@pytest.mark.parametrize("model", ["gpt-4o-mini-transcribe", "gpt-4o-transcribe"])
def test_a_token_billed_transcription_is_booked_in_tokens_and_never_in_seconds(quick: Stage, model: str) -> None:
    async def work() -> None:
        await openai(model).recognize(list(frames(tone(1.5))), conn_options=ONCE)

    run(work)
    line = quick.line()
    assert (line["input_tokens"], line["input_audio_tokens"]) == (15, 15)
    assert line["sources"]["input_tokens"] == "provider_reported"
    assert (line["audio_nanos"], line["sent_audio_nanos"]) == (None, 1_500_000_000)
    assert line["cost_picos"] > 0
    bill = {key: value for key, value in quick.differences().get(("openai", model, "stt"), {}).items()}
    assert bill in ({}, {"audio_nanos": -1_500_000_000})  # the meter counts what it heard, too


def test_whisper_is_billed_in_the_whole_seconds_openai_reports(quick: Stage) -> None:
    async def work() -> None:
        await openai("whisper-1").recognize(list(frames(tone(1.5))), conn_options=ONCE)

    run(work)
    line = quick.line()
    assert line["sent_audio_nanos"] == 1_500_000_000
    assert line["audio_nanos"] == round(quick.sim.row("stt")["audio_seconds"] * 1e9) == 2_000_000_000


def test_a_refused_transcription_and_its_retry_are_two_lines(quick: Stage) -> None:
    quick.sim.fault("openai", "stt", "status", value=500)

    async def work() -> None:
        await openai("gpt-4o-mini-transcribe").recognize(list(frames(tone(1.0))), conn_options=TWICE)

    run(work)
    refused, served = quick.lines()
    assert refused["request_id"] == served["request_id"]
    assert (refused["status"], refused["error_status"], refused["cost_picos"]) == ("error", 500, 0)
    assert (served["status"], served["input_tokens"]) == ("success", 10)


def test_realtime_transcription_adds_up_the_usage_of_its_utterances(quick: Stage) -> None:
    async def work() -> None:
        ears = openai("gpt-4o-mini-transcribe", extra_kwargs={"use_realtime": True})
        stream = ears.stream()
        texts: list[str] = []

        async def read() -> None:
            async for event in stream:
                if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
                    texts.append(event.alternatives[0].text)

        reading = asyncio.create_task(read())
        for _ in range(2):
            await feed(stream, tone(1.5, 24_000) + silence(1.0, 24_000), rate=24_000)
        await until(lambda: len(texts) == 2)
        await stream.aclose()
        reading.cancel()

    run(work)
    line, billed = quick.line(), quick.sim.row("stt")
    assert (line["status"], line["sockets"]) == ("cancelled", 1)
    assert line["input_audio_tokens"] == billed["input_audio_tokens"] > 20
    assert line["output_tokens"] == billed["output_tokens"]
    assert line["sources"]["input_tokens"] == "provider_reported"


class Gate(vad.VAD):
    """Takes every stretch of loud frames for speech."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.02))

    def stream(self) -> vad.VADStream:
        return GateStream(self)


class GateStream(vad.VADStream):
    async def _main_task(self) -> None:
        spoken: list[Any] = []
        async for frame in self._input_ch:
            if not isinstance(frame, self._FlushSentinel):
                if any(frame.data):
                    if not spoken:
                        self._tell(vad.VADEventType.START_OF_SPEECH, [frame])
                    spoken.append(frame)
                elif spoken:
                    self._tell(vad.VADEventType.END_OF_SPEECH, spoken)
                    spoken = []

    def _tell(self, kind: Any, spoken: list[Any]) -> None:
        self._event_ch.send_nowait(
            vad.VADEvent(
                type=kind,
                samples_index=0,
                timestamp=0.0,
                speech_duration=0.0,
                silence_duration=0.0,
                frames=spoken,
                speaking=kind == vad.VADEventType.START_OF_SPEECH,
            )
        )


def test_a_stream_adapter_books_each_recording_once(quick: Stage) -> None:
    async def work() -> list[str]:
        adapter = stt.StreamAdapter(stt=openai("whisper-1"), vad=Gate())
        return await listen(adapter.stream(), (tone(1.0) + silence(0.2)) * 2)

    assert len(run(work)) == 2
    lines = quick.lines()
    assert [line["status"] for line in lines] == ["success", "success"]
    assert len({line["request_id"] for line in lines}) == 2
    quick.assert_equals_bill()


def test_a_fallback_of_streams_books_every_member_and_marks_its_probes(quick: Stage) -> None:
    quick.sim.fault("deepgram", "stt", "status", value=500, times=1)

    async def work() -> list[str]:
        chain = stt.FallbackAdapter(
            [deepgram(), inference.STT("cartesia/ink-whisper")], max_retry_per_stt=0, attempt_timeout=2.0
        )
        return await listen(chain.stream(), silence(0.3) + tone(1.5) + silence(1.5))

    assert run(work)
    found = sorted((line["provider"], line["status"], line["probe"]) for line in quick.lines())
    assert ("deepgram", "error", 0) in found
    assert [entry for entry in found if entry[0] == "cartesia"] == [("cartesia", "fallback", 0)]
    probes = [line for line in quick.lines() if line["probe"]]
    assert {line["provider"] for line in probes} == {"deepgram"}
    assert len(probes) == len(found) - 2


def test_a_fallback_of_recordings_books_every_member_and_its_probe(quick: Stage) -> None:
    quick.sim.fault("deepgram", "stt", "status", value=500)

    async def work() -> None:
        chain = stt.FallbackAdapter([deepgram(), openai("whisper-1")], vad=Gate(), max_retry_per_stt=0)
        await chain.recognize(list(frames(tone(1.0))), conn_options=ONCE)
        await until(lambda: chain._status[0].available)

    run(work)
    found = sorted((line["provider"], line["status"], line["probe"]) for line in quick.lines())
    assert found == [("deepgram", "error", 0), ("deepgram", "success", 1), ("openai", "fallback", 0)]
    quick.assert_equals_bill()


def test_nobody_at_the_other_end_is_an_error_that_costs_nothing(quick: Stage) -> None:
    async def work() -> None:
        ears = deepgram(base_url="http://127.0.0.1:9/deepgram")
        await ears.recognize(list(frames(tone(1.0))), conn_options=ONCE)

    with pytest.raises(APIConnectionError):
        run(work)
    line = quick.line()
    assert (line["status"], line["audio_nanos"], line["cost_picos"]) == ("error", 0, 0)


def test_audio_of_another_rate_is_counted_in_its_own_seconds(quick: Stage) -> None:
    async def work() -> None:
        stream = deepgram(sample_rate=48_000).stream()
        await listen(stream, tone(1.0, 48_000), rate=48_000)

    run(work)
    assert RATE != 48_000 and quick.line()["audio_nanos"] == 1_000_000_000
    quick.assert_equals_bill()
