"""In place of ``livekit.agents.inference``: the same signatures, native plugin objects, every request metered.

Names of LiveKit's module that are not replaced here are LiveKit's own, loaded when they are asked for.
"""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError, ModelResolutionError
from ._engine import flush
from ._factories import LLM, STT, TTS
from ._scope import (
    current_tenant,
    get_active_project,
    reset_tenant_id,
    set_project,
    set_tenant,
    start_session,
)

__all__ = [
    "LLM",
    "STT",
    "TTS",
    "ConfigError",
    "ModelResolutionError",
    "current_tenant",
    "flush",
    "get_active_project",
    "reset_tenant_id",
    "set_project",
    "set_tenant",
    "start_session",
]


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        from livekit.agents import inference

        if name in inference.__all__:
            return getattr(inference, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    from livekit.agents import inference

    return sorted({*__all__, *inference.__all__})
