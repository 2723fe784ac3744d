"""Import paths of the first Python product, kept for programs that use them."""

from __future__ import annotations

from ..errors import MiddlewareError

__all__ = ["MiddlewareError"]
