"""What agents do with the objects under test: chat, speak, listen."""

from __future__ import annotations

import array
import asyncio
import importlib.metadata
import math
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from livekit import rtc
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, llm, stt
from livekit.agents.utils import http_context

T = TypeVar("T")

#: One attempt, and no patience.
ONCE = APIConnectOptions(max_retry=0, timeout=10.0)
#: A second attempt at once.
TWICE = APIConnectOptions(max_retry=1, retry_interval=0.01, timeout=10.0)
#: The oldest LiveKit that is supported. Its clients of the inference service do less than later ones.
OLDEST = importlib.metadata.version("livekit-agents").startswith("1.5.")
#: With this patience a final refusal is not tried again. (The oldest LiveKit tries every one again.)
FINAL = ONCE if OLDEST else DEFAULT_API_CONNECT_OPTIONS

RATE = 16_000


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run ``work`` as LiveKit runs a job: with its HTTP session open."""

    async def inside() -> T:
        http_context._new_session_ctx()
        try:
            return await asyncio.wait_for(work(), 240)
        finally:
            await http_context._close_http_ctx()

    return asyncio.run(inside())


async def until(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true value of ``what``, looked at between other tasks."""
    end = asyncio.get_running_loop().time() + seconds
    while not (found := what()):
        assert asyncio.get_running_loop().time() < end, "waited in vain"
        await asyncio.sleep(0.005)
    return found


def said(text: str) -> llm.ChatContext:
    """A chat in which the caller has just said ``text``."""
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="You are a waiter.")
    context.add_message(role="user", content=text)
    return context


async def answer(model: Any, text: str, **kwargs: Any) -> str:
    """The whole answer of a model."""
    parts = []
    async with model.chat(chat_ctx=said(text), **kwargs) as stream:
        async for chunk in stream:
            if chunk.delta and chunk.delta.content:
                parts.append(chunk.delta.content)
    return "".join(parts)


async def read_some(stream: Any, chunks: int) -> None:
    """Read a chat until that many pieces of text have come."""
    async for chunk in stream:
        chunks -= bool(chunk.delta and chunk.delta.content)
        if chunks == 0:
            return


async def heard(stream: Any) -> float:
    """Listen to a synthesis to its end; returns its seconds."""
    seconds = 0.0
    async with stream:
        async for event in stream:
            seconds += event.frame.duration
    return seconds


async def say(voice: Any, *texts: str, **kwargs: Any) -> float:
    """Synthesize a text that comes in pieces; returns the seconds of audio."""
    stream = voice.stream(**kwargs)
    for text in texts:
        stream.push_text(text)
    stream.end_input()
    return await heard(stream)


def tone(seconds: float, rate: int = RATE) -> bytes:
    """Something the simulator takes for speech."""
    wave = (int(8_000 * math.sin(2 * math.pi * 220 * n / rate)) for n in range(int(seconds * rate)))
    return array.array("h", wave).tobytes()


def silence(seconds: float, rate: int = RATE) -> bytes:
    return bytes(int(seconds * rate) * 2)


def frames(pcm: bytes, rate: int = RATE) -> Iterator[rtc.AudioFrame]:
    """Frames of 20 ms."""
    step = rate // 50 * 2
    for start in range(0, len(pcm), step):
        part = pcm[start : start + step]
        yield rtc.AudioFrame(part, rate, 1, len(part) // 2)


async def feed(stream: Any, pcm: bytes, *, rate: int = RATE, speed: float = 4.0) -> None:
    """Push audio as a microphone does, ``speed`` times as fast."""
    for frame in frames(pcm, rate):
        stream.push_frame(frame)
        await asyncio.sleep(0.02 / speed)


async def listen(stream: Any, pcm: bytes, **kwargs: Any) -> list[str]:
    """Feed a recognition, end its input, and return what it understood."""
    texts: list[str] = []

    async def feed_all() -> None:
        await feed(stream, pcm, **kwargs)
        stream.end_input()

    async with stream:
        feeding = asyncio.create_task(feed_all())
        try:
            async for event in stream:
                if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
                    texts.append(event.alternatives[0].text)
            await feeding
        finally:
            feeding.cancel()
    return texts
