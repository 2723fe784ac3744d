"""Piper on this machine, by piper-tts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import Asked, _local

if TYPE_CHECKING:
    from .. import _native

PLUGIN = _local.PLUGIN
listen = _local.listen


def plugin_class(plugin: Any, modality: str, model: str) -> type:
    """There is one."""
    return plugin.PiperTTS  # type: ignore[no-any-return]


def arguments(modality: str, target: _native.Target, asked: Asked) -> dict[str, Any]:
    """The constructor's arguments. A voice of Piper is a model of its own, so either names it."""
    kept = _local.settings(
        target,
        voice="default_voice",
        model_dir="model_dir",
        speed="speed",
        speaker_id="speaker_id",
        timeout="timeout",
    )
    return {**kept, "voice": asked.voice or target.model or kept["voice"]}
