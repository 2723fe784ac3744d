"""``Gateway``: the factories and the ledger's answers in one synchronous object."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .config import GatewayConfig
from .inference import LLM, STT, TTS, stack
from .inference import _scope as scope
from .inference._engine import Place, ask, at, engine_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from . import _native

__all__ = ["CostTracker", "Gateway", "Storage"]


class Gateway:
    """Models and costs of one configuration. Every method is synchronous and safe inside a running loop.

    Without a path it shares the configuration and the ledger of ``voicegateway.inference``; with one it has its own.
    The methods whose name begins with ``a`` are the same for ``await``.
    """

    def __init__(self, config_path: str | os.PathLike[str] | None = None) -> None:
        self._place = Place() if config_path is None else Place(file=os.path.abspath(config_path))
        self._engine()  # a configuration that does not load is told here

    def _engine(self) -> _native.Engine:
        # Asked for each time: a forked child has an engine of its own.
        return engine_of(self._place)

    @property
    def config(self) -> GatewayConfig:
        """The configuration that holds now."""
        return GatewayConfig(**ask(self._engine(), lambda desk: desk.configuration()))

    @property
    def storage(self) -> Storage | None:
        """The ledger; ``None`` when it is off."""
        url = self._engine().desk.ledger
        return None if url is None else Storage(url)

    @property
    def cost_tracker(self) -> CostTracker:
        """The questions about costs alone."""
        return CostTracker(self)

    @contextmanager
    def _within(self, project: str | None) -> Iterator[None]:
        with at(self._place), scope.within_project(project):
            yield

    def stt(self, model_id: str, project: str | None = None, **kwargs: Any) -> Any:
        """``inference.STT`` under that project; the project of the context stays."""
        with self._within(project):
            return STT(model_id, **kwargs)

    def llm(self, model_id: str, project: str | None = None, **kwargs: Any) -> Any:
        """``inference.LLM`` under that project; the project of the context stays."""
        with self._within(project):
            return LLM(model_id, **kwargs)

    def tts(self, model_id: str, project: str | None = None, **kwargs: Any) -> Any:
        """``inference.TTS`` under that project; the project of the context stays."""
        with self._within(project):
            return TTS(model_id, **kwargs)

    def stack(self, name: str, project: str | None = None, **kwargs: Any) -> Any:
        """``inference.stack`` under that project: the objects ``(stt, llm, tts)``, ``None`` for an absent member."""
        with self._within(project):
            return stack(name, **kwargs)

    def stt_with_fallback(self, project: str | None = None, **kwargs: Any) -> Any:
        """The chain of STT models from its head; raises ``ValueError`` if none is configured."""
        return self._with_fallback(STT, project, kwargs)

    def llm_with_fallback(self, project: str | None = None, **kwargs: Any) -> Any:
        """The chain of LLM models from its head; raises ``ValueError`` if none is configured."""
        return self._with_fallback(LLM, project, kwargs)

    def tts_with_fallback(self, project: str | None = None, **kwargs: Any) -> Any:
        """The chain of TTS models from its head; raises ``ValueError`` if none is configured."""
        return self._with_fallback(TTS, project, kwargs)

    def _with_fallback(self, factory: Any, project: str | None, kwargs: dict[str, Any]) -> Any:
        with self._within(project):
            chain = self._engine().fallbacks(factory.modality, scope.get_active_project())
            if not chain:
                raise ValueError(f"there is no chain: set `fallbacks.{factory.modality}` in voicegw.yaml")
            return factory(chain[0], **kwargs)

    def status(self, project: str | None = None) -> dict[str, Any]:
        """Which providers can be used: ``{provider: {configured, type}}``."""
        found: dict[str, Any] = ask(self._engine(), lambda desk: desk.status(project))["providers"]
        return found

    def costs(self, period: str = "today", project: str | None = None) -> dict[str, Any]:
        """What was spent, as ``GET /v1/costs`` tells it; zeros when the ledger is off.

        ``period`` is ``today``, ``week``, ``month`` or ``all``, in UTC days; another word raises ``ValueError``.
        """
        found: dict[str, Any] = ask(self._engine(), lambda desk: desk.costs(period, project))
        return found

    def latency(self, period: str = "today", project: str | None = None) -> dict[str, Any]:
        """How long requests took, by model, as ``GET /v1/latency`` tells it."""
        found: dict[str, Any] = ask(self._engine(), lambda desk: desk.latency(period, project))
        return found

    def list_projects(self) -> list[dict[str, Any]]:
        """The ``projects`` of ``GET /v1/projects``."""
        found: list[dict[str, Any]] = ask(self._engine(), lambda desk: desk.projects())["projects"]
        return found

    async def refresh_config(self) -> None:
        """Read the configuration again; what is built from here on follows it."""
        await asyncio.to_thread(self._engine().reload)

    async def astt(self, model_id: str, project: str | None = None, **kwargs: Any) -> Any:
        """``stt``, for ``await``: nothing in it waits."""
        return self.stt(model_id, project, **kwargs)

    async def allm(self, model_id: str, project: str | None = None, **kwargs: Any) -> Any:
        """``llm``, for ``await``: nothing in it waits."""
        return self.llm(model_id, project, **kwargs)

    async def atts(self, model_id: str, project: str | None = None, **kwargs: Any) -> Any:
        """``tts``, for ``await``: nothing in it waits."""
        return self.tts(model_id, project, **kwargs)

    async def astack(self, name: str, project: str | None = None, **kwargs: Any) -> Any:
        """``stack``, for ``await``: nothing in it waits."""
        return self.stack(name, project, **kwargs)

    async def astatus(self, project: str | None = None) -> dict[str, Any]:
        """``status``, without holding up the event loop."""
        return await asyncio.to_thread(self.status, project)

    async def acosts(self, period: str = "today", project: str | None = None) -> dict[str, Any]:
        """``costs``, without holding up the event loop."""
        return await asyncio.to_thread(self.costs, period, project)

    async def alist_projects(self) -> list[dict[str, Any]]:
        """``list_projects``, without holding up the event loop."""
        return await asyncio.to_thread(self.list_projects)


class Storage:
    """The ledger of a ``Gateway``."""

    def __init__(self, url: str) -> None:
        #: Where it is, without a password.
        self.url = url

    def __repr__(self) -> str:
        return f"Storage({self.url!r})"


class CostTracker:
    """What a ``Gateway`` knows of costs."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def costs(self, period: str = "today", project: str | None = None) -> dict[str, Any]:
        """``Gateway.costs``."""
        return self._gateway.costs(period, project)

    def budget(self, project: str) -> dict[str, Any]:
        """Where a project stands: as ``inference.check_budget``, and never raises for what was spent."""
        found: dict[str, Any] = ask(self._gateway._engine(), lambda desk: desk.budget(project))
        return found
