"""Whisper as LiveKit's STT."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
import os
from typing import Any

from livekit import rtc
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectOptions,
    LanguageCode,
    NotGivenOr,
    stt,
    utils,
    vad,
)

from . import _models
from ._process import Connection

_RATE = 16_000


@dataclasses.dataclass(frozen=True)
class _Options:
    language: str | None


class WhisperSTT(stt.STT[None]):
    """Whisper, run on this machine by a worker process that every object with this model shares.

    ``model`` is a size such as ``large-v3``, whose folder is in ``model_dir``, or the path of a folder that holds a
    model converted to CTranslate2. Without ``language`` it is detected. ``device`` is ``auto``, ``cpu`` or ``cuda``.
    ``decoding`` is further arguments of faster-whisper's ``transcribe``, such as ``{"beam_size": 1}``.

    Whisper hears whole utterances. With ``vad`` the object streams: what the detector cuts out is recognised piece by
    piece. Without one an ``AgentSession`` puts its own detector before it.

    ``timeout`` is how many seconds the worker may be silent before it counts as hung. Raises ``ImportError`` when
    ``faster-whisper`` is not installed and ``ConfigError`` when a file is not there; nothing is ever downloaded.
    """

    def __init__(
        self,
        model: str = _models.WHISPER.default,
        *,
        model_dir: str | os.PathLike[str] = _models.WHISPER.folder,
        language: str | None = None,
        device: str = "auto",
        compute_type: str = "default",
        decoding: dict[str, Any] | None = None,
        vad: vad.VAD | None = None,
        timeout: float = 120.0,
    ) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=vad is not None, interim_results=False))
        _models.WHISPER.require()
        folder = _models.whisper_folder(model, model_dir)
        load = {"model": str(folder), "device": device, "compute_type": compute_type}
        self._connection = Connection("whisper", load, timeout)
        self._name = folder.name
        self._decoding = decoding or {}
        self._opts = _Options(language)
        self._adapter = stt.StreamAdapter(stt=self, vad=vad) if vad is not None else None

    @property
    def model(self) -> str:
        return self._name

    @property
    def provider(self) -> str:
        return self._connection.runtime

    def update_options(self, *, language: str | None) -> None:
        """Change the language of the next requests; ``None`` has it detected."""
        self._opts = _Options(language)

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        if self._adapter is None:
            return super().stream(language=language, conn_options=conn_options)
        return self._adapter.stream(language=language, conn_options=conn_options)

    async def _recognize_impl(
        self,
        buffer: utils.AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        asked = language if utils.is_given(language) else self._opts.language
        # Whisper knows languages, not countries.
        language_code = asked.split("-")[0].lower() if asked else None
        frame = rtc.combine_audio_frames(buffer)
        fields = {
            "language": language_code,
            "decoding": self._decoding,
            "channels": frame.num_channels,
            "audio_nanos": frame.samples_per_channel * 1_000_000_000 // frame.sample_rate,
        }
        request = self._connection.request(fields, await _at_whispers_rate(frame))
        heard, segments = asked or "", []
        async with contextlib.aclosing(request):
            async for found, _ in request:
                heard = found.get("language", heard)
                if "segment" in found:
                    segments.append(found["segment"])
        return stt.SpeechEvent(
            type=stt.SpeechEventType.FINAL_TRANSCRIPT,
            request_id=utils.shortuuid(),
            alternatives=[_speech(segments, heard)],
        )

    def prewarm(self) -> None:
        """Start the worker and load the model ahead of need."""
        self._connection.start()

    async def aclose(self) -> None:
        """End the worker unless others use it."""
        await self._connection.aclose()


async def _at_whispers_rate(frame: rtc.AudioFrame) -> bytes:
    """16 bit samples at the one rate Whisper knows, which a detector's utterances usually have."""
    if frame.sample_rate == _RATE:
        return bytes(frame.data)

    def resample() -> bytes:
        resampler = rtc.AudioResampler(frame.sample_rate, _RATE, num_channels=frame.num_channels)
        return b"".join(bytes(made.data) for made in [*resampler.push(frame), *resampler.flush()])

    return await asyncio.to_thread(resample)


def _speech(segments: list[dict[str, Any]], language: str) -> stt.SpeechData:
    if not segments:
        return stt.SpeechData(language=LanguageCode(language), text="")
    seconds = sum(segment["end"] - segment["start"] for segment in segments)
    likelihood = sum(math.exp(segment["log"]) * (segment["end"] - segment["start"]) for segment in segments)
    return stt.SpeechData(
        language=LanguageCode(language),
        text="".join(segment["text"] for segment in segments).strip(),
        start_time=segments[0]["start"],
        end_time=segments[-1]["end"],
        confidence=likelihood / seconds if seconds > 0 else 0.0,
    )
