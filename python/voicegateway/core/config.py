"""The configuration, under the name it had in the first Python product."""

from __future__ import annotations

from ..config import GatewayConfig
from ..errors import ConfigError

__all__ = ["ConfigError", "GatewayConfig"]
