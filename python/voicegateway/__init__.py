"""VoiceGateway: routing, cost tracking and reconciliation for LiveKit voice agents.

``from voicegateway import inference`` stands in for ``from livekit.agents import inference``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._native import __version__

if TYPE_CHECKING:
    from . import inference

__all__ = ["__version__", "inference"]


def __getattr__(name: str) -> Any:
    # The command line imports this package too and must never load LiveKit.
    if name == "inference":
        import importlib

        return importlib.import_module("voicegateway.inference")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
