"""The factories ``STT``, ``LLM`` and ``TTS``: LiveKit's signatures, the provider's own plugin objects.

The signatures are those of ``livekit.agents.inference`` 1.8.9, parameter by parameter.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import warnings
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from livekit.agents import NOT_GIVEN, llm, stt, tts, utils

from .. import providers
from ..errors import ConfigError
from ._chains import Substitute, failing_over, substitutes
from ._engine import engine, flush_with_job, logger
from ._routing import conversation_of, model_of
from ._scope import get_active_project, within_project
from ._streams import STATE, State, metered_llm, metered_stt, metered_tts

if TYPE_CHECKING:
    import aiohttp
    from livekit.agents import APIConnectOptions, NotGivenOr
    from livekit.agents import vad as livekit_vad

_METERED = {"stt": metered_stt, "llm": metered_llm, "tts": metered_tts}


class _Factory(type):
    """Makes ``isinstance(x, inference.STT)`` hold for what the factory returned, whatever plugin it came from."""

    modality: str

    def __instancecheck__(cls, instance: object) -> bool:
        state = getattr(instance, "__dict__", {}).get(STATE)
        return isinstance(state, State) and state.modality == cls.modality


def _given(value: Any) -> Any:
    """LiveKit's ``NOT_GIVEN`` as ``None``."""
    return value if utils.is_given(value) else None


@functools.cache
def _parameters(plugin_class: Any) -> frozenset[str]:
    return frozenset(inspect.signature(plugin_class).parameters)


def _build(
    modality: str,
    model: str | None,
    *,
    asked: providers.Asked,
    provider: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    api_secret: str | None = None,
    extra_kwargs: dict[str, Any] | None = None,
    fallback: Any = None,
    conn_options: Any = NOT_GIVEN,
    if_known: dict[str, Any] | None = None,
) -> Any:
    if api_secret:
        warnings.warn("api_secret has no effect: the provider is called with your own key", stacklevel=3)
    opened, project = engine(), get_active_project()
    conversation = conversation_of(opened, project)
    is_default = model is None or model == "auto"
    routed = conversation.route(modality) if is_default else None
    asked_for, first, following = opened.chain(
        modality, model, project=project, provider=provider, routed=model_of(routed, modality)
    )
    if first == model_of(conversation.routed, modality):
        routed = conversation.routed
    head = Substitute(first, asked.voice, extra_kwargs)
    others = [Substitute(name) for name in following] if fallback is None else substitutes(fallback)
    flush_with_job()
    built: list[Any] = []
    failure: Exception | None = None
    for member in (head, *others):
        is_head = member is head
        try:
            target = opened.resolve(
                modality,
                member.model,
                project=project,
                api_key=api_key if is_head else None,
                base_url=base_url if is_head else None,
                language=asked.language,
                voice=member.voice,
            )
            adapter = providers.load(target.provider)
            plugin = providers.plugin_of(target.provider, adapter)
        except (ConfigError, ImportError) as error:
            failure = error
            if others:
                logger.warning("%s %s is passed over: %s", modality, member.model, error)
            continue
        # An encoding is a provider's own word.
        encoding = asked.encoding if is_head else None
        of_member = dataclasses.replace(asked, language=target.language, voice=target.voice, encoding=encoding)
        plugin_class = adapter.plugin_class(plugin, modality, target.model)
        # What LiveKit's newest signature has and a plugin lacks is accepted and left out.
        given = {**adapter.arguments(modality, target, of_member), **(if_known or {})}
        known = {name: given[name] for name in given.keys() & _parameters(plugin_class) if given[name] is not None}
        made = _METERED[modality](plugin_class)(**{**known, **target.extra, **(member.extra_kwargs or {})})
        fallback_from = None if is_head else asked_for
        made.__dict__[STATE] = State(
            target, modality, providers.options_of, conn_options, fallback_from, routed=routed
        )
        conversation.built.setdefault(modality, member.model)
        adapter.listen(made)
        built.append(made)
        if not opened.walks_chains_in_mid_call:
            break
    if not built and failure is not None:
        raise failure
    return built[0] if len(built) == 1 else failing_over(modality, built, asked.vad)


class STT(stt.STT if TYPE_CHECKING else object, metaclass=_Factory):  # type: ignore[misc]
    """Speech to text by ``provider/model[:language]``: an instance of the provider's own LiveKit plugin class.

    Raises ``ModelResolutionError`` for a model string that leads nowhere, ``ConfigError`` when no key is found, and
    ``ImportError`` when the plugin is not installed. No network is touched.
    """

    modality = "stt"

    def __new__(
        cls,
        model: NotGivenOr[str] = NOT_GIVEN,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        encoding: NotGivenOr[str] = NOT_GIVEN,
        sample_rate: NotGivenOr[int] = NOT_GIVEN,
        api_key: NotGivenOr[str] = NOT_GIVEN,
        api_secret: NotGivenOr[str] = NOT_GIVEN,
        http_session: aiohttp.ClientSession | None = None,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
        fallback: NotGivenOr[Any] = NOT_GIVEN,
        conn_options: NotGivenOr[APIConnectOptions] = NOT_GIVEN,
        vad: NotGivenOr[livekit_vad.VAD | None] = NOT_GIVEN,
    ) -> Any:
        return _build(
            cls.modality,
            _given(model),
            asked=providers.Asked(
                language=_given(language),
                encoding=_given(encoding),
                sample_rate=_given(sample_rate),
                http_session=http_session,
                vad=_given(vad),
            ),
            base_url=_given(base_url),
            api_key=_given(api_key),
            api_secret=_given(api_secret),
            extra_kwargs=_given(extra_kwargs),
            fallback=_given(fallback),
            conn_options=conn_options,
        )

    @classmethod
    def from_model_string(cls, model: str) -> STT:
        """``STT(model)``: the language is the part after the last colon."""
        made: STT = cls(model)
        return made


class LLM(llm.LLM if TYPE_CHECKING else object, metaclass=_Factory):  # type: ignore[misc]
    """Text to text by ``provider/model``: an instance of the provider's own LiveKit plugin class.

    Raises as ``STT`` does.
    """

    modality = "llm"

    def __new__(
        cls,
        model: str,
        *,
        provider: str | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        api_secret: str | None = None,
        inference_class: Any = None,
        extra_kwargs: dict[str, Any] | None = None,
        prompt_cache_breakpoints: bool | Literal["auto"] = "auto",
    ) -> Any:
        del inference_class  # a setting of LiveKit's own service
        return _build(
            cls.modality,
            model,
            asked=providers.Asked(),
            provider=provider,
            base_url=base_url,
            api_key=api_key,
            api_secret=api_secret,
            extra_kwargs=extra_kwargs,
            if_known={"prompt_cache_breakpoints": prompt_cache_breakpoints},
        )

    @classmethod
    def from_model_string(cls, model: str) -> LLM:
        """``LLM(model)``: colons belong to the model's name."""
        made: LLM = cls(model)
        return made


class TTS(tts.TTS if TYPE_CHECKING else object, metaclass=_Factory):  # type: ignore[misc]
    """Text to speech by ``provider/model[:voice]``: an instance of the provider's own LiveKit plugin class.

    Raises as ``STT`` does.
    """

    modality = "tts"

    def __new__(
        cls,
        model: str,
        *,
        voice: NotGivenOr[str] = NOT_GIVEN,
        language: NotGivenOr[str] = NOT_GIVEN,
        encoding: NotGivenOr[str] = NOT_GIVEN,
        sample_rate: NotGivenOr[int] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        api_key: NotGivenOr[str] = NOT_GIVEN,
        api_secret: NotGivenOr[str] = NOT_GIVEN,
        http_session: aiohttp.ClientSession | None = None,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
        fallback: NotGivenOr[Any] = NOT_GIVEN,
        conn_options: NotGivenOr[APIConnectOptions] = NOT_GIVEN,
    ) -> Any:
        return _build(
            cls.modality,
            model,
            asked=providers.Asked(
                language=_given(language),
                voice=_given(voice),
                encoding=_given(encoding),
                sample_rate=_given(sample_rate),
                http_session=http_session,
            ),
            base_url=_given(base_url),
            api_key=_given(api_key),
            api_secret=_given(api_secret),
            extra_kwargs=_given(extra_kwargs),
            fallback=_given(fallback),
            conn_options=conn_options,
        )

    @classmethod
    def from_model_string(cls, model: str) -> TTS:
        """``TTS(model)``: the voice is the part after the last colon."""
        made: TTS = cls(model)
        return made


class Stack(NamedTuple):
    """The three objects of a stack; one that the stack does not name is ``None``."""

    stt: Any
    llm: Any
    tts: Any


def stack(name: str | None = None, *, project: str | None = None, **kwargs: Any) -> Stack:
    """The objects of ``stacks.<name>``, or of the project's ``default_stack``.

    A keyword goes to each factory that has a parameter of that name. Raises ``ValueError`` for a stack that is not
    there, and as the factories do.
    """
    factories = (STT, LLM, TTS)
    known = [_parameters(factory.__new__) - {"cls", "model"} for factory in factories]
    if unknown := kwargs.keys() - frozenset().union(*known):
        raise TypeError(f"stack() has no keyword {', '.join(sorted(unknown))}: no factory takes it")
    with within_project(project):
        models = engine().stack(get_active_project(), name)
        made = (
            None if model is None else factory(model, **{key: kwargs[key] for key in kwargs.keys() & own})
            for factory, model, own in zip(factories, models, known, strict=True)
        )
        return Stack(*made)
