"""Sessions and tenants, under the name they had in the first Python product."""

from __future__ import annotations

from ._attach import attach_session
from ._scope import current_tenant, reset_tenant_id, set_tenant, start_session

__all__ = ["attach_session", "current_tenant", "reset_tenant_id", "set_tenant", "start_session"]
