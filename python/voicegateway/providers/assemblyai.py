"""AssemblyAI: its plugin opens a session for each stream, which is billed by how long it lasts.

The plugin only logs the message that tells how long that was; the meter reads it from the socket.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from ..inference._wire import Session
from . import Asked

if TYPE_CHECKING:
    from .. import _native

PLUGIN = "livekit.plugins.assemblyai"

#: Bytes of one sample in AssemblyAI's raw encodings.
_SAMPLE_BYTES = {"pcm_s16le": 2, "pcm_mulaw": 1}

#: LiveKit's name for two models, which are told apart by the language.
_BY_LANGUAGE = "universal-streaming"


def plugin_class(plugin: Any, modality: str, model: str) -> type:
    """Its ears are all that is metered."""
    return plugin.STT  # type: ignore[no-any-return]


def arguments(modality: str, target: _native.Target, asked: Asked) -> dict[str, Any]:
    """The constructor's arguments. Only the models of the third generation are told a language."""
    model, language = target.model, asked.language
    if model == _BY_LANGUAGE:
        model += "-english" if language is None or language.startswith("en") else "-multilingual"
    is_steered = language is not None and not model.startswith(_BY_LANGUAGE) and _takes("language_codes")
    return {
        "api_key": target.api_key,
        "base_url": target.base_url,
        "model": model or None,
        "language_codes": [language] if is_steered else None,
        "sample_rate": asked.sample_rate,
        "encoding": asked.encoding,
        "http_session": Session(asked.http_session, audio_rate=_audio_rate),
    }


def listen(built: Any) -> None:
    """Nothing to do: the constructor took the session."""


def _takes(name: str) -> bool:
    """Whether the installed plugin has that argument."""
    plugin = importlib.import_module(PLUGIN)
    return name in inspect.signature(plugin.STT).parameters


def _audio_rate(url: str) -> int | None:
    query = parse_qs(urlsplit(url).query)
    sample = _SAMPLE_BYTES.get(query.get("encoding", ["pcm_s16le"])[0])
    return None if sample is None else sample * int(query.get("sample_rate", ["16000"])[0])
