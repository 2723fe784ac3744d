"""``update_options`` in the words of LiveKit's own service, for an object of whichever plugin.

Model, language and voice mean what they mean to the factories; what else a plugin can change goes by its own names.
"""

from __future__ import annotations

import functools
from typing import Any

from livekit.agents import utils

from .. import providers

#: What means the same at every provider.
_WORDS = ("model", "language", "voice")

#: Arguments that are the account's, and stay.
_ACCOUNT = ("api_key", "base_url", "http_session")


#: An option of LiveKit's own service that not every plugin has.
_SERVICES_OWN = "prompt_cache_breakpoints"


def updating(base: Any, state_of: str) -> Any:
    """The method ``update_options`` for a subclass of ``base``, whose objects keep their state as ``state_of``."""
    own = getattr(base, "update_options", None) or _set_options

    def update_options(self: Any, **options: Any) -> None:
        options = {name: value for name, value in options.items() if utils.is_given(value)}
        for extra in ("extra", "extra_kwargs"):
            options.update(options.pop(extra, {}))
        state = self.__dict__.get(state_of)
        words = {name: options.pop(name) for name in _WORDS if isinstance(options.get(name), str)}
        if state is None or state.is_adopted or not words:
            own(self, **words, **options)
            return
        target, changed = _changed(state, self.model, words)
        own(self, **changed, **options)
        state.target = target

    made = functools.wraps(own)(update_options)
    made.__name__ = "update_options"
    return made


def _changed(state: Any, current: str, words: dict[str, str]) -> tuple[Any, dict[str, Any]]:
    """What the words lead to, and the arguments that it changes, by the plugin's names."""
    before = state.target
    _stays_with(state, words.get("model", ""))
    # Another model may have other languages and voices; the same one keeps its own.
    kept = None if "model" in words else before
    target = state.engine.resolve(
        state.modality,
        words.get("model") or before.model or current,
        project=before.project,
        provider=before.provider,
        api_key=before.api_key,
        base_url=before.base_url,
        language=words.get("language", kept and kept.language),
        voice=words.get("voice", kept and kept.voice),
    )
    adapter = providers.load(before.provider)
    is_set = {
        name: value
        for name, value in adapter.arguments(state.modality, target, _asked(target)).items()
        if value is not None and name not in _ACCOUNT
    }
    if not (before.model or "model" in words):
        is_set.pop("model", None)  # the plugin's own, and it stays
    was = adapter.arguments(state.modality, before, _asked(before))
    # The plugin's model may have been changed behind our back, so one that is named is always set.
    return target, {
        name: value
        for name, value in is_set.items()
        if value != was.get(name) or (name == "model" and "model" in words)
    }


def _stays_with(state: Any, model: str) -> None:
    """Raises ``ValueError`` for a model string of another provider: an object is of one plugin."""
    provider = state.target.provider
    if "/" not in model or model.startswith(f"{provider}/"):
        return
    try:
        target = state.engine.resolve(state.modality, model, project=state.target.project, api_key="none")
    except (ValueError, NotImplementedError):
        return  # a model's own name may have slashes in it
    if target.provider != provider:
        raise ValueError(f"this object stays with {provider}; make another one for `{model}`")


def _asked(target: Any) -> providers.Asked:
    return providers.Asked(language=target.language, voice=target.voice)


def _set_options(self: Any, **options: Any) -> None:
    """For a plugin that reads its options anew for each request and has no method to change them."""
    if not hasattr(self._opts, _SERVICES_OWN):
        options.pop(_SERVICES_OWN, None)
    for name in options:
        if not hasattr(self._opts, name):
            raise TypeError(f"{type(self).__name__}.update_options() got an unexpected keyword argument '{name}'")
    for name, value in options.items():
        setattr(self._opts, name, value)
