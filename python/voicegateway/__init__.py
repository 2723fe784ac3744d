"""VoiceGateway: routing, cost tracking and reconciliation for LiveKit voice agents.

``from voicegateway import inference`` stands in for ``from livekit.agents import inference``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._native import __version__

if TYPE_CHECKING:
    from . import inference
    from .config import GatewayConfig, ModelId
    from .gateway import Gateway
    from .inference import attach

__all__ = ["Gateway", "GatewayConfig", "ModelId", "__version__", "attach", "inference"]

#: Where each name lives. The command line imports this package too and must never load LiveKit.
_HOMES = {"Gateway": "gateway", "GatewayConfig": "config", "ModelId": "config", "attach": "inference"}


def __getattr__(name: str) -> Any:
    import importlib

    if name == "inference":
        return importlib.import_module("voicegateway.inference")
    if name in _HOMES:
        return getattr(importlib.import_module(f"voicegateway.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
