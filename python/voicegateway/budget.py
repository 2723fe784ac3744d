"""Where a project stands against its daily budget."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from livekit.agents import APIStatusError

from .errors import MiddlewareError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BudgetExceededError", "BudgetThrottleSignal", "check_budget"]

logger = logging.getLogger("voicegateway")


class BudgetExceededError(MiddlewareError, APIStatusError):
    """The project's budget of the day is used up, and its action is ``block``. LiveKit does not retry it."""

    def __init__(self, project: str, spent_usd: float, budget_usd: float) -> None:
        APIStatusError.__init__(self, _words(project, spent_usd, budget_usd), status_code=402, retryable=False)
        self.project = project
        self.spent_usd = spent_usd
        self.budget_usd = budget_usd

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.project, self.spent_usd, self.budget_usd)


class BudgetThrottleSignal(MiddlewareError):
    """The project's budget of the day is used up, and its action is ``throttle``. Only ``check_budget`` raises it."""

    def __init__(self, project: str, spent_usd: float, budget_usd: float) -> None:
        super().__init__(_words(project, spent_usd, budget_usd))
        self.project = project
        self.spent_usd = spent_usd
        self.budget_usd = budget_usd

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.project, self.spent_usd, self.budget_usd)


def _words(project: str, spent_usd: float, budget_usd: float) -> str:
    return (
        f"project {project!r} spent ${spent_usd:.4f} of its ${budget_usd:.4f} for this UTC day; raise "
        f"projects.{project}.daily_budget in voicegw.yaml, or wait until 00:00 UTC"
    )


async def check_budget(project: str | None = None) -> dict[str, Any]:
    """Where the project stands: ``project``, ``status`` (ok, warning, exceeded), ``action``, ``spent_usd``,
    ``budget_usd`` (0 is no limit).

    A budget that is exceeded raises ``BudgetExceededError`` when its action is ``block`` and ``BudgetThrottleSignal``
    when it is ``throttle``; ``warn`` is logged. Days are UTC days.
    """
    from .inference._engine import ask, engine
    from .inference._scope import get_active_project

    name = project if project is not None else get_active_project()
    opened = engine()
    budget: dict[str, Any] = await asyncio.to_thread(ask, opened, lambda desk: desk.budget(name))
    if budget["status"] == "exceeded":
        _RAISED[budget["action"]](name, budget["spent_usd"], budget["budget_usd"])
    return budget


def _block(project: str, spent_usd: float, budget_usd: float) -> None:
    raise BudgetExceededError(project, spent_usd, budget_usd)


def _throttle(project: str, spent_usd: float, budget_usd: float) -> None:
    raise BudgetThrottleSignal(project, spent_usd, budget_usd)


def _warn(project: str, spent_usd: float, budget_usd: float) -> None:
    logger.warning(_words(project, spent_usd, budget_usd))


_RAISED: dict[str, Callable[[str, float, float], None]] = {"block": _block, "throttle": _throttle, "warn": _warn}
