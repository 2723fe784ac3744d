"""Whisper, by ``faster-whisper`` (MIT)."""

from __future__ import annotations

import os
from typing import Any

import ctranslate2
import numpy
from faster_whisper import WhisperModel

from .serving import Steps


def load(model: str, device: str, compute_type: str) -> Whisper:
    """Load the model in the folder ``model``."""
    if not os.path.isdir(model):
        # The library would take it for a name on the network.
        raise FileNotFoundError(f"there is no folder `{model}`")
    if compute_type == "float16" and compute_type not in _compute_types(device):
        # What models are kept in, and so a usual setting; CTranslate2 refuses it where a device has no such numbers.
        compute_type = "default"
    return Whisper(WhisperModel(model, device=device, compute_type=compute_type, local_files_only=True))


def _compute_types(device: str) -> set[str]:
    if device == "auto":
        device = "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"
    return set(ctranslate2.get_supported_compute_types(device))


class Stopped(Exception):
    """The request was cancelled."""


class _Stoppable:
    """Stands for ``ctranslate2.models.Whisper``, whose calls cannot be interrupted: stops between them."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._is_stopped = False

    def __getattr__(self, name: str) -> Any:
        if self._is_stopped:
            raise Stopped
        return getattr(self._model, name)

    def allow(self) -> None:
        self._is_stopped = False

    def stop(self) -> None:
        self._is_stopped = True


class Whisper:
    """A model."""

    def __init__(self, model: Any) -> None:
        self._model = model
        stoppable = model.model = _Stoppable(model.model)
        self.allow = stoppable.allow
        self.stop = stoppable.stop

    def facts(self) -> dict[str, Any]:
        return {}

    def steps(self, request: dict[str, Any], payload: bytes) -> Steps:
        # Not by the library's own reader of files: it depends on what the newest PyAV still accepts.
        samples = numpy.frombuffer(payload, "<i2").reshape(-1, request["channels"]).mean(axis=1) / 32_768
        segments, info = self._model.transcribe(
            samples.astype(numpy.float32), language=request["language"], **request["decoding"]
        )
        yield {"language": info.language}, b""
        for segment in segments:
            said = {"text": segment.text, "start": segment.start, "end": segment.end, "log": segment.avg_logprob}
            yield {"segment": said}, b""
