"""Groq and AssemblyAI behind the gateway: what is particular about their bills."""

from __future__ import annotations

import io
import wave
from typing import Any

import openai
import pytest
from conversing import FINAL, answer, feed, listen, run, silence, tone, until
from livekit.agents import APIError, inference
from serving import Gateway

SENTENCE = silence(0.5) + tone(1.5) + silence(0.7)
CHAT = "groq/llama-3.3-70b-versatile"
EAR = "assemblyai/universal-3-5-pro"


def recording(seconds: float) -> tuple[str, bytes]:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(16_000)
        written.writeframes(silence(seconds - 1.0) + tone(1.0))
    return "a.wav", file.getvalue()


def sdk(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(**gateway.openai, max_retries=0, timeout=20)


def test_a_chat_with_groq_is_counted_once(swift: Gateway) -> None:
    async def work() -> str:
        return await answer(inference.LLM(CHAT), "My name is Ada Lovelace.")

    assert run(work).startswith("Thank you, Ada.")
    line = swift.line()
    assert (line["status"], line["sources"]["output_tokens"]) == ("success", "provider_reported")
    assert line["cost_picos"] == line["input_tokens"] * 590_000 + line["output_tokens"] * 790_000
    swift.assert_equals_bill()


def test_usage_in_groqs_own_field_is_enough(swift: Gateway) -> None:
    swift.sim.fault("groq", "llm", "no_usage")
    with sdk(swift) as client:
        asked: Any = [{"role": "user", "content": "My name is Ada Lovelace."}]
        assert list(client.chat.completions.create(model=CHAT, messages=asked, stream=True))
    assert swift.line()["sources"]["output_tokens"] == "provider_reported"
    swift.assert_equals_bill()


@pytest.mark.parametrize(("seconds", "billed"), [(1.5, 10_000_000_000), (12.5, 12_500_000_000)])
def test_groq_bills_ten_seconds_of_a_recording_at_least(swift: Gateway, seconds: float, billed: int) -> None:
    with sdk(swift) as client:
        assert client.audio.transcriptions.create(model="groq/whisper-large-v3-turbo", file=recording(seconds)).text
    line = swift.line()
    assert (line["audio_nanos"], line["sent_audio_nanos"]) == (billed, round(seconds * 1e9))
    assert line["cost_picos"] > 0
    swift.assert_equals_bill()


def test_groq_speaks_a_wav_file_to_who_asked_for_another(swift: Gateway) -> None:
    with sdk(swift) as client:
        speech = client.audio.speech.create(
            model="groq/canopylabs/orpheus-v1-english", voice="hannah", input="Hello there."
        )
    assert speech.response.headers["content-type"] == "audio/wav"
    assert speech.content.startswith(b"RIFF")
    assert swift.line()["characters"] == 12
    swift.assert_equals_bill()


def test_a_live_stream_to_groq_is_refused_with_what_to_do(swift: Gateway) -> None:
    async def work() -> None:
        stream = inference.STT("groq/whisper-large-v3-turbo").stream(conn_options=FINAL)
        with pytest.raises(APIError):
            await listen(stream, tone(0.5))

    run(work)
    # Nothing was sent, and the log says what to do.
    assert swift.sim.meter() == []
    assert "StreamAdapter" in swift.log.read_text()


def test_a_stream_to_assemblyai_costs_what_its_session_lasts(swift: Gateway) -> None:
    swift.sim.script(transcripts=["Hello there, how are you?"])

    async def work() -> list[str]:
        return await listen(inference.STT(EAR).stream(), SENTENCE, speed=2.0)

    assert run(work) == ["Hello there, how are you?"]
    line = swift.line()
    assert (line["status"], line["model_id"]) == ("success", EAR)
    seconds = swift.sim.row("stt")["audio_seconds"]
    assert seconds == int(seconds) > 1
    assert line["audio_nanos"] == line["session_nanos"] == seconds * 1_000_000_000
    assert (line["sources"]["audio_nanos"], line["sent_audio_nanos"]) == ("provider_reported", 2_700_000_000)
    assert line["cost_picos"] == seconds * 125_000_000
    swift.assert_equals_bill()


def test_a_caller_who_hangs_up_terminates_the_session(gateway: Gateway) -> None:
    async def work() -> None:
        stream = inference.STT(EAR).stream()
        await feed(stream, tone(1.0), speed=1.0)
        await stream.aclose()
        await until(lambda: gateway.sim.requests())

    run(work)
    # A session that is merely cut is `cut` on the bill.
    assert gateway.sim.requests()[0]["outcome"] == "complete"
    line = gateway.line()
    assert line["sources"]["audio_nanos"] == "provider_reported"
    gateway.assert_equals_bill()


def test_a_session_that_fails_is_tried_again_on_another_line(gateway: Gateway) -> None:
    gateway.sim.fault("assemblyai", "stt", "drop", after_units=600)

    async def work() -> list[str]:
        return await listen(inference.STT(EAR).stream(), tone(1.5) + silence(0.8), speed=1.0)

    assert run(work)
    cut, served = gateway.lines()
    assert (cut["status"], served["status"]) == ("error", "success")
    assert cut["sources"]["audio_nanos"] == "wire_measured"
    billed = gateway.sim.requests()
    for line, request in zip((cut, served), billed, strict=True):
        assert abs(line["audio_nanos"] - request["audio_seconds"] * 1e9) < 150_000_000


def test_assemblyai_transcribes_a_recording_in_whole_seconds(swift: Gateway) -> None:
    with sdk(swift) as client:
        assert client.audio.transcriptions.create(model=EAR, file=recording(1.5)).text
    line = swift.line()
    assert (line["status"], line["audio_nanos"], line["sent_audio_nanos"]) == ("success", 2_000_000_000, 1_500_000_000)
    assert line["sources"]["audio_nanos"] == "provider_reported"
    swift.assert_equals_bill()
