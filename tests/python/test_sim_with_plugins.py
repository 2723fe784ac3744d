"""The provider simulators against the unmodified LiveKit plugins: they are served, and billed to the unit."""

from __future__ import annotations

import array
import asyncio
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from livekit import rtc
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError, llm, stt
from livekit.plugins import cartesia, deepgram, openai

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("VOICEGW_BINARY", str(ROOT / "target/debug/voicegw"))
ONCE = APIConnectOptions(max_retry=0, timeout=20.0)


class Sim:
    """A simulator of its own process."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [BINARY, "sim", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        for line in self.process.stdout:
            if ready := re.match(r"listening on (http://\S+)", line):
                self.url = ready[1]
                return
        raise RuntimeError(f"the simulator ended with {self.process.wait()}")

    def call(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        method = "GET" if body is None else "POST"
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def fault(self, provider: str, modality: str, kind: str, **more: int) -> None:
        self.call("/__faults", [{"provider": provider, "modality": modality, "kind": kind, **more}])

    def row(self, provider: str, modality: str) -> dict[str, Any]:
        rows = [r for r in self.call("/__meter") if (r["provider"], r["modality"]) == (provider, modality)]
        assert len(rows) == 1, rows
        return rows[0]


@pytest.fixture(scope="module")
def server() -> Iterator[Sim]:
    sim = Sim("--seed", "7")
    yield sim
    sim.process.send_signal(signal.SIGTERM)
    assert sim.process.wait(5) == 0


@pytest.fixture
def sim(server: Sim) -> Sim:
    server.call("/__reset", {})
    return server


def tone(seconds: float, rate: int = 16_000) -> bytes:
    wave = (int(8_000 * math.sin(2 * math.pi * 220 * n / rate)) for n in range(int(seconds * rate)))
    return array.array("h", wave).tobytes()


def frames(pcm: bytes, rate: int = 16_000) -> Iterator[rtc.AudioFrame]:
    step = rate // 50 * 2
    for start in range(0, len(pcm), step):
        part = pcm[start : start + step]
        yield rtc.AudioFrame(part, rate, 1, len(part) // 2)


async def hear(
    stream: stt.SpeechStream, pcm: bytes, *, rate: int = 16_000, first_final: bool = False
) -> list[stt.SpeechEvent]:
    """Feeds `pcm` four times faster than real time and gives all events, or those up to the first final one."""
    events: list[stt.SpeechEvent] = []

    async def feed() -> None:
        for frame in frames(pcm, rate):
            stream.push_frame(frame)
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.5)
        stream.end_input()

    feeding = asyncio.create_task(feed())
    async for event in stream:
        events.append(event)
        if first_final and event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
            break
    await feeding
    await stream.aclose()
    return events


def finals(events: list[stt.SpeechEvent]) -> list[str]:
    wanted = stt.SpeechEventType.FINAL_TRANSCRIPT
    return [event.alternatives[0].text for event in events if event.type == wanted]


def kinds(events: list[stt.SpeechEvent]) -> list[str]:
    return [event.type.value for event in events]


def chat_llm(sim: Sim, **more: Any) -> openai.LLM:
    return openai.LLM(model="gpt-4.1-mini", api_key="k", base_url=f"{sim.url}/openai/v1", **more)


def said(text: str) -> llm.ChatContext:
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="You are a waiter.")
    context.add_message(role="user", content=text)
    return context


def run(work: Any) -> Any:
    async def inside() -> Any:
        async with aiohttp.ClientSession() as session:
            return await work(session)

    return asyncio.run(inside())


# --- speech to text ---


def test_deepgram_stream_hears_the_script_and_bills_its_audio(sim: Sim) -> None:
    sim.call("/__script", {"transcripts": ["Hello there, how are you?", "Second one."]})

    async def work(session: aiohttp.ClientSession) -> list[stt.SpeechEvent]:
        plugin = deepgram.STT(api_key="k", base_url=f"{sim.url}/deepgram/v1/listen", http_session=session)
        audio = bytes(16_000) + tone(1.5) + bytes(32_000) + tone(1.0) + bytes(32_000)
        return await hear(plugin.stream(), audio)

    events = run(work)
    assert finals(events) == ["Hello there, how are you?", "Second one."]
    assert kinds(events).count("start_of_speech") == 2
    assert kinds(events).count("end_of_speech") == 2
    assert "interim_transcript" in kinds(events)
    row = sim.row("deepgram", "stt")
    assert (row["model"], row["requests"], row["refused"]) == ("nova-3", 1, 0)
    assert row["audio_seconds"] == 5.0
    assert row["session_seconds"] > 1


def test_deepgram_silence_yields_nothing(sim: Sim) -> None:
    async def work(session: aiohttp.ClientSession) -> list[stt.SpeechEvent]:
        plugin = deepgram.STT(api_key="k", base_url=f"{sim.url}/deepgram/v1/listen", http_session=session)
        return await hear(plugin.stream(), bytes(64_000))

    assert {"recognition_usage"} >= set(kinds(run(work)))
    assert sim.row("deepgram", "stt")["audio_seconds"] == 2.0


def test_deepgram_recording(sim: Sim) -> None:
    async def work(session: aiohttp.ClientSession) -> stt.SpeechEvent:
        plugin = deepgram.STT(api_key="k", base_url=f"{sim.url}/deepgram/v1/listen", http_session=session)
        return await plugin.recognize(list(frames(tone(1.0))), conn_options=ONCE)

    assert run(work).alternatives[0].text.startswith("Hi, I would like")
    assert sim.row("deepgram", "stt")["audio_seconds"] == 1.0


def test_deepgram_flux_turns(sim: Sim) -> None:
    async def work(session: aiohttp.ClientSession) -> list[stt.SpeechEvent]:
        plugin = deepgram.STTv2(api_key="k", base_url=f"{sim.url}/deepgram/v2/listen", http_session=session)
        return await hear(plugin.stream(), tone(1.5) + bytes(48_000))

    events = run(work)
    assert len(finals(events)) == 1
    assert kinds(events)[0] == "start_of_speech"
    assert sim.row("deepgram", "stt")["model"] == "flux-general-en"
    assert sim.row("deepgram", "stt")["audio_seconds"] == 3.0


def test_cartesia_hears_turns(sim: Sim) -> None:
    async def work(session: aiohttp.ClientSession) -> list[stt.SpeechEvent]:
        plugin = cartesia.STT(api_key="k", base_url=f"{sim.url}/cartesia", http_session=session)
        return await hear(plugin.stream(), tone(1.5) + bytes(48_000), first_final=True)

    assert finals(run(work)) == ["Hi, I would like to book a table for two tonight."]
    assert sim.row("cartesia", "stt")["audio_seconds"] == 3.0


def test_cartesia_hears_with_whisper(sim: Sim) -> None:
    async def work(session: aiohttp.ClientSession) -> list[stt.SpeechEvent]:
        plugin = cartesia.STT(
            api_key="k", model="ink-whisper", base_url=f"{sim.url}/cartesia", http_session=session
        )
        return await hear(plugin.stream(), tone(1.5) + bytes(48_000), first_final=True)

    assert len(finals(run(work))) == 1
    assert sim.row("cartesia", "stt")["model"] == "ink-whisper"


@pytest.mark.parametrize("model", ["gpt-4o-mini-transcribe", "whisper-1"])
def test_openai_recording(sim: Sim, model: str) -> None:
    async def work(_: aiohttp.ClientSession) -> stt.SpeechEvent:
        plugin = openai.STT(model=model, api_key="k", base_url=f"{sim.url}/openai/v1")
        return await plugin.recognize(list(frames(tone(1.5))), conn_options=ONCE)

    assert run(work).alternatives[0].text.startswith("Hi, I would like")
    row = sim.row("openai", "stt")
    if model == "whisper-1":
        assert row["audio_seconds"] == 2.0
    else:
        # Billed in tokens, so not in seconds.
        assert (row["audio_seconds"], row["input_audio_tokens"]) == (0.0, 15)
        assert row["output_tokens"] > 5


def test_openai_realtime_transcription(sim: Sim) -> None:
    async def work(session: aiohttp.ClientSession) -> list[str]:
        plugin = openai.STT(api_key="k", base_url=f"{sim.url}/openai/v1", use_realtime=True)
        plugin._session = session  # it takes none, and otherwise wants a job around it
        stream = plugin.stream()
        texts: list[str] = []

        async def feed() -> None:
            for frame in frames(tone(1.5, 24_000) + bytes(48_000), 24_000):
                stream.push_frame(frame)
                await asyncio.sleep(0.005)

        feeding = asyncio.create_task(feed())
        async for event in stream:
            if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
                texts.append(event.alternatives[0].text)
                break
        await feeding
        await stream.aclose()
        return texts

    assert run(work) == ["Hi, I would like to book a table for two tonight."]
    assert sim.row("openai", "stt")["input_audio_tokens"] == 15


# --- models ---


def test_openai_chat_reports_what_is_billed(sim: Sim) -> None:
    async def work(_: aiohttp.ClientSession) -> tuple[str, Any, float, float]:
        model = chat_llm(sim)
        start, first = time.monotonic(), 0.0
        text, usage = "", None
        async with model.chat(chat_ctx=said("My name is Ada Lovelace.")) as stream:
            async for chunk in stream:
                if chunk.delta and chunk.delta.content:
                    first = first or time.monotonic() - start
                    text += chunk.delta.content
                usage = chunk.usage or usage
        await model.aclose()
        return text, usage, first, time.monotonic() - start

    text, usage, first, total = run(work)
    assert text.startswith("Thank you, Ada.")
    row = sim.row("openai", "llm")
    assert (row["requests"], row["model"]) == (1, "gpt-4.1-mini")
    assert (usage.prompt_tokens, usage.completion_tokens) == (row["input_tokens"], row["output_tokens"])
    assert first > 0.25
    assert total > first + 0.015 * row["output_tokens"]


def test_openai_chat_without_v1_in_the_base_url(sim: Sim) -> None:
    async def work(_: aiohttp.ClientSession) -> str:
        model = openai.LLM(model="gpt-4.1", api_key="k", base_url=f"{sim.url}/openai")
        response = await model.chat(chat_ctx=said("Hello?")).collect()
        return response.text

    assert run(work)


def test_openai_chat_cut_by_the_client_stops_the_meter(sim: Sim) -> None:
    async def work(_: aiohttp.ClientSession) -> int:
        model = chat_llm(sim)
        chunks = 0
        stream = model.chat(chat_ctx=said("Can you tell me about the menu?"))
        async for chunk in stream:
            chunks += bool(chunk.delta and chunk.delta.content)
            if chunks == 5:
                break
        await stream.aclose()
        await model.aclose()
        return chunks

    assert run(work) == 5
    time.sleep(0.5)
    made = sim.row("openai", "llm")["output_tokens"]
    assert 5 <= made <= 8
    assert sim.call("/__requests")[-1]["outcome"] == "cut"


def test_openai_chat_calls_a_function_and_then_speaks(sim: Sim) -> None:
    call = {"tool": {"name": "get_weather", "arguments": {"city": "Bonn"}}, "then": "It is sunny."}
    sim.call("/__script", {"replies": [call]})

    @llm.function_tool
    async def get_weather(city: str) -> str:
        """Tells the weather.

        Args:
            city: Where.
        """
        return "sun"

    async def work(_: aiohttp.ClientSession) -> tuple[Any, str]:
        model = chat_llm(sim)
        context = said("What is the weather?")
        first = await model.chat(chat_ctx=context, tools=[get_weather]).collect()
        made = first.tool_calls[0]
        context.items.append(
            llm.FunctionCall(call_id=made.call_id, name=made.name, arguments=made.arguments)
        )
        context.items.append(
            llm.FunctionCallOutput(call_id=made.call_id, name=made.name, output="sun", is_error=False)
        )
        second = await model.chat(chat_ctx=context, tools=[get_weather]).collect()
        return made, second.text

    made, text = run(work)
    assert (made.name, json.loads(made.arguments)) == ("get_weather", {"city": "Bonn"})
    assert text == "It is sunny."


def test_openai_long_prompt_is_cached_the_second_time(sim: Sim) -> None:
    async def work(_: aiohttp.ClientSession) -> list[int]:
        model = chat_llm(sim)
        cached = []
        for _round in range(2):
            response = await model.chat(chat_ctx=said("word " * 1500)).collect()
            cached.append(response.usage.prompt_cached_tokens)
        return cached

    assert run(work) == [0, 1408]
    assert sim.row("openai", "llm")["cached_input_tokens"] == 1408


# --- text to speech ---


async def audio_seconds(stream: Any) -> float:
    seconds = 0.0
    async for event in stream:
        seconds += event.frame.duration
    return seconds


def cartesia_tts(sim: Sim, session: aiohttp.ClientSession) -> cartesia.TTS:
    return cartesia.TTS(api_key="k", base_url=f"{sim.url}/cartesia", http_session=session)


def test_cartesia_stream_bills_the_characters_on_the_wire(sim: Sim) -> None:
    async def work(session: aiohttp.ClientSession) -> float:
        plugin = cartesia_tts(sim, session)
        seconds = 0.0
        for _ in range(2):
            stream = plugin.stream()
            stream.push_text("Hello there, my friend. How are you?")
            stream.end_input()
            seconds += await audio_seconds(stream)
        await plugin.aclose()
        return seconds

    seconds = run(work)
    row = sim.row("cartesia", "tts")
    assert (row["requests"], row["characters"], row["sent_characters"]) == (2, row["sent_characters"], 76)
    assert seconds == pytest.approx(76 * 0.06, abs=0.2)


def test_cartesia_synthesize(sim: Sim) -> None:
    async def work(session: aiohttp.ClientSession) -> float:
        return await audio_seconds(cartesia_tts(sim, session).synthesize("Hällo wörld."))

    assert run(work) == pytest.approx(0.72, abs=0.1)
    assert sim.row("cartesia", "tts")["characters"] == 12


def test_cartesia_barge_in_on_a_pooled_socket_bills_what_was_received(sim: Sim) -> None:
    async def work(session: aiohttp.ClientSession) -> None:
        plugin = cartesia_tts(sim, session)
        stream = plugin.stream()
        stream.push_text("This is a rather long sentence that will be cut. And another long one that follows.")
        async for _ in stream:
            break
        await stream.aclose()
        stream = plugin.stream()
        stream.push_text("Short.")
        stream.end_input()
        assert await audio_seconds(stream) > 0.3
        await plugin.aclose()

    run(work)
    row = sim.row("cartesia", "tts")
    assert row["requests"] == 2
    assert row["characters"] == row["sent_characters"] > 0


def test_deepgram_speaks(sim: Sim) -> None:
    async def work(session: aiohttp.ClientSession) -> list[float]:
        plugin = deepgram.TTS(api_key="k", base_url=f"{sim.url}/deepgram/v1/speak", http_session=session)
        stream = plugin.stream()
        stream.push_text("hello there.")
        stream.end_input()
        seconds = [await audio_seconds(stream), await audio_seconds(plugin.synthesize("Hi you"))]
        await plugin.aclose()
        return seconds

    seconds = run(work)
    assert seconds == [pytest.approx(0.78, abs=0.1), pytest.approx(0.36, abs=0.1)]
    row = sim.row("deepgram", "tts")
    # The socket gets a space after every word.
    assert (row["requests"], row["characters"]) == (2, 13 + 6)


@pytest.mark.parametrize("model", ["gpt-4o-mini-tts", "tts-1"])
@pytest.mark.parametrize("audio", ["mp3", "pcm"])
def test_openai_speaks(sim: Sim, model: str, audio: Any) -> None:
    metrics: list[Any] = []

    async def work(_: aiohttp.ClientSession) -> float:
        plugin = openai.TTS(model=model, api_key="k", base_url=f"{sim.url}/openai/v1", response_format=audio)
        plugin.on("metrics_collected", metrics.append)
        seconds = await audio_seconds(plugin.synthesize("Hello there."))
        await plugin.aclose()
        return seconds

    assert run(work) == pytest.approx(0.72, abs=0.12)
    row = sim.row("openai", "tts")
    if model == "tts-1":
        assert (row["characters"], row["output_tokens"]) == (12, 0)
    else:
        assert (row["characters"], row["sent_characters"]) == (0, 12)
        assert row["output_tokens"] == row["output_audio_tokens"] == 15
        assert (metrics[-1].input_tokens, metrics[-1].output_tokens) == (row["input_tokens"], 15)


# --- faults ---


def chat_error(sim: Sim) -> Exception:
    async def work(_: aiohttp.ClientSession) -> None:
        model = chat_llm(sim)
        await model.chat(chat_ctx=said("Hi"), conn_options=APIConnectOptions(max_retry=0, timeout=1.0)).collect()

    with pytest.raises(APIError) as raised:
        run(work)
    return raised.value


def test_status_fault_refuses_and_bills_nothing(sim: Sim) -> None:
    sim.fault("openai", "llm", "status", value=429)
    error = chat_error(sim)
    assert isinstance(error, APIStatusError) and error.status_code == 429
    row = sim.row("openai", "llm")
    assert (row["requests"], row["refused"], row["input_tokens"]) == (0, 1, 0)


def test_a_retry_after_a_status_fault_succeeds(sim: Sim) -> None:
    sim.fault("openai", "llm", "status", value=503, times=1)

    async def work(_: aiohttp.ClientSession) -> str:
        return (await chat_llm(sim).chat(chat_ctx=said("Hi")).collect()).text

    assert run(work)
    row = sim.row("openai", "llm")
    assert (row["requests"], row["refused"]) == (1, 1)


@pytest.mark.parametrize("kind", ["drop", "error_frame", "stall"])
def test_a_cut_answer_bills_the_tokens_made(sim: Sim, kind: str) -> None:
    sim.fault("openai", "llm", kind, after_units=3)
    assert isinstance(chat_error(sim), APIConnectionError)
    time.sleep(0.2)
    row = sim.row("openai", "llm")
    assert (row["requests"], row["output_tokens"]) == (1, 3)


def test_no_usage_leaves_the_usage_out(sim: Sim) -> None:
    sim.fault("openai", "llm", "no_usage")

    async def work(_: aiohttp.ClientSession) -> Any:
        return await chat_llm(sim).chat(chat_ctx=said("Hi")).collect()

    response = run(work)
    assert response.text and response.usage is None
    assert sim.row("openai", "llm")["output_tokens"] > 0


def test_slow_delays_the_first_token(sim: Sim) -> None:
    sim.fault("openai", "llm", "slow", value=700)

    async def work(_: aiohttp.ClientSession) -> float:
        start = time.monotonic()
        async for _chunk in chat_llm(sim).chat(chat_ctx=said("Hi")):
            return time.monotonic() - start
        return 0.0

    assert run(work) > 0.95


def test_a_dropped_stt_socket_is_reconnected(sim: Sim) -> None:
    sim.fault("deepgram", "stt", "drop", after_units=600)

    async def work(session: aiohttp.ClientSession) -> list[stt.SpeechEvent]:
        plugin = deepgram.STT(api_key="k", base_url=f"{sim.url}/deepgram/v1/listen", http_session=session)
        return await hear(plugin.stream(), tone(2.5) + bytes(32_000))

    assert len(finals(run(work))) == 1
    row = sim.row("deepgram", "stt")
    assert row["requests"] == 2
    assert 0.6 < row["audio_seconds"] <= 3.5


@pytest.mark.parametrize("kind", ["error_frame", "drop"])
def test_a_failed_cartesia_context(sim: Sim, kind: str) -> None:
    sim.fault("cartesia", "tts", kind, after_units=0)

    async def work(session: aiohttp.ClientSession) -> None:
        stream = cartesia_tts(sim, session).stream(conn_options=ONCE)
        stream.push_text("Hello there, my friend.")
        stream.end_input()
        await audio_seconds(stream)

    with pytest.raises(APIError):
        run(work)
    row = sim.row("cartesia", "tts")
    assert row["requests"] == 1
    assert row["sent_characters"] > 0
    if kind == "error_frame":
        assert row["characters"] == 0


def test_unknown_faults_are_refused_with_what_is_allowed(sim: Sim) -> None:
    for wrong, named in [
        ({"kind": "explode"}, "error_frame"),
        ({"kind": "drop", "color": 1}, "after_units"),
        ({"kind": "drop", "modality": "video"}, "stt, llm, tts"),
        ({"kind": "drop", "provider": "acme"}, "deepgram"),
    ]:
        fault = {"provider": "openai", "modality": "llm", **wrong}
        with pytest.raises(urllib.error.HTTPError) as raised:
            sim.call("/__faults", [fault])
        assert raised.value.code == 400
        assert named in json.load(raised.value)["error"]
    assert sim.call("/__faults") == []


# --- keys ---


@pytest.mark.parametrize("key", ["invalid"])
def test_a_bad_key_is_refused_by_every_provider(sim: Sim, key: str) -> None:
    async def work(session: aiohttp.ClientSession) -> list[int]:
        async def status(method: str, path: str, headers: dict[str, str], body: Any) -> int:
            async with session.request(method, sim.url + path, headers=headers, json=body) as response:
                return response.status

        chat = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        say = {"model_id": "sonic-3", "transcript": "hi", "output_format": {"encoding": "pcm_s16le"}}
        statuses = []
        for headers in ({}, {"Authorization": f"Bearer {key}", "X-API-Key": key}):
            statuses.append(await status("POST", "/openai/v1/chat/completions", headers, chat))
            statuses.append(await status("POST", "/cartesia/tts/bytes", headers, say))
            statuses.append(await status("POST", "/deepgram/v1/speak", headers, {"text": "hi"}))
        return statuses

    assert run(work) == [401] * 6
    assert [(r["requests"], r["refused"]) for r in sim.call("/__meter")] == [(0, 2)] * 3


def test_reset_clears_everything(sim: Sim) -> None:
    sim.fault("openai", "llm", "drop", times=5)
    chat_error(sim)
    sim.call("/__reset", {})
    assert sim.call("/__meter") == [] and sim.call("/__faults") == [] and sim.call("/__requests") == []
