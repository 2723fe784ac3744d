"""A telephone line made of nothing: a caller of noise as LiveKit's audio input, a loudspeaker as its output."""

from __future__ import annotations

import asyncio
import math
import random
import time
from array import array

from livekit import rtc
from livekit.agents.voice import io

RATE = 16_000
FRAME_SECONDS = 0.02
FRAME_SAMPLES = int(RATE * FRAME_SECONDS)


def speech(seconds: float) -> bytes:
    """Something with the loudness of speech, 16 bit mono."""
    noise = random.Random(1)
    samples = (
        int(9_000 * abs(math.sin(2 * math.pi * 3 * n / RATE)) * noise.uniform(-1, 1)) for n in range(int(seconds * RATE))
    )
    return array("h", samples).tobytes()


class Caller(io.AudioInput):
    """A microphone in real time: silence, and speech when there is something to say."""

    def __init__(self) -> None:
        super().__init__(label="caller")
        self._to_say = b""
        self._next_frame = 0.0

    async def say(self, seconds: float) -> None:
        """Speak for that long."""
        self._to_say += speech(seconds)
        await asyncio.sleep(seconds)

    async def __anext__(self) -> rtc.AudioFrame:
        now = time.perf_counter()
        self._next_frame = max(self._next_frame, now - 1) + FRAME_SECONDS
        await asyncio.sleep(max(0.0, self._next_frame - now))
        size = FRAME_SAMPLES * 2
        data, self._to_say = self._to_say[:size], self._to_say[size:]
        return rtc.AudioFrame(data.ljust(size, b"\0"), RATE, 1, FRAME_SAMPLES)


class Speaker(io.AudioOutput):
    """A loudspeaker: plays in real time what it is given, and stops at once when it is told to."""

    def __init__(self) -> None:
        super().__init__(label="speaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=24_000)
        self.started = asyncio.Event()
        self.finished = asyncio.Event()
        self._given = 0.0
        self._began: float | None = None
        self._playing: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self._began is None:
            self._began = time.perf_counter()
            self.on_playback_started(created_at=time.time())
            self.finished.clear()
            self.started.set()
        self._given += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._began is not None:
            self._playing = asyncio.create_task(self._play_out(self._began + self._given))

    async def _play_out(self, end: float) -> None:
        await asyncio.sleep(max(0.0, end - time.perf_counter()))
        self._finish(interrupted=False)

    def clear_buffer(self) -> None:
        if self._began is None:
            return
        super().flush()
        if self._playing is not None:
            self._playing.cancel()
        self._finish(interrupted=True)

    def _finish(self, *, interrupted: bool) -> None:
        assert self._began is not None
        played = min(self._given, time.perf_counter() - self._began)
        self._began, self._given, self._playing = None, 0.0, None
        self.started.clear()
        self.finished.set()
        self.on_playback_finished(playback_position=played, interrupted=interrupted)
