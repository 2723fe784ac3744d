"""ElevenLabs embedded: many syntheses over one socket, each with its own line, and what Scribe hears."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import Any

import aiohttp
import pytest
from booked import Line, Stage, use
from conversing import OLDEST, ONCE, RATE, TWICE, feed, frames, heard, run, say, silence, tone, until
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, stt, tts
from livekit.plugins import elevenlabs

from voicegateway import inference

SENTENCE = "Hello there, my friend. How are you?"
LONG = "This is a rather long sentence that will be cut off. And another long one follows right after it. " * 3
#: One of each family: the plugin speaks v3 and v4 over another socket, as dialogues of one voice.
MODELS = ["eleven_turbo_v2_5"] if OLDEST else ["eleven_turbo_v2_5", "eleven_v3"]

needs_commits = pytest.mark.skipif(OLDEST, reason="that plugin never asks for a transcript")


def voice(model: str = "eleven_turbo_v2_5", **kwargs: Any) -> Any:
    return inference.TTS(f"elevenlabs/{model}:a-voice", **{"sample_rate": 24_000, **kwargs})


def ear(model: str = "scribe_v2_realtime", **kwargs: Any) -> Any:
    return inference.STT(f"elevenlabs/{model}", **kwargs)


def connection(built: Any) -> Any:
    """The socket that the plugin speaks over now."""
    return getattr(built, "_TTS__current_connection", None) or getattr(built, "_current_connection", None)


@pytest.mark.parametrize("model", MODELS)
def test_a_synthesis_is_one_line_with_the_characters_on_the_wire(quick: Stage, model: str) -> None:
    async def work() -> None:
        ours = voice(model)
        assert isinstance(ours, elevenlabs.TTS)
        assert await say(ours, SENTENCE) > 1
        await ours.aclose()

    run(work)
    line = quick.line()
    # The plugin sends a blank after each sentence; the one that opens the context is no text.
    assert (line["characters"], line["sent_characters"]) == (37, 37) or line["characters"] == 38
    assert line["sources"]["characters"] == "wire_measured"
    assert (line["status"], line["model_id"], line["sockets"]) == ("success", f"elevenlabs/{model}", 1)
    assert line["metadata"]["voice"] == "a-voice"
    assert 0 < line["ttfb_micros"] <= line["latency_micros"]
    # USD 0.05 for a thousand characters of Turbo, 0.10 of v3: https://elevenlabs.io/pricing/api, read 2026-08.
    assert line["cost_picos"] == line["characters"] * (50_000_000 if "turbo" in model else 100_000_000)
    quick.assert_equals_bill()


def test_the_plugins_own_format_is_heard_and_booked(quick: Stage) -> None:
    async def work() -> None:
        ours = inference.TTS("elevenlabs/eleven_flash_v2_5")
        assert ours.sample_rate == 22_050
        assert await say(ours, "Hello.") > 0.2
        await ours.aclose()

    run(work)
    assert quick.line()["characters"] == 7
    quick.assert_equals_bill()


@pytest.mark.parametrize("model", MODELS)
def test_syntheses_at_the_same_time_share_a_socket_and_do_not_mix(stage: Stage, model: str) -> None:
    texts = ["One.", "Number two is longer.", "Three, three, three.", "And the fourth is the longest of them all."]

    async def work() -> None:
        ours = voice(model)
        await asyncio.gather(*(say(ours, text) for text in texts))
        await ours.aclose()

    run(work)
    lines = stage.lines()
    assert sorted(line["characters"] for line in lines) == sorted(len(text) + 1 for text in texts)
    # The one that opened the socket for all of them.
    assert sorted(line["sockets"] for line in lines) == [0, 0, 0, 1]
    assert all(line["status"] == "success" and line["ttfb_micros"] > 0 for line in lines)
    stage.assert_equals_bill()


def test_syntheses_one_after_another_share_a_socket(quick: Stage) -> None:
    texts = ["One.", "Number two is longer.", "Three, three, three."]

    async def work() -> None:
        ours = voice()
        for text in texts:
            await say(ours, text)
        await ours.aclose()

    run(work)
    lines = quick.lines()
    assert [line["characters"] for line in lines] == [len(text) + 1 for text in texts]
    assert [line["sockets"] for line in lines] == [1, 0, 0]
    quick.assert_equals_bill()


@pytest.mark.skipif(OLDEST, reason="that plugin does not open its socket ahead")
def test_a_prewarmed_socket_makes_no_line_of_its_own(quick: Stage) -> None:
    async def work() -> None:
        ours = voice()
        ours.prewarm()
        await until(lambda: connection(ours))
        await say(ours, "Hello.")
        await ours.aclose()

    run(work)
    line = quick.line()
    assert (line["characters"], line["sockets"]) == (7, 0)
    quick.assert_equals_bill()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("socket", ["fresh", "shared"])
def test_a_barge_in_is_cancelled_and_books_what_was_sent(stage: Stage, socket: str, model: str) -> None:
    async def work() -> None:
        ours = voice(model)
        if socket == "shared":
            await say(ours, "Hi.")
        stream = ours.stream()
        stream.push_text(LONG)
        async for _ in stream:
            break
        await stream.aclose()
        # The next one must neither hear nor pay for the rest of it.
        assert 0.2 < await say(ours, "Short.") < 1.0
        await ours.aclose()

    run(work)
    cut = [line for line in stage.lines() if line["status"] == "cancelled"]
    assert len(cut) == 1
    assert 0 < cut[0]["characters"] < len(LONG) + 7
    assert stage.lines()[-1]["characters"] == 7
    stage.assert_equals_bill()


def test_a_barge_in_beside_a_synthesis_that_goes_on_is_booked_apart(stage: Stage) -> None:
    async def work() -> None:
        ours = voice()
        cut = ours.stream()
        cut.push_text(LONG)
        going_on = asyncio.create_task(say(ours, SENTENCE))
        async for _ in cut:
            break
        await cut.aclose()
        assert await going_on > 1
        await ours.aclose()

    run(work)
    lines = {line["status"]: line for line in stage.lines()}
    assert set(lines) == {"cancelled", "success"}
    assert lines["success"]["characters"] in (37, 38)
    stage.assert_equals_bill()


@pytest.mark.parametrize("model", MODELS)
def test_one_text_synthesized_at_once_is_exact_and_credits_are_no_characters(quick: Stage, model: str) -> None:
    async def work() -> None:
        ours = voice(model)
        assert await heard(ours.synthesize("Hällo wörld!!")) > 0.3
        await ours.aclose()

    run(work)
    line = quick.line()
    # Turbo's header says 7, for it costs half a credit a character.
    assert (line["characters"], line["sent_characters"], line["status"]) == (13, 13, "success")
    assert line["sources"]["characters"] == "provider_reported"
    assert line["cost_picos"] > 0
    quick.assert_equals_bill()


def test_a_cut_file_books_the_characters_it_was_sent(stage: Stage) -> None:
    async def work() -> None:
        ours = voice()
        stream = ours.synthesize(LONG)
        async for _ in stream:
            break
        await stream.aclose()
        await ours.aclose()

    run(work)
    assert (stage.line()["status"], stage.line()["characters"]) == ("cancelled", len(LONG))
    stage.assert_equals_bill()


@pytest.mark.parametrize("status", [429, 500])
@pytest.mark.parametrize("way", ["stream", "file"])
def test_a_refused_attempt_and_its_retry_are_two_lines_of_one_request(quick: Stage, way: str, status: int) -> None:
    quick.sim.fault("elevenlabs", "tts", "status", value=status)

    async def work() -> None:
        ours = voice()
        if way == "stream":
            assert await say(ours, "Hello.", conn_options=TWICE)
        else:
            assert await heard(ours.synthesize("Hello.", conn_options=TWICE))
        await ours.aclose()

    run(work)
    refused, served = quick.lines()
    assert refused["request_id"] == served["request_id"]
    assert (refused["status"], refused["error_status"]) == ("error", status)
    assert (refused["characters"], refused["cost_picos"]) == (0, 0)
    assert (served["status"], served["characters"]) == ("success", 7 if way == "stream" else 6)


def test_a_context_that_is_refused_is_free_and_leaves_its_neighbours_alone(quick: Stage) -> None:
    async def work() -> None:
        ours = voice()
        await say(ours, "Hello.")
        quick.sim.fault("elevenlabs", "tts", "status", value=402)
        with pytest.raises(APIError):
            await say(ours, "No.", conn_options=ONCE)
        await say(ours, "Bye.")
        await ours.aclose()

    run(work)
    first, refused, last = quick.lines()
    assert (first["characters"], last["characters"], last["sockets"]) == (7, 5, 0)
    assert (refused["status"], refused["error_status"], refused["characters"]) == ("error", 402, 0)
    assert quick.sim.row("tts")["characters"] == 12


@pytest.mark.parametrize("after", [0, 10])
def test_an_error_frame_is_free_before_the_first_sound_and_billed_after_it(quick: Stage, after: int) -> None:
    quick.sim.fault("elevenlabs", "tts", "error_frame", after_units=after)

    async def work() -> None:
        await say(voice(), "A sentence that is long enough for this.", conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    line = quick.line()
    assert (line["status"], line["error_status"]) == ("error", 500)
    assert (line["characters"], line["sent_characters"]) == (41 if after else 0, 41)
    quick.assert_equals_bill()


@pytest.mark.parametrize("kind", ["drop", "malformed"])
def test_a_connection_that_breaks_books_what_was_sent(stage: Stage, kind: str) -> None:
    stage.sim.fault("elevenlabs", "tts", kind, after_units=10)

    async def work() -> None:
        await say(voice(), SENTENCE, conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    line, billed = stage.line(), stage.sim.row("tts")
    assert line["status"] == "error"
    assert line["characters"] == line["sent_characters"] >= billed["characters"] > 0


def test_a_stalled_voice_is_a_timeout(quick: Stage) -> None:
    quick.sim.fault("elevenlabs", "tts", "stall")

    async def work() -> None:
        await say(voice(), "Hello.", conn_options=APIConnectOptions(max_retry=0, timeout=0.4))

    with pytest.raises(APIError):
        run(work)
    line = quick.line()
    assert (line["status"], line["error_kind"]) == ("error", "upstream_timeout")
    quick.assert_equals_bill()


def test_a_bad_key_is_an_unauthenticated_line(quick: Stage) -> None:
    async def work() -> None:
        await heard(voice(api_key="invalid").synthesize("Hello.", conn_options=ONCE))

    with pytest.raises(APIError):
        run(work)
    line = quick.line()
    assert (line["error_kind"], line["error_status"], line["cost_picos"]) == ("unauthenticated", 401, 0)


def test_options_changed_on_the_object_are_those_of_the_next_request(quick: Stage) -> None:
    async def work() -> None:
        ours = voice()
        await say(ours, "One.")
        ours.update_options(model="eleven_multilingual_v2", voice_id="another-voice")
        await say(ours, "Two.")
        await ours.aclose()

    run(work)
    first, second = quick.lines()
    assert (first["model_id"], second["model_id"]) == (
        "elevenlabs/eleven_turbo_v2_5",
        "elevenlabs/eleven_multilingual_v2",
    )
    assert (first["metadata"]["voice"], second["metadata"]["voice"]) == ("a-voice", "another-voice")
    quick.assert_equals_bill()


def test_a_model_without_a_price_is_booked_unpriced(quick: Stage) -> None:
    async def work() -> None:
        ours = voice("eleven_multilingual_v2_hd")
        await say(ours, "Hello.")
        await ours.aclose()

    run(work)
    assert (quick.line()["characters"], quick.line()["cost_picos"]) == (7, None)


def test_a_fallback_books_every_member_it_tried(quick: Stage) -> None:
    quick.sim.fault("elevenlabs", "tts", "error_frame")

    async def work() -> None:
        first, second = voice(), inference.TTS("deepgram/aura-2:thalia")
        chain = tts.FallbackAdapter([first, second], max_retry_per_tts=0)
        assert await say(chain, "Hello there, my friend.")
        await until(lambda: chain._status[0].available)
        await chain.aclose()
        await first.aclose()
        await second.aclose()

    run(work)
    found = sorted((line["provider"], line["status"], line["probe"]) for line in quick.lines())
    assert found == [("deepgram", "fallback", 0), ("elevenlabs", "error", 0), ("elevenlabs", "success", 1)]
    quick.assert_equals_bill()


def test_the_ledger_holds_nothing_of_what_was_spoken(quick: Stage) -> None:
    quick.sim.fault("elevenlabs", "tts", "error_frame")

    async def work() -> None:
        await say(voice(), "The secret word is xyzzy, keep it.", conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    assert "xyzzy" not in json.dumps(quick.line(), default=str)


# Construction.


def test_every_option_of_the_plugin_passes_through(quick: Stage) -> None:
    settings = elevenlabs.VoiceSettings(stability=0.4, similarity_boost=0.7, speed=1.1)
    given = {
        "voice_settings": settings,
        "inactivity_timeout": 30,
        "auto_mode": False,
        "apply_text_normalization": "off",
        "enable_ssml_parsing": True,
        "enable_logging": False,
        "chunk_length_schedule": [80],
        "sync_alignment": False,
        "preferred_alignment": "original",
        "streaming_latency": 1,
    }

    async def work() -> None:
        ours = voice(language="de-CH", extra_kwargs=given)
        assert {name: getattr(ours._opts, name) for name in given} == given
        assert str(ours._opts.language).startswith("de")
        assert (ours._opts.voice_id, ours._opts.encoding, ours.sample_rate) == ("a-voice", "pcm_24000", 24_000)
        await say(ours, "Hello there. ")
        await ours.aclose()

    run(work)
    # Word by word, since the plugin waits for no sentence.
    assert quick.line()["characters"] == len("Hello there. ")
    quick.assert_equals_bill()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, "mp3_22050_32"),
        ({"sample_rate": 16_000}, "pcm_16000"),
        ({"encoding": "pcm_s16le"}, "pcm_24000"),
        ({"encoding": "pcm_s16le", "sample_rate": 44_100}, "pcm_44100"),
        ({"encoding": "mp3"}, "mp3_22050_32"),
        ({"encoding": "mp3", "sample_rate": 44_100}, "mp3_44100_128"),
        ({"encoding": "opus"}, "opus_48000_64"),
        ({"encoding": "mp3_44100_192"}, "mp3_44100_192"),
    ],
)
def test_rate_and_encoding_make_the_format_from_which_the_plugin_reads_its_rate(
    quick: Stage, given: dict[str, Any], wanted: str
) -> None:
    async def work() -> None:
        ours = inference.TTS("elevenlabs/eleven_turbo_v2_5", **given)
        assert (ours._opts.encoding, ours.sample_rate) == (wanted, int(wanted.split("_")[1]))

    run(work)


def test_a_rate_that_a_format_lacks_is_named(quick: Stage) -> None:
    with pytest.raises(ValueError, match="22050, 24000, 44100, not 8000"):
        inference.TTS("elevenlabs/eleven_turbo_v2_5", encoding="mp3", sample_rate=8_000)


@pytest.mark.parametrize("name", ["ELEVENLABS_API_KEY", "ELEVEN_API_KEY"])
def test_the_key_goes_by_either_name(quick: Stage, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    quick.config.write_text("cost_tracking: {enabled: false}\n")
    monkeypatch.setenv("ELEVEN_API_KEY", "the-plugins")
    monkeypatch.setenv(name, "own")
    use(None)
    assert inference.TTS("elevenlabs/eleven_turbo_v2_5")._opts.api_key == "own"
    assert inference.STT("elevenlabs/scribe_v2")._opts.api_key == "own"


def test_a_given_session_carries_the_requests(quick: Stage) -> None:
    asked: list[str] = []

    async def note(_: Any, __: Any, params: aiohttp.TraceRequestStartParams) -> None:
        asked.append(params.url.path)

    async def work() -> None:
        tracing = aiohttp.TraceConfig()
        tracing.on_request_start.append(note)
        async with aiohttp.ClientSession(trace_configs=[tracing]) as session:
            ours = voice(http_session=session)
            await say(ours, "Hello.")
            await ours.aclose()

    run(work)
    assert asked == ["/elevenlabs/v1/text-to-speech/a-voice/multi-stream-input"]


# Hearing.


def recording(pcm: bytes) -> rtc.AudioFrame:
    return rtc.AudioFrame(pcm, RATE, 1, len(pcm) // 2)


def seconds_of(line: Line) -> tuple[Any, Any]:
    return line["audio_nanos"], line["sent_audio_nanos"]


@pytest.mark.parametrize("model", ["scribe_v1", "scribe_v2"])
def test_a_recording_is_one_line_with_the_seconds_that_were_found(quick: Stage, model: str) -> None:
    quick.sim.script(transcripts=["Hello there, how are you?"])

    async def work() -> str:
        ours = ear(model, language="en")
        assert isinstance(ours, elevenlabs.STT)
        event = await ours.recognize(recording(silence(0.2) + tone(1.5)), conn_options=ONCE)
        await ours.aclose()
        return event.alternatives[0].text

    assert run(work) == "Hello there, how are you?"
    line = quick.line()
    assert (line["status"], line["model_id"]) == ("success", f"elevenlabs/{model}")
    assert seconds_of(line) == (1_700_000_000, 1_700_000_000)
    assert line["sources"]["audio_nanos"] == "provider_reported"
    assert line["metadata"]["language"] == "en"
    # USD 0.061111 for a thousand seconds of either; of v1 the supplement knows it.
    assert line["cost_picos"] == 1_700_000_000 * 61_111 // 1_000_000
    assert line["pricing_source"].startswith("voice-prices@" if model == "scribe_v2" else "voicegateway-supplement@")
    quick.assert_equals_bill()


def test_a_recording_without_its_length_is_booked_as_sent(quick: Stage) -> None:
    quick.sim.fault("elevenlabs", "stt", "no_usage")

    async def work() -> None:
        await ear("scribe_v2").recognize(recording(tone(1.0)), conn_options=ONCE)

    run(work)
    line = quick.line()
    assert (line["audio_nanos"], line["sources"]["audio_nanos"]) == (1_000_000_000, "wire_measured")
    quick.assert_equals_bill()


@pytest.mark.parametrize("status", [401, 429])
def test_a_refused_recording_costs_nothing(quick: Stage, status: int) -> None:
    quick.sim.fault("elevenlabs", "stt", "status", value=status)

    async def work() -> None:
        await ear("scribe_v2").recognize(recording(tone(1.0)), conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    line = quick.line()
    assert (line["status"], line["error_status"], line["audio_nanos"]) == ("error", status, 0)
    quick.assert_equals_bill()


async def listen(ours: Any, pcm: bytes, finals: int, *, rate: int = RATE) -> list[str]:
    """Feed a stream and close it after so many transcripts: the plugin does not end by itself."""
    texts: list[str] = []
    stream = ours.stream(conn_options=ONCE)
    feeding = asyncio.create_task(feed(stream, pcm, rate=rate))
    async for event in stream:
        if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
            texts.append(event.alternatives[0].text)
            if len(texts) == finals:
                break
    await feeding
    await asyncio.sleep(0.1)
    await stream.aclose()
    return texts


def test_a_stream_is_one_line_with_the_seconds_that_left(quick: Stage) -> None:
    quick.sim.script(transcripts=["Hello there.", "How are you?"])

    async def work() -> list[str]:
        ours = ear(extra_kwargs={"server_vad": {"vad_silence_threshold_secs": 0.5}})
        texts = await listen(ours, (silence(0.5) + tone(1.5) + silence(0.7)) * 2, 2)
        await ours.aclose()
        return texts

    assert run(work) == ["Hello there.", "How are you?"]
    line = quick.line()
    assert (line["status"], line["model_id"], line["sockets"]) == ("cancelled", "elevenlabs/scribe_v2_realtime", 1)
    assert (line["audio_nanos"], line["sources"]["audio_nanos"]) == (5_400_000_000, "wire_measured")
    # USD 0.108333 for a thousand seconds.
    assert line["cost_picos"] == 5_400_000_000 * 108_333 // 1_000_000
    quick.assert_equals_bill()


@needs_commits
def test_the_silence_that_the_plugin_adds_to_commit_is_booked(quick: Stage) -> None:
    async def work() -> None:
        ours = ear()
        stream = ours.stream(conn_options=ONCE)
        for frame in frames(tone(0.1)):
            stream.push_frame(frame)
        stream.flush()
        async for event in stream:
            if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
                break
        await stream.aclose()
        await ours.aclose()

    run(work)
    assert quick.line()["audio_nanos"] == 300_000_000
    quick.assert_equals_bill()


@needs_commits
@pytest.mark.parametrize("rate", [8_000, 24_000, 48_000])
def test_other_rates_are_measured_in_seconds_too(quick: Stage, rate: int) -> None:
    async def work() -> None:
        ours = ear(sample_rate=rate, extra_kwargs={"server_vad": {"vad_silence_threshold_secs": 0.5}})
        await listen(ours, tone(1.0, rate) + silence(0.8, rate), 1, rate=rate)
        await ours.aclose()

    run(work)
    assert quick.line()["audio_nanos"] == 1_800_000_000
    quick.assert_equals_bill()


@needs_commits
def test_options_that_reconnect_stay_one_attempt(quick: Stage) -> None:
    async def work() -> None:
        ours = ear()
        stream = ours.stream(conn_options=ONCE)
        await feed(stream, tone(0.5))
        await asyncio.sleep(0.1)
        ours.update_options(keyterms=["tea"])
        await until(lambda: not stream._reconnect_event.is_set())
        await asyncio.sleep(0.3)
        await feed(stream, tone(0.5))
        await asyncio.sleep(0.2)
        await stream.aclose()
        await ours.aclose()

    run(work)
    line = quick.line()
    assert (line["sockets"], line["audio_nanos"]) == (2, 1_000_000_000)
    assert sum(round(row["audio_seconds"] * 1e9) for row in quick.sim.meter()) == 1_000_000_000


@pytest.mark.parametrize("kind", ["error_frame", "drop"])
def test_a_stream_that_fails_books_what_was_sent(quick: Stage, kind: str) -> None:
    quick.sim.fault("elevenlabs", "stt", kind, after_units=500)

    async def work() -> None:
        ours = ear()
        stream = ours.stream(conn_options=ONCE)
        feeding = asyncio.create_task(feed(stream, tone(1.0)))
        try:
            async for _ in stream:
                pass
        finally:
            feeding.cancel()

    with pytest.raises(APIError):
        run(work)
    line = quick.line()
    assert line["status"] == "error"
    assert line["audio_nanos"] >= round(quick.sim.row("stt")["audio_seconds"] * 1e9) >= 500_000_000


def test_a_refused_stream_costs_nothing(quick: Stage) -> None:
    quick.sim.fault("elevenlabs", "stt", "status", value=403)

    async def work() -> None:
        async for _ in ear().stream(conn_options=ONCE):
            pass

    with pytest.raises((APIError, aiohttp.ClientError)):
        run(work)
    line = quick.line()
    assert (line["status"], line["error_status"], line["audio_nanos"]) == ("error", 403, 0)
    quick.assert_equals_bill()


def test_every_option_of_recognition_passes_through(quick: Stage) -> None:
    given: dict[str, Any] = {"tag_audio_events": False, "include_timestamps": True, "keyterms": ["tea"]}
    newer = {"no_verbatim": True, "enable_logging": False, "secondary_languages": ["fr"], "previous_text": "Hi."}
    known = inspect.signature(elevenlabs.STT).parameters
    given |= {name: value for name, value in newer.items() if name in known}

    async def work() -> None:
        ours = ear(language="de", sample_rate=24_000, extra_kwargs=given)
        assert {name: getattr(ours._opts, name) for name in given} == given
        assert (ours._opts.language_code, ours._opts.sample_rate) == ("de", 24_000)
        assert ours.model == "scribe_v2_realtime"

    run(work)
