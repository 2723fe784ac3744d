"""How each provider's LiveKit plugin is built and listened to: one module a provider, loaded on first use."""

from __future__ import annotations

import importlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import aiohttp

    from .. import _native

_lock = threading.Lock()

@dataclass(frozen=True)
class Asked:
    """What the caller of a factory asked for, beyond the model. ``None`` is not given."""

    language: str | None = None
    voice: str | None = None
    encoding: str | None = None
    sample_rate: int | None = None
    http_session: aiohttp.ClientSession | None = None
    vad: Any = None


class Adapter(Protocol):
    """What a provider's module offers."""

    #: The plugin's module, such as ``livekit.plugins.deepgram``.
    PLUGIN: str

    def plugin_class(self, plugin: Any, modality: str, model: str) -> type:
        """The plugin's class for a model."""

    def arguments(self, modality: str, target: _native.Target, asked: Asked) -> dict[str, Any]:
        """The constructor's arguments; ``None`` is not given."""

    def listen(self, built: Any) -> None:
        """Puts stand-ins where the built object keeps its connection, if the constructor takes none."""


def load(provider: str) -> Adapter:
    """The adapter of a provider type, as the engine names it."""
    return cast("Adapter", importlib.import_module(f"{__name__}.{provider}"))


def plugin_of(provider: str, adapter: Adapter) -> Any:
    """Import the provider's LiveKit plugin; raises ``ImportError`` that says what to install."""
    try:
        return _import_anywhere(adapter.PLUGIN)
    except ImportError as error:
        if error.name is not None and not adapter.PLUGIN.startswith(error.name):
            raise  # the plugin is there, and something it needs is not
        raise ImportError(
            f"the LiveKit plugin for {provider} is not installed; run: pip install \"voicegateway[{provider}]\"",
            name=adapter.PLUGIN,
        ) from error


def _import_anywhere(name: str) -> Any:
    """Import a plugin from any thread.

    Plugins register themselves on import and LiveKit allows that on the main thread only, but ``console`` mode and
    Windows run jobs in threads. So for the time of a late import elsewhere, registering only appends to the list.
    """
    if threading.current_thread() is threading.main_thread():
        return importlib.import_module(name)

    from livekit.agents import Plugin

    with _lock:
        own = Plugin.__dict__["register_plugin"]
        Plugin.register_plugin = staticmethod(Plugin.registered_plugins.append)  # type: ignore[method-assign,assignment]
        try:
            return importlib.import_module(name)
        finally:
            Plugin.register_plugin = own  # type: ignore[method-assign]


def options_of(thing: Any) -> dict[str, Any]:
    """Model, language and voice as a plugin object or stream has them now."""
    options = getattr(thing, "_opts", None)
    languages = getattr(options, "languages", None) or getattr(options, "language_codes", None)
    found = {
        "model": _first(options, "model", "model_id", "speech_model") or getattr(thing, "_model", None),
        "language": _first(options, "language", "language_code") or (languages[0] if languages else None),
        "voice": _first(options, "voice", "voice_id"),
    }
    return {name: str(value) for name, value in found.items() if isinstance(value, str) and value}


def _first(options: Any, *names: str) -> Any:
    """The first of these attributes that there is and that is given."""
    values = (getattr(options, name, None) for name in names)
    return next((value for value in values if isinstance(value, str) and value), None)
