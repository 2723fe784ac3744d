"""Voice activity by loudness: LiveKit's own detector knows that a tone is nobody's voice."""

from __future__ import annotations

import array

from livekit import rtc
from livekit.agents import vad

#: What counts as loud, of 32,768; the simulators hear with the same ears.
_LOUD = 300
_START_SECONDS = 0.1
_END_SECONDS = 0.5


class LoudnessVAD(vad.VAD):
    """Speech begins with a tenth of a second that is loud, and ends with half a second that is not."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.02))

    @property
    def model(self) -> str:
        return "loudness"

    @property
    def provider(self) -> str:
        return "tests"

    def stream(self) -> vad.VADStream:
        return _Stream(self)


class _Stream(vad.VADStream):
    async def _main_task(self) -> None:
        loud = quiet = 0.0
        speaking, samples, kept = False, 0, []  # type: bool, int, list[rtc.AudioFrame]
        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                loud = quiet = 0.0
                speaking, kept = False, []
                continue
            samples += frame.samples_per_channel
            is_loud = max(map(abs, array.array("h", bytes(frame.data))), default=0) > _LOUD
            loud, quiet = (loud + frame.duration, 0.0) if is_loud else (loud, quiet + frame.duration)
            kept.append(frame)
            ends = speaking and quiet >= _END_SECONDS
            starts = not speaking and loud >= _START_SECONDS
            self._emit(vad.VADEventType.INFERENCE_DONE, samples, speaking, loud, quiet, [frame])
            if starts:
                speaking = True
                self._emit(vad.VADEventType.START_OF_SPEECH, samples, speaking, loud, quiet, list(kept))
            elif ends:
                speaking = False
                self._emit(vad.VADEventType.END_OF_SPEECH, samples, speaking, loud, quiet, list(kept))
            if not speaking and (ends or quiet >= _END_SECONDS):
                # What came just before a word belongs to it.
                loud, kept = 0.0, kept[-10:]

    def _emit(
        self,
        kind: vad.VADEventType,
        samples: int,
        speaking: bool,
        loud: float,
        quiet: float,
        frames: list[rtc.AudioFrame],
    ) -> None:
        event = vad.VADEvent(
            type=kind,
            samples_index=samples,
            timestamp=0.0,
            speech_duration=loud,
            silence_duration=quiet,
            frames=frames,
            probability=float(speaking),
            speaking=speaking,
        )
        self._event_ch.send_nowait(event)
