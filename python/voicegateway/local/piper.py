"""Piper voices as LiveKit's TTS."""

from __future__ import annotations

import dataclasses
import os

from livekit.agents import tokenize

from . import _models
from ._process import Connection
from ._speech import LocalTTS


@dataclasses.dataclass(frozen=True)
class _Options:
    voice: str
    speed: float
    speaker_id: int | None


class PiperTTS(LocalTTS):
    """A Piper voice, spoken on this machine by a worker process that every object with this voice shares.

    ``voice`` is a voice's name, whose two files are in ``model_dir``, or the path of its ``.onnx`` file. ``speed`` 2.0
    is twice as fast; ``speaker_id`` chooses among the speakers of a voice that has several. ``timeout`` is how many
    seconds the worker may be silent before it counts as hung. Raises ``ImportError`` when ``piper-tts`` is not
    installed and ``ConfigError`` when a file is not there; nothing is ever downloaded.
    """

    def __init__(
        self,
        voice: str = _models.PIPER.default,
        *,
        model_dir: str | os.PathLike[str] = _models.PIPER.folder,
        speed: float = 1.0,
        speaker_id: int | None = None,
        tokenizer: tokenize.SentenceTokenizer | None = None,
        timeout: float = 120.0,
    ) -> None:
        _models.PIPER.require()
        model = _models.piper_voice(voice, model_dir)
        load = {"model": str(model)}
        super().__init__(Connection("piper", load, timeout), _models.piper_rate(model), tokenizer)
        self._opts = _Options(voice, speed, speaker_id)

    @property
    def model(self) -> str:
        return str(self._opts.voice)

    def update_options(self, *, speed: float | None = None, speaker_id: int | None = None) -> None:
        """Change how the next requests are spoken. Another voice is another object: it is another model."""
        given = {"speed": speed, "speaker_id": speaker_id}
        self._opts = dataclasses.replace(
            self._opts, **{name: value for name, value in given.items() if value is not None}
        )

    def _asked(self, text: str, options: _Options) -> dict[str, object]:
        return {"text": text, "speed": options.speed, "speaker_id": options.speaker_id}
