"""Chains in mid-call: LiveKit's ``FallbackAdapter`` over our objects, whoever put it there."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from livekit.agents import llm, stt, tts

from ..errors import ConfigError
from ._streams import STATE, subclass

if TYPE_CHECKING:
    from collections.abc import Sequence

_ADAPTERS: dict[str, Any] = {"stt": stt.FallbackAdapter, "llm": llm.FallbackAdapter, "tts": tts.FallbackAdapter}


@dataclass(frozen=True)
class Substitute:
    """A model that stands in for the one asked for, with a voice and options of its own."""

    model: str
    voice: str | None = None
    extra_kwargs: dict[str, Any] | None = None


def substitutes(fallback: Any) -> list[Substitute]:
    """What a factory's ``fallback=`` names: a model string, LiveKit's mapping, or a list of either."""
    entries = fallback if isinstance(fallback, (list, tuple)) else [fallback]
    return [_substitute(entry) for entry in entries]


def _substitute(entry: Any) -> Substitute:
    if isinstance(entry, str):
        return Substitute(entry)
    if isinstance(entry, dict) and isinstance(entry.get("model"), str) and entry.keys() <= {
        "model",
        "voice",
        "extra_kwargs",
    }:
        return Substitute(entry["model"], entry.get("voice") or None, entry.get("extra_kwargs"))
    raise ValueError(
        "fallback= takes 'provider/model[:suffix]', {'model', 'voice', 'extra_kwargs'}, or a list of these, "
        f"not {entry!r}"
    )


@functools.cache
def _closing_members(adapter_class: Any) -> Any:
    """LiveKit's adapter leaves its members open: nobody else knows those that we made."""

    async def aclose(self: Any) -> None:
        await adapter_class.aclose(self)
        for member in self.__dict__[_MEMBERS]:
            await member.aclose()

    return subclass(adapter_class, {"aclose": aclose})


_MEMBERS = "_voicegateway_members"


def failing_over(modality: str, members: Sequence[Any], vad: Any) -> Any:
    """The adapter that moves on in mid-call, at the first failure of a member."""
    options: dict[str, Any] = {}
    if modality != "llm":
        # Trying again is what the next member is for.
        options[f"max_retry_per_{modality}"] = 0
    if modality == "stt":
        _assert_can_stream(members, vad)
        options["vad"] = vad
    adapter = _closing_members(_ADAPTERS[modality])(list(members), **options)
    adapter.__dict__[_MEMBERS] = members
    adapter.__dict__[STATE] = members[0].__dict__[STATE]
    return adapter


def _assert_can_stream(members: Sequence[Any], vad: Any) -> None:
    whole = [m.__dict__[STATE].target.model_id for m in members if not m.capabilities.streaming]
    if whole and vad is None:
        raise ConfigError(
            f"{', '.join(whole)} hears whole utterances, so a chain that fails over in mid-call needs to know where one "
            "ends: pass vad=, or leave it out of `fallbacks.stt` in voicegw.yaml"
        )
