"""Kokoro, by ``kokoro-onnx`` (MIT), which turns text into sounds with ``phonemizer`` (GPL-3.0-or-later)."""

from __future__ import annotations

import re
from typing import Any

import numpy
from kokoro_onnx import Kokoro as Model

from .onnx import Stoppable
from .serving import Steps

_RATE = 24_000

#: Where a sentence ends.
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])")

#: The silence after a sentence, in seconds, that kokoro-onnx itself puts between its batches: it trims its own.
_PAUSE = 0.25


def load(model: str, voices: str) -> Kokoro:
    """Load the model and its voices."""
    return Kokoro(Model(model, voices))


class Kokoro:
    """A model with its voices."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._session = model.sess = Stoppable(model.sess)
        self.allow = self._session.allow
        self.stop = self._session.stop

    def facts(self) -> dict[str, Any]:
        return {"voices": self._model.get_voices()}

    def steps(self, request: dict[str, Any], payload: bytes) -> Steps:
        pause = bytes(2 * round(_PAUSE * _RATE))
        for sentence in _SENTENCE.split(request["text"]):
            phonemes = self._model.tokenizer.phonemize(sentence, request["language"])
            if phonemes:
                audio, _ = self._model.create(phonemes, request["voice"], request["speed"], is_phonemes=True)
                pcm = (numpy.clip(audio, -1.0, 1.0) * 32_767).astype("<i2")
                yield {}, pcm.tobytes() + pause
