"""Piper, by ``piper-tts`` (GPL-3.0-or-later)."""

from __future__ import annotations

from typing import Any

from piper import PiperVoice, SynthesisConfig

from .onnx import Stoppable
from .serving import Steps


def load(model: str) -> Piper:
    """Load the voice ``model``, an ``.onnx`` file with its ``.onnx.json`` beside it."""
    return Piper(PiperVoice.load(model))


class Piper:
    """A voice."""

    def __init__(self, voice: Any) -> None:
        self._voice = voice
        self._session = voice.session = Stoppable(voice.session)
        self.allow = self._session.allow
        self.stop = self._session.stop

    def facts(self) -> dict[str, Any]:
        return {}

    def steps(self, request: dict[str, Any], payload: bytes) -> Steps:
        # Piper knows rates as lengths: twice as fast is half as long.
        scale = self._voice.config.length_scale / request["speed"]
        config = SynthesisConfig(speaker_id=request["speaker_id"], length_scale=scale)
        for sentence in self._voice.synthesize(request["text"], config):
            yield {}, sentence.audio_int16_bytes
