"""Models chosen by latency: once for each conversation, for the factories that are given no model."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import LatencyUnknown
from ._engine import Place, current_place, engine, logger, reading
from ._scope import ensure_session, get_active_project

if TYPE_CHECKING:
    from .. import _native
    from .._native import _Routed as Routed

_MODALITIES = ("stt", "llm", "tts")

#: More conversations than this are not remembered: a process may serve any number.
_MOST = 1024


class RoutedTriple(NamedTuple):
    """The models of a conversation, as the factories take them, and how fast they are expected to be."""

    stt: str
    llm: str
    tts: str
    #: Milliseconds to the first output, all three together.
    predicted_ms: float
    #: Whether that is more than the project's ``routing.budget_ms``.
    budget_overrun: bool


@dataclass
class Conversation:
    """What was built for a conversation in one project, and what was chosen for it."""

    engine: _native.Engine
    project: str
    #: The models that stand already, by modality: they are not chosen any more.
    built: dict[str, str] = field(default_factory=dict)
    #: What was chosen; the models of an object that was built before it are in it, too.
    routed: Routed | None = None
    #: Whether the factories found nothing to choose by, so that the project's other defaults hold.
    is_given_up: bool = False

    def route(self, modality: str) -> Routed | None:
        """The choice, if the project's rosters decide on this modality; made now if it was not made before.

        Reads the ledger's hourly sums for it, which takes milliseconds: ``route_session`` does so beside the loop.
        """
        if modality not in self.engine.routed_modalities(self.project):
            return None
        if self.routed is None and not self.is_given_up:
            try:
                self.choose(self.built)
            except LatencyUnknown as error:
                logger.warning("models are not chosen by latency: %s", error)
                self.is_given_up = True
        return self.routed

    def choose(self, fixed: dict[str, str]) -> RoutedTriple:
        """Choose the fastest models with these. Blocks for a few reads of the ledger."""
        hearing, thinking, speaking, predicted_ms, is_over, budget_ms = reading(
            self.engine, lambda desk: desk.route(self.project, **fixed)
        )
        self.routed = (hearing, thinking, speaking, budget_ms, is_over)
        return RoutedTriple(hearing, thinking, speaking, predicted_ms, is_over)


_conversations: dict[tuple[str, Place, str], Conversation] = {}


def conversation_of(opened: _native.Engine, project: str) -> Conversation:
    """The conversation of this context, as far as a project takes part in it."""
    key = (ensure_session(), current_place(), project)
    known = _conversations.get(key)
    if known is None or known.engine is not opened:
        while len(_conversations) >= _MOST:
            _conversations.pop(next(iter(_conversations)), None)
        known = _conversations[key] = Conversation(opened, project)
    return known


def model_of(routed: Routed | None, modality: str) -> str | None:
    """The model that was chosen for a modality."""
    return None if routed is None else dict(zip(_MODALITIES, routed[:3], strict=True))[modality]


async def route_session(project: str | None = None, overrides: dict[str, str] | None = None) -> RoutedTriple:
    """Choose the models of this context's conversation now; factories without a model use them from here on.

    It is what the first such factory does by itself, without holding up the event loop, and with a say in it:
    ``overrides`` maps ``stt``, ``llm`` or ``tts`` to the one candidate of that modality. Raises ``BudgetExceeded`` when
    the fastest models exceed the project's ``routing.budget_ms`` and its ``fallback_to_fastest`` is false, and
    ``ModelResolutionError`` when a modality has no candidate, or none of which anything is known.
    """
    given = dict(overrides or {})
    if unknown := given.keys() - set(_MODALITIES):
        raise ValueError(f"overrides= takes {', '.join(_MODALITIES)}, not {', '.join(sorted(map(str, unknown)))}")
    opened = engine()
    conversation = conversation_of(opened, project if project is not None else get_active_project())
    return await asyncio.to_thread(conversation.choose, {**conversation.built, **given})


def checked_routed(triple: Any) -> Routed:
    """``(stt, llm, tts, budget_ms, budget_overrun)`` as the ledger keeps it; raises ``ValueError`` for anything else."""
    try:
        *models, budget_ms, budget_overrun = triple
        is_right = (
            len(models) == 3
            and all(model is None or isinstance(model, str) for model in models)
            and isinstance(budget_ms, int)
            and not isinstance(budget_ms, bool)
            and 0 < budget_ms < 2**32
            and isinstance(budget_overrun, bool)
        )
    except (TypeError, ValueError):
        is_right = False
    if not is_right:
        raise ValueError(
            "routed_triple= is (stt, llm, tts, budget_ms, budget_overrun): three model strings, whole milliseconds and "
            f"a bool, not {triple!r}"
        )
    hearing, thinking, speaking = models
    return hearing, thinking, speaking, budget_ms, budget_overrun
