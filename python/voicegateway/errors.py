"""The exceptions of VoiceGateway, as users catch them."""

from __future__ import annotations

from ._native import BudgetExceeded, ConfigError, LatencyUnknown, MiddlewareError, ModelResolutionError

__all__ = ["BudgetExceeded", "ConfigError", "LatencyUnknown", "MiddlewareError", "ModelResolutionError"]
