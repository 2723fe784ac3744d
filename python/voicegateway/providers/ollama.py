"""Ollama on this machine, spoken to by OpenAI's plugin and counted by OpenAI's stand-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..inference._wire import StandIn
from . import Asked, openai

if TYPE_CHECKING:
    from openai import Timeout

    from .. import _native

PLUGIN = openai.PLUGIN
plugin_class = openai.plugin_class

_BASE_URL = "http://localhost:11434/v1"

#: Seconds: the first request to a model waits until it is loaded.
_TIMEOUT = 120.0


def arguments(modality: str, target: _native.Target, asked: Asked) -> dict[str, Any]:
    """The constructor's arguments. Ollama asks for no key, and OpenAI's client insists on one."""
    return {
        "api_key": target.api_key or "ollama",
        "base_url": target.base_url or _BASE_URL,
        "model": target.model or None,
        "timeout": _timeout(float(target.settings.get("timeout", _TIMEOUT))),
    }


def _timeout(seconds: float) -> Timeout:
    # The client's own name for it: which HTTP library is below depends on the client's version.
    from openai import Timeout

    return Timeout(seconds)


def listen(built: Any) -> None:
    """OpenAI's stand-ins, and patience: the plugin would give up after LiveKit's ten seconds."""
    openai.listen(built)
    chat = built._client.chat
    chat.completions = _Patient(chat.completions, built._client.timeout)


class _Patient(StandIn):
    """Stands for ``client.chat.completions``: no request waits less than the client's own timeout."""

    def __init__(self, completions: Any, timeout: Timeout) -> None:
        super().__init__(completions)
        self.__dict__["_timeout"] = timeout

    async def create(self, **kwargs: Any) -> Any:
        asked = kwargs.get("timeout")
        # ``None`` waits for ever.
        if asked is not None and asked.read is not None and asked.read < self._timeout.read:
            kwargs["timeout"] = self._timeout
        return await self._real.create(**kwargs)
