"""The exceptions of VoiceGateway, as users catch them."""

from __future__ import annotations

from ._native import ConfigError, ModelResolutionError

__all__ = ["ConfigError", "ModelResolutionError"]
