"""LiveKit's and OpenAI's clients against local runtimes behind the gateway: metered to the unit, and free."""

from __future__ import annotations

import asyncio
import io
import wave
from typing import Any

import openai
import pytest
from booked import Line
from conversing import FINAL, ONCE, RATE, answer, feed, listen, read_some, run, said, say, silence, tone, until
from livekit.agents import APIStatusError, inference, stt
from serving import Gateway

OLLAMA = "ollama/qwen2.5:3b"
#: Half a second of nothing, a sentence, and the pause after it.
SENTENCE = silence(0.5) + tone(1.5) + silence(0.7)
TEXT = "Hello there, my friend. How are you?"


def assert_free(line: Line, model: str) -> None:
    """It costs nothing, which is known and not unknown, whatever became of it."""
    assert (line["model_id"], line["cost_picos"], line["pricing_source"]) == (model, 0, "voicegateway-local")
    assert "unpriced" not in line["metadata"]


@pytest.mark.parametrize("model", ["local/whisper-large-v3", "whisper/large-v3"])
def test_utterances_are_heard_one_by_one(swift: Gateway, model: str) -> None:
    swift.sim.script(transcripts=["Hello there.", "How are you?"])
    heard: list[stt.SpeechEvent] = []

    async def work() -> None:
        stream = inference.STT(model, language="en").stream()
        async with stream:
            feeding = asyncio.create_task(feed(stream, SENTENCE + SENTENCE))
            feeding.add_done_callback(lambda _: stream.end_input())
            heard.extend([event async for event in stream])
            await feeding

    run(work)
    finals = [event.alternatives[0] for event in heard if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT]
    assert [final.text for final in finals] == ["Hello there.", "How are you?"]
    starts = [final.start_time for final in finals]
    assert all(abs(start - wanted) < 0.1 for start, wanted in zip(starts, (0.5, 3.2), strict=True)), starts
    assert heard[0].type == stt.SpeechEventType.START_OF_SPEECH
    line = swift.line()
    assert line["status"] == "success"
    # Each of 1.5 s, with 0.3 s before it and 0.4 s after it.
    assert abs(line["audio_nanos"] - 4_400_000_000) <= 40_000_000
    assert_free(line, model)
    swift.assert_equals_bill()


def test_silence_is_not_even_sent(swift: Gateway) -> None:
    async def work() -> None:
        assert await listen(inference.STT("local/whisper-large-v3").stream(), silence(2.0)) == []

    run(work)
    assert swift.line()["status"] == "success"
    assert swift.sim.meter() == []


def test_a_stream_closed_in_mid_utterance_asks_for_no_transcript(gateway: Gateway) -> None:
    async def work() -> None:
        stream = inference.STT("local/whisper-large-v3").stream()
        await feed(stream, tone(1.0))
        await stream.aclose()

    run(work)
    line = gateway.line()
    assert line["status"] in ("cancelled", "success")
    assert_free(line, "local/whisper-large-v3")
    # A request that is cut before the server has all of it is in the ledger alone.
    if line["status"] == "success":
        gateway.assert_equals_bill()


@pytest.mark.parametrize(("local", "cloud"), [(True, False), (False, True)])
def test_a_local_ear_and_a_cloud_one_stand_in_for_each_other(swift: Gateway, local: bool, cloud: bool) -> None:
    ears = ["local/whisper-large-v3", "deepgram/nova-3"]
    asked, other = ears if local else ears[::-1]
    failing = "whisper" if local else "deepgram"
    swift.sim.fault(failing, "stt", "status", value=403 if cloud else 404, times=9)

    async def work() -> list[str]:
        hearing = inference.STT(asked, fallback=[other])
        return await listen(hearing.stream(conn_options=ONCE), SENTENCE + silence(0.8))

    assert len(run(work)) == 1
    *failed, served = swift.lines()
    assert {line["model_id"] for line in failed} == {asked}
    assert (served["model_id"], served["status"], served["fallback_from"]) == (other, "fallback", asked)
    assert_free(served if cloud else failed[0], "local/whisper-large-v3")
    swift.assert_equals_bill()


def test_a_chat_keeps_the_tag_of_its_model_and_books_its_tokens(swift: Gateway) -> None:
    async def work() -> str:
        return await answer(inference.LLM(OLLAMA), "My name is Ada Lovelace.")

    assert run(work).startswith("Thank you, Ada.")
    line = swift.line()
    assert line["status"] == "success"
    assert line["input_tokens"] > 0 < line["output_tokens"]
    assert line["sources"]["output_tokens"] == "provider_reported"
    assert_free(line, OLLAMA)
    swift.assert_equals_bill()


def test_a_chat_that_is_cut_is_free_too_and_estimated(gateway: Gateway) -> None:
    async def work() -> None:
        async with inference.LLM(OLLAMA).chat(chat_ctx=said("Can you tell me about the menu?")) as stream:
            await read_some(stream, 4)
        await until(lambda: gateway.sim.requests())

    run(work)
    line = gateway.line()
    assert (line["status"], line["sources"]["output_tokens"]) == ("cancelled", "estimated")
    assert_free(line, OLLAMA)
    gateway.assert_equals_bill_but_for_cut_answers()


def test_a_model_that_is_not_there_is_said_with_the_command_that_gets_it(swift: Gateway) -> None:
    swift.sim.fault("ollama", "llm", "status", value=404, times=9)

    async def work() -> None:
        await answer(inference.LLM(OLLAMA), "Hello", conn_options=FINAL)

    with pytest.raises(APIStatusError, match="ollama pull qwen2.5:3b") as raised:
        run(work)
    assert raised.value.status_code == 404
    line = swift.line()
    assert (line["status"], line["error_status"]) == ("error", 404)
    assert_free(line, OLLAMA)
    swift.assert_equals_bill()


@pytest.mark.parametrize(
    ("model", "voice"),
    [
        ("local/kokoro", None),
        ("local/kokoro", "am_adam"),
        ("kokoro/kokoro", "af_heart"),
        ("local/piper", "en_US-lessac-medium"),
        ("local/piper", "en_US-danny-low"),
    ],
)
def test_a_synthesis_is_heard_and_its_characters_are_booked(swift: Gateway, model: str, voice: str | None) -> None:
    async def work() -> float:
        speaking = inference.TTS(model + (f":{voice}" if voice else ""))
        try:
            return await say(speaking, TEXT)
        finally:
            await speaking.aclose()

    # 60 ms for each of 36 characters.
    assert abs(run(work) - 0.06 * len(TEXT)) < 0.2
    line = swift.line()
    assert (line["status"], line["metadata"].get("voice")) == ("success", voice)
    assert line["characters"] >= len(TEXT)
    assert_free(line, model)
    swift.assert_equals_bill()


def test_a_synthesis_that_is_cut_books_what_was_sent(gateway: Gateway) -> None:
    async def work() -> None:
        speaking = inference.TTS("local/kokoro")
        stream = speaking.stream()
        stream.push_text("This is a rather long sentence that will be cut off. " * 4)
        stream.end_input()
        async for _ in stream:
            break
        await stream.aclose()
        await speaking.aclose()
        await until(lambda: gateway.sim.requests())

    run(work)
    line = gateway.line()
    assert line["status"] == "cancelled"
    assert_free(line, "local/kokoro")
    gateway.assert_equals_bill()


@pytest.mark.parametrize("model", ["kokoro", "piper"])
def test_a_failure_of_a_local_voice_is_tried_again(swift: Gateway, model: str) -> None:
    swift.sim.fault(model, "tts", "status", value=500)

    async def work() -> float:
        speaking = inference.TTS(f"local/{model}")
        try:
            # One sentence, so that no request for the next one is on its way when this one is refused.
            return await say(speaking, "Hello there, my friend.", conn_options=ONCE)
        finally:
            await speaking.aclose()

    assert run(work) > 1
    failed, served = swift.lines()
    assert (failed["status"], failed["error_status"], failed["characters"]) == ("error", 500, 0)
    assert served["status"] == "success"
    for line in (failed, served):
        assert_free(line, f"local/{model}")
    swift.assert_equals_bill()


def recording() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(tone(1.25))
    return file.getvalue()


def test_openais_client_is_served_by_local_runtimes(swift: Gateway) -> None:
    swift.sim.script(transcripts=["Hello there."])
    client = openai.OpenAI(**swift.openai)
    heard: Any = client.audio.transcriptions.create(model="local/whisper-large-v3", file=("a.wav", recording()))
    assert heard.text == "Hello there."
    for model in ("local/kokoro", "local/piper"):
        spoken = client.audio.speech.create(model=model, voice="en_US-danny-low", input=TEXT, response_format="pcm")
        assert abs(len(spoken.read()) - 0.06 * len(TEXT) * 48_000) < 480
    wav = client.audio.speech.create(model="local/piper", voice="en_US-danny-low", input=TEXT)
    assert wav.response.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(wav.read())) as file:
        assert file.getframerate() == 16_000
    chat = client.chat.completions.create(model=OLLAMA, messages=[{"role": "user", "content": "Hello"}])
    assert chat.choices[0].message.content
    lines = swift.lines()
    assert [line["cost_picos"] for line in lines] == [0] * 5
    assert lines[0]["audio_nanos"] == 1_250_000_000
    swift.assert_equals_bill()
