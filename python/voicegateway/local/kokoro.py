"""Kokoro as LiveKit's TTS."""

from __future__ import annotations

import dataclasses
import os

from livekit.agents import tokenize

from . import _models
from ._process import Connection
from ._speech import LocalTTS

_RATE = 24_000

#: The language a voice was made for, by the first letter of its name, as espeak-ng calls it. From the model's
#: VOICES.md (huggingface.co/hexgrad/Kokoro-82M), read 2026-11-21.
_LANGUAGES = {
    "a": "en-us",
    "b": "en-gb",
    "e": "es",
    "f": "fr-fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-br",
    "z": "cmn",
}


@dataclasses.dataclass(frozen=True)
class _Options:
    voice: str
    language: str | None
    speed: float


class KokoroTTS(LocalTTS):
    """Kokoro, spoken on this machine by a worker process that every object with this model shares.

    ``model`` is the model's name, whose files are in ``model_dir``, or the path of its ``.onnx`` file; the file of
    voices lies beside it. ``language`` is espeak-ng's name of one, by default the voice's own. ``speed`` is 0.5 to
    2.0. ``timeout`` is how many seconds the worker may be silent before it counts as hung. Raises ``ImportError``
    when ``kokoro-onnx`` is not installed and ``ConfigError`` when a file is not there; nothing is ever downloaded.
    """

    def __init__(
        self,
        voice: str = "af_heart",
        *,
        model: str = _models.KOKORO.default,
        model_dir: str | os.PathLike[str] = _models.KOKORO.folder,
        language: str | None = None,
        speed: float = 1.0,
        tokenizer: tokenize.SentenceTokenizer | None = None,
        timeout: float = 120.0,
    ) -> None:
        _models.KOKORO.require()
        graph, voices = _models.kokoro_files(model, model_dir)
        load = {"model": str(graph), "voices": str(voices)}
        super().__init__(Connection("kokoro", load, timeout), _RATE, tokenizer)
        self._name = graph.stem
        self._opts = _Options(voice, language, speed)

    @property
    def model(self) -> str:
        return self._name

    def update_options(
        self, *, voice: str | None = None, language: str | None = None, speed: float | None = None
    ) -> None:
        """Change how the next requests are spoken."""
        given = {"voice": voice, "language": language, "speed": speed}
        self._opts = dataclasses.replace(
            self._opts, **{name: value for name, value in given.items() if value is not None}
        )

    def _asked(self, text: str, options: _Options) -> dict[str, object]:
        language = options.language or _LANGUAGES.get(options.voice[:1], "en-us")
        return {"text": text, "voice": options.voice, "language": language, "speed": options.speed}
