"""Deepgram: its plugin opens an audio socket for each stream, posts whole recordings, and speaks over pooled sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from ..inference._wire import Session, audio_nanos_of_wav
from . import Asked

if TYPE_CHECKING:
    from .. import _native
    from ..inference._attempts import Booking

PLUGIN = "livekit.plugins.deepgram"

#: Deepgram's words for what LiveKit's own service calls otherwise.
_ENCODINGS = {"pcm_s16le": "linear16"}

#: Bytes of one sample in the raw encodings that have a fixed size.
_SAMPLE_BYTES = {"linear16": 2, "linear32": 4, "mulaw": 1, "alaw": 1}


def plugin_class(plugin: Any, modality: str, model: str) -> type:
    """Flux has classes of its own in both modalities."""
    name = modality.upper() + ("v2" if model.startswith("flux") else "")
    return getattr(plugin, name)  # type: ignore[no-any-return]


def arguments(modality: str, target: _native.Target, asked: Asked) -> dict[str, Any]:
    """The constructor's arguments. In speech, Deepgram's model is the voice."""
    common = {"api_key": target.api_key, "base_url": target.base_url, "sample_rate": asked.sample_rate}
    if modality == "tts":
        session = Session(asked.http_session, count_body=_count_text)
        encoding = _ENCODINGS.get(asked.encoding or "", asked.encoding)
        return {**common, "model": target.billed_model, "encoding": encoding, "http_session": session}
    session = Session(
        asked.http_session, audio_rate=_audio_rate, count_body=_count_recording, read_answer=_read_duration
    )
    heard = {**common, "model": target.model or None, "http_session": session}
    if not target.model.startswith("flux"):
        return {**heard, "language": asked.language}
    # To Flux a language is a hint, and only to the model for many.
    is_hint = target.model.endswith("multi") and asked.language not in (None, "multi")
    return {**heard, "language_hint": [asked.language] if is_hint else None}


def listen(built: Any) -> None:
    """Nothing to do: the constructor took the session."""


def _audio_rate(url: str) -> int | None:
    """Bytes a second of the audio that a listening socket takes, from its own query."""
    query = parse_qs(urlsplit(url).query)
    sample = _SAMPLE_BYTES.get(query.get("encoding", ["linear16"])[0])
    if sample is None:
        return None
    return sample * int(query.get("sample_rate", ["16000"])[0]) * int(query.get("channels", ["1"])[0])


def _count_recording(booking: Booking, sent: dict[str, Any]) -> None:
    nanos = audio_nanos_of_wav(sent["data"])
    booking.native.sent()
    if nanos is not None:
        booking.native.sent_body_audio(nanos)


def _read_duration(booking: Booking, answer: Any) -> None:
    """Deepgram bills the duration it found, for each channel."""
    metadata = answer.get("metadata", {}) if isinstance(answer, dict) else {}
    duration, channels = metadata.get("duration"), metadata.get("channels", 1)
    if isinstance(duration, (int, float)):
        booking.native.reported(audio_nanos=round(duration * channels * 1e9))


def _count_text(booking: Booking, sent: dict[str, Any]) -> None:
    booking.native.sent_text(len(sent["json"]["text"]))
