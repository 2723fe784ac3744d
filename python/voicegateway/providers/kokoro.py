"""Kokoro on this machine, by kokoro-onnx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import Asked, _local

if TYPE_CHECKING:
    from .. import _native

PLUGIN = _local.PLUGIN
listen = _local.listen


def plugin_class(plugin: Any, modality: str, model: str) -> type:
    """There is one."""
    return plugin.KokoroTTS  # type: ignore[no-any-return]


def arguments(modality: str, target: _native.Target, asked: Asked) -> dict[str, Any]:
    """The constructor's arguments."""
    kept = _local.settings(
        target,
        model="model",
        model_dir="model_dir",
        voice="voice",
        language="language",
        speed="speed",
        timeout="timeout",
    )
    return {
        **kept,
        "model": target.model or kept["model"],
        "voice": asked.voice or kept["voice"],
        "language": asked.language or kept["language"],
    }
