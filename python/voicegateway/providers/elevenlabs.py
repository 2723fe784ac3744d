"""ElevenLabs: its plugin speaks many contexts over one socket, or posts one text, and hears streams and recordings."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from ..inference._wire import Session, Sharing, audio_nanos_of_wav
from . import Asked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .. import _native
    from ..inference._attempts import Booking

PLUGIN = "livekit.plugins.elevenlabs"

#: The families of ElevenLabs' formats, by what else they are called.
_FAMILIES = {"pcm": "pcm", "pcm_s16le": "pcm", "linear16": "pcm", "mp3": "mp3", "opus": "opus"}
#: What ElevenLabs makes of a family when no rate is asked for, and how a rate goes on.
_USUAL_RATES = {"pcm": 24_000, "mp3": 22_050, "opus": 48_000}
_BIT_RATES = {"mp3": {22_050: 32, 24_000: 48, 44_100: 128}, "opus": {48_000: 64}}


def plugin_class(plugin: Any, modality: str, model: str) -> type:
    """One class for each modality."""
    return getattr(plugin, modality.upper())  # type: ignore[no-any-return]


def arguments(modality: str, target: _native.Target, asked: Asked) -> dict[str, Any]:
    """The constructor's arguments."""
    common = {"api_key": target.api_key, "base_url": target.base_url}
    if modality == "stt":
        # Without one Scribe finds the language by itself.
        language = None if asked.language == "multi" else asked.language
        return {
            **common,
            _name_of_model(): target.model or None,
            "language_code": language,
            "sample_rate": asked.sample_rate,
            "http_session": Session(
                asked.http_session,
                keep_body=_recording_in,
                count_body=_count_recording,
                read_answer=_read_duration,
            ),
        }
    return {
        **common,
        "model": target.model or None,
        "voice_id": asked.voice,
        "language": asked.language,
        "encoding": _format(asked.encoding, asked.sample_rate),
        "http_session": Session(
            asked.http_session,
            count_body=_count_text,
            read_headers=_read_cost,
            sharing=Sharing(target, lambda stream: getattr(stream, "_context_id", None)),
        ),
    }


def listen(built: Any) -> None:
    """Nothing to do: the constructor took the session."""


def _name_of_model() -> str:
    """What recognition calls its model: older plugins know the name that newer ones warn of."""
    from livekit.plugins import elevenlabs

    return "model" if "model" in inspect.signature(elevenlabs.STT).parameters else "model_id"


def _format(encoding: str | None, sample_rate: int | None) -> str | None:
    """ElevenLabs' name of a format, from which the plugin reads the rate; one of its own names is left as it is."""
    if encoding is None and sample_rate is None:
        return None
    family = _FAMILIES.get(encoding or "pcm")
    if family is None:
        return encoding
    rate = sample_rate or _USUAL_RATES[family]
    bits = _BIT_RATES.get(family)
    if bits is None:
        return f"{family}_{rate}"
    if rate not in bits:
        rates = ", ".join(map(str, bits))
        raise ValueError(f"ElevenLabs makes {family} at a sample_rate of {rates}, not {rate}")
    return f"{family}_{rate}_{bits[rate]}"


def _count_text(booking: Booking, sent: dict[str, Any]) -> None:
    body = sent["json"]
    texts = [line["text"] for line in body["inputs"]] if "inputs" in body else [body["text"]]
    booking.native.sent_text(sum(map(len, texts)))


def _read_cost(booking: Booking, headers: Mapping[str, str]) -> None:
    """In credits; what these are in characters is the engine's to know."""
    cost = headers.get("character-cost", "")
    if cost.isdecimal():
        booking.native.reported(characters=int(cost))


def _recording_in(sent: dict[str, Any]) -> dict[str, Any]:
    """The file of a form, which aiohttp empties as it sends it, and which has no other way to look into it."""
    values = (value for _, _, value in getattr(sent["data"], "_fields", ()))
    return {"file": next((value for value in values if isinstance(value, bytes)), b"")}


def _count_recording(booking: Booking, sent: dict[str, Any]) -> None:
    booking.native.sent()
    if (nanos := audio_nanos_of_wav(sent["file"])) is not None:
        booking.native.sent_body_audio(nanos)


def _read_duration(booking: Booking, answer: Any) -> None:
    """ElevenLabs bills the duration it found."""
    duration = answer.get("audio_duration_secs") if isinstance(answer, dict) else None
    if isinstance(duration, (int, float)):
        booking.native.reported(audio_nanos=round(duration * 1e9))
