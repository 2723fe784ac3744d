"""Speech on this machine, as LiveKit's own STT and TTS classes: Whisper, Kokoro and Piper.

Each runtime runs in a worker process; ``voicegateway.inference`` builds these classes for ``local/whisper-large-v3``,
``local/kokoro`` and ``local/piper:en_US-lessac-medium``, and they may be built directly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .kokoro import KokoroTTS
    from .piper import PiperTTS
    from .whisper import WhisperSTT

__all__ = ["KokoroTTS", "PiperTTS", "WhisperSTT"]


def __getattr__(name: str) -> Any:
    # Fetching models needs none of LiveKit.
    if name in __all__:
        return getattr(importlib.import_module(f"{__name__}.{name[:-3].lower()}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
