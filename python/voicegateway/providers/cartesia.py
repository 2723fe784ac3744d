"""Cartesia: its plugin speaks over pooled sockets with a context for each synthesis, or posts one text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from ..inference._wire import Session
from . import Asked

if TYPE_CHECKING:
    from .. import _native
    from ..inference._attempts import Booking

PLUGIN = "livekit.plugins.cartesia"

#: Bytes of one sample in Cartesia's encodings.
_SAMPLE_BYTES = {"pcm_s16le": 2, "pcm_s32le": 4, "pcm_f16le": 2, "pcm_f32le": 4, "pcm_mulaw": 1, "pcm_alaw": 1}


def plugin_class(plugin: Any, modality: str, model: str) -> type:
    """One class for each modality."""
    return getattr(plugin, modality.upper())  # type: ignore[no-any-return]


def arguments(modality: str, target: _native.Target, asked: Asked) -> dict[str, Any]:
    """The constructor's arguments."""
    session = Session(
        asked.http_session, audio_rate=_audio_rate if modality == "stt" else None, count_body=_count_text
    )
    return {
        "api_key": target.api_key,
        "base_url": target.base_url,
        "model": target.model or None,
        "language": asked.language,
        "voice": asked.voice,
        "encoding": asked.encoding,
        "sample_rate": asked.sample_rate,
        "http_session": session,
    }


def listen(built: Any) -> None:
    """Nothing to do: the constructor took the session."""


def _audio_rate(url: str) -> int | None:
    query = parse_qs(urlsplit(url).query)
    sample = _SAMPLE_BYTES.get(query.get("encoding", ["pcm_s16le"])[0])
    return None if sample is None else sample * int(query.get("sample_rate", ["16000"])[0])


def _count_text(booking: Booking, sent: dict[str, Any]) -> None:
    booking.native.sent_text(len(sent["json"]["transcript"]))
