"""The project of the context, under the name it had in the first Python product."""

from __future__ import annotations

from ..inference._scope import get_active_project, reset_project, set_project

__all__ = ["get_active_project", "reset_project", "set_project"]
