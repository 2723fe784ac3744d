"""An observer for OpenRTC's pools: every session is metered and booked to its agent and tenant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livekit.agents import AgentSession

__all__ = ["VoiceGatewayObserver"]


@dataclass(frozen=True)
class VoiceGatewayObserver:
    """Meters the sessions of a pool. All sessions of a process share one way to the ledger or the collector.

    It holds nothing but words, so it can be pickled to a pool's processes. The agent is ``info.agent_name``, the
    tenant ``info.metadata["tenant"]``.
    """

    project: str = "default"
    collector_url: str | None = None
    virtual_key: str | None = None
    #: The ledger's file in place of the configured one; a collector wins over it.
    db_path: str | None = None

    def __init__(
        self,
        *,
        project: str = "default",
        collector_url: str | None = None,
        virtual_key: str | None = None,
        db_path: str | None = None,
    ) -> None:
        words = {"project": project, "collector_url": collector_url, "virtual_key": virtual_key, "db_path": db_path}
        for name, value in words.items():
            object.__setattr__(self, name, value)

    async def on_session_start(self, info: Any, session: AgentSession[Any]) -> None:
        """A session is live: meter it from here on."""
        from .inference._attach import attach_at, place_of

        tenant = (getattr(info, "metadata", None) or {}).get("tenant")
        attach_at(
            place_of(self.collector_url, self.virtual_key, None, self.db_path),
            session,
            project=self.project,
            agent_id=getattr(info, "agent_name", None),
            tenant_id=tenant or None,
        )

    async def on_session_end(self, info: Any, outcome: Any) -> None:
        """A session ended, whichever way: make its lines durable. The way to the ledger stays open for the others."""
        from .inference._engine import flush

        del info, outcome
        await flush()
