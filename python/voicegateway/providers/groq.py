"""Groq: OpenAI's plugin at another address for chat and recordings, and a plugin of its own that posts one text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..inference._wire import Session
from . import Asked, openai

if TYPE_CHECKING:
    from .. import _native
    from ..inference._attempts import Booking

PLUGIN = "livekit.plugins.groq"
plugin_class = openai.plugin_class


def arguments(modality: str, target: _native.Target, asked: Asked) -> dict[str, Any]:
    """The constructor's arguments. Recordings are cut by LiveKit's own adapter, so the plugin takes no VAD."""
    common = {"api_key": target.api_key, "base_url": target.base_url, "model": target.model or None}
    if modality == "stt":
        return {**common, "language": asked.language}
    if modality == "llm":
        return common
    session = Session(asked.http_session, count_body=_count_text)
    return {**common, "voice": asked.voice, "http_session": session}


def listen(built: Any) -> None:
    """Puts OpenAI's stand-ins where a chat and an ear keep OpenAI's client; a voice took its session."""
    if hasattr(built, "_client"):
        openai.listen(built)


def _count_text(booking: Booking, sent: dict[str, Any]) -> None:
    booking.native.sent_text(len(sent["json"]["input"]))
