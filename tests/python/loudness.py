"""Voice activity by loudness: LiveKit's own detector knows that noise is nobody's voice."""

from __future__ import annotations

from collections.abc import AsyncIterator

from livekit import rtc
from livekit.agents import vad


class Loudness(vad.VAD):
    """A detector that wakes at the first loud frame and sleeps at the first silent one."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.1))

    def stream(self) -> vad.VADStream:
        return _Loud(self)


class _Loud(vad.VADStream):
    async def _main_task(self) -> None:
        speech: list[rtc.AudioFrame] = []
        async for frame in self._frames():
            if any(frame.data):
                if not speech:
                    self._event_ch.send_nowait(_event(vad.VADEventType.START_OF_SPEECH, []))
                speech.append(frame)
            elif speech:
                self._event_ch.send_nowait(_event(vad.VADEventType.END_OF_SPEECH, speech))
                speech = []

    async def _frames(self) -> AsyncIterator[rtc.AudioFrame]:
        async for frame in self._input_ch:
            if isinstance(frame, rtc.AudioFrame):
                yield frame


def _event(kind: vad.VADEventType, frames: list[rtc.AudioFrame]) -> vad.VADEvent:
    return vad.VADEvent(
        type=kind,
        samples_index=0,
        timestamp=0.0,
        speech_duration=0.0,
        silence_duration=0.0,
        frames=frames,
    )
