"""Whisper on this machine, by faster-whisper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import Asked, _local

if TYPE_CHECKING:
    from .. import _native

PLUGIN = _local.PLUGIN
listen = _local.listen


def plugin_class(plugin: Any, modality: str, model: str) -> type:
    """There is one."""
    return plugin.WhisperSTT  # type: ignore[no-any-return]


def arguments(modality: str, target: _native.Target, asked: Asked) -> dict[str, Any]:
    """The constructor's arguments. ``model_path`` is the model of a string that names none."""
    kept = _local.settings(
        target,
        model="model_path",
        model_dir="model_dir",
        device="device",
        compute_type="compute_type",
        decoding="decoding",
        timeout="timeout",
    )
    return {**kept, "model": target.model or kept["model"], "language": asked.language, "vad": asked.vad}
