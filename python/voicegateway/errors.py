"""The exceptions of VoiceGateway, as users catch them."""

from __future__ import annotations

from ._native import ConfigError, ModelResolutionError

__all__ = ["ConfigError", "MiddlewareError", "ModelResolutionError"]


class MiddlewareError(Exception):
    """A request that VoiceGateway itself refuses, not its provider."""
