"""The error of a model string, under the name it had in the first Python product."""

from __future__ import annotations

from ..errors import ModelResolutionError

__all__ = ["ModelResolutionError"]
