"""The errors of budgets, under a name they had in the first Python product."""

from __future__ import annotations

from ..budget import BudgetExceededError, BudgetThrottleSignal

__all__ = ["BudgetExceededError", "BudgetThrottleSignal"]
