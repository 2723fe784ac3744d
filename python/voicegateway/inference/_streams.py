"""Metered subclasses of LiveKit's plugin and stream classes.

An object keeps its identity, its attributes and its label; only the places where a request begins and ends are
overridden. Classes are made once for each plugin class and hold no state: a stream's state lives on the stream.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from typing import TYPE_CHECKING, Any

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, llm, stt, tts, utils

from ._attempts import Request, Standing, current, running
from ._engine import Place, current_place, engine_of, flush, logger
from ._framework import audio_nanos, watch
from ._scope import scope_of_request
from ._updates import updating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .. import _native
    from .._native import _Routed as Routed

#: Where a metered object keeps what it needs; one name, so that nothing else of the plugin's is touched.
STATE = "_voicegateway"


#: An argument of LiveKit's own chat that not every plugin has.
_RESPONSE_FORMAT = "response_format"

#: The request that the batch recognition running now belongs to: its retries are attempts of one request.
_recognition: contextvars.ContextVar[Request | None] = contextvars.ContextVar(
    "voicegateway_recognition", default=None
)


class State:
    """What a factory's object remembers."""

    __slots__ = (
        "_engine",
        "conn_options",
        "fallback_from",
        "is_adopted",
        "is_listed",
        "modality",
        "options",
        "place",
        "routed",
        "target",
        "told",
    )

    def __init__(
        self,
        target: _native.Target,
        modality: str,
        options: Callable[[Any], dict[str, Any]],
        conn_options: Any = NOT_GIVEN,
        fallback_from: str | None = None,
        *,
        is_adopted: bool = False,
        is_listed: bool = True,
        place: Place | None = None,
        routed: Routed | None = None,
    ) -> None:
        #: What it stands for, until ``update_options`` says otherwise.
        self.target = target
        #: Whether somebody else built it, whose words it keeps.
        self.is_adopted = is_adopted
        #: Whether its wire is known. Where it is not, LiveKit's own words are booked.
        self.is_listed = is_listed
        #: Whose engine books its requests.
        self.place = place or current_place()
        self._engine = engine_of(self.place)
        self.modality = modality
        #: Reads model, language and voice from a plugin object or stream, as they are now.
        self.options = options
        self.conn_options = conn_options
        #: The ledger's name of the model it was built in place of.
        self.fallback_from = fallback_from
        #: What was chosen by latency for the conversation it was built for.
        self.routed = routed
        #: The conversation that its requests told of that last.
        self.told: str | None = None

    @property
    def engine(self) -> _native.Engine:
        """The engine that books its requests. It takes the target over when it is another one than before: a forked
        child has engines of its own."""
        opened = engine_of(self.place)
        if opened is not self._engine:
            self.target, self._engine = opened.take_over(self.target), opened
        return opened


def subclass(base: Any, members: dict[str, Any]) -> type:
    """A subclass that goes by its base's name: LiveKit builds labels from it."""
    names = {"__module__": base.__module__, "__qualname__": base.__qualname__, "__doc__": base.__doc__}
    return type(base.__name__, (base,), {**names, **members})


def _options_of(state: State, stream: Any, owner: Any) -> dict[str, Any]:
    """The stream's own options where it has some, else those of the object it came from."""
    return state.options(stream) or state.options(owner)


@functools.cache
def _metered_stream(base: Any) -> Any:
    """The stream class ``base`` with its attempts metered."""

    async def _run(self: Any, *args: Any) -> None:
        state, request, owner = self.__dict__[STATE]
        booking = await request.begin(**_options_of(state, self, owner), streaming=_is_streaming(state, self))
        booking.stream = self
        running.add(booking)
        token = current.set(booking)
        try:
            await base._run(self, *args)
        except asyncio.CancelledError:
            booking.cancel()
            raise
        except Exception as error:
            booking.fail(error)
            raise
        finally:
            current.reset(token)
            running.discard(booking)

    def _emit_error(self: Any, error: Exception, *args: Any, **kwargs: Any) -> None:
        # ``_run`` may have returned normally: an error frame shows only as missing audio, found by its caller.
        self.__dict__[STATE][1].fail(error)
        base._emit_error(self, error, *args, **kwargs)

    return subclass(base, {"_run": _run, "_emit_error": _emit_error})


def _is_streaming(state: State, stream: Any) -> bool:
    """Whether the request is streamed in: a chunked synthesis and a batch recognition are one body."""
    return state.modality != "tts" or hasattr(stream, "push_text")


def _meter(owner: Any, stream: Any, caller_turns: int | None = None) -> Any:
    """Turn a stream that the plugin just made into a metered one. Its task has not begun to run yet."""
    task = getattr(stream, "_task", None) or getattr(stream, "_synthesize_task", None)
    if task is None or STATE in stream.__dict__:
        return stream
    state: State = owner.__dict__[STATE]
    request = request_of(owner, caller_turns)
    if not state.is_listed:
        watch(state.modality, stream, request)
    stream.__dict__[STATE] = (state, request, owner)
    made_as: Any = type(stream)
    stream.__class__ = _metered_stream(made_as)
    task.add_done_callback(request.finish)
    return stream


def request_of(owner: Any, caller_turns: int | None = None) -> Request:
    """A request that is made of ``owner`` now."""
    state: State = owner.__dict__[STATE]
    opened = state.engine  # before its target, which it may take over
    scope = scope_of_request(caller_turns)
    routed = None
    # The first request of each object tells it: a stream that listens is booked at the end of a call.
    if state.told != scope.session_id and (routed := scope.routed or state.routed) is not None:
        state.told = scope.session_id
    return Request(state.target, scope, standing_of(owner, state.fallback_from), opened, routed)


def standing_of(owner: Any, fallback_from: str | None) -> Standing:
    """How an object stands in the ``FallbackAdapter`` it is a member of, if it is one."""
    found = next(_memberships(owner), None)
    if found is None:
        return Standing(fallback_from)
    members, place, statuses = found
    # An adapter asks a member that failed for nothing but a proof that it is well, while another one is.
    is_given_up = not statuses[place].available and any(status.available for status in statuses)
    return Standing(fallback_from or (_name_of(members[0]) if place else None), is_given_up)


def _memberships(owner: Any) -> Iterator[tuple[list[Any], int, list[Any]]]:
    """The adapters that hold an object, inside ``StreamAdapter`` too: they listen to its metrics."""
    for callback in list(owner._events.get("metrics_collected", ())):
        holder = getattr(callback, "__self__", None)
        if isinstance(holder, (stt.StreamAdapter, tts.StreamAdapter)):
            yield from _memberships(holder)
        elif isinstance(holder, (stt.FallbackAdapter, llm.FallbackAdapter, tts.FallbackAdapter)):
            members = next(getattr(holder, name) for name in _INSTANCES if hasattr(holder, name))
            place = next((n for n, member in enumerate(members) if member is owner), None)
            if place is not None:
                yield members, place, holder._status


#: Where LiveKit's adapters keep their members.
_INSTANCES = ("_stt_instances", "_llm_instances", "_tts_instances")


def _name_of(member: Any) -> str:
    """A member as the ledger names it; LiveKit's label for one that is not ours."""
    inner = getattr(member, "_stt", None) or getattr(member, "_wrapped_tts", None) or member
    state = inner.__dict__.get(STATE)
    return state.target.model_id if isinstance(state, State) else str(member.label)


def _with_conn_options(owner: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The factory's ``conn_options`` where the caller gave none of its own."""
    own = owner.__dict__[STATE].conn_options
    if utils.is_given(own) and kwargs.get("conn_options", DEFAULT_API_CONNECT_OPTIONS) is DEFAULT_API_CONNECT_OPTIONS:
        kwargs["conn_options"] = own
    return kwargs


def _members(base: Any) -> dict[str, Any]:
    """What every object has in its own way, whatever its modality."""

    async def aclose(self: Any) -> None:
        await base.aclose(self)
        # What was booked is durable when this returns, if that takes no more than a few seconds.
        await flush()

    return {"aclose": functools.wraps(base.aclose)(aclose), "update_options": updating(base, STATE)}


def _caller_turns(chat_ctx: Any) -> int:
    return sum(1 for item in chat_ctx.items if getattr(item, "role", None) == "user")


@functools.cache
def metered_llm(base: Any) -> Any:
    """The LLM class ``base`` with its requests metered."""

    known = inspect.signature(base.chat).parameters

    def chat(self: Any, *, chat_ctx: Any, inference_class: Any = NOT_GIVEN, **kwargs: Any) -> Any:
        del inference_class  # a setting of LiveKit's own service
        if _RESPONSE_FORMAT in kwargs and _RESPONSE_FORMAT not in known:
            if utils.is_given(kwargs.pop(_RESPONSE_FORMAT)):
                logger.warning("response_format has no effect: the plugin of %s has no such option", self.label)
        stream = base.chat(self, chat_ctx=chat_ctx, **kwargs)
        return _meter(self, stream, _caller_turns(chat_ctx))

    return subclass(base, {"chat": functools.wraps(base.chat)(chat), **_members(base)})


@functools.cache
def metered_tts(base: Any) -> Any:
    """The TTS class ``base`` with its requests metered."""
    from livekit.agents.tts import tts as livekit_tts

    # A plugin that only streams makes ``synthesize`` out of ``stream``: the inner stream owns the attempt.
    outer = getattr(livekit_tts, "_ChunkedStreamFromStream", ())

    def synthesize(self: Any, text: str, **kwargs: Any) -> Any:
        made = base.synthesize(self, text, **_with_conn_options(self, kwargs))
        return made if isinstance(made, outer) else _meter(self, made)

    def stream(self: Any, **kwargs: Any) -> Any:
        return _meter(self, base.stream(self, **_with_conn_options(self, kwargs)))

    members: dict[str, Any] = {
        "synthesize": functools.wraps(base.synthesize)(synthesize),
        "stream": functools.wraps(base.stream)(stream),
        **_members(base),
    }
    return subclass(base, members)


@functools.cache
def metered_stt(base: Any) -> Any:
    """The STT class ``base`` with its requests metered."""
    from livekit.agents.stt import StreamAdapterWrapper

    def stream(self: Any, **kwargs: Any) -> Any:
        made = base.stream(self, **_with_conn_options(self, kwargs))
        # An object may cut audio into utterances and recognise each one: those requests own the attempts.
        return made if isinstance(made, StreamAdapterWrapper) else _meter(self, made)

    async def recognize(self: Any, buffer: Any, **kwargs: Any) -> Any:
        token = _recognition.set(request_of(self))
        try:
            return await base.recognize(self, buffer, **_with_conn_options(self, kwargs))
        finally:
            _recognition.reset(token)

    async def _recognize_impl(self: Any, buffer: Any, **kwargs: Any) -> Any:
        state: State = self.__dict__[STATE]
        request = _recognition.get() or request_of(self)
        options = state.options(self)
        if utils.is_given(language := kwargs.get("language", NOT_GIVEN)):
            options["language"] = str(language)
        booking = await request.begin(**options, streaming=False)
        current_token = current.set(booking)
        try:
            event = await base._recognize_impl(self, buffer, **kwargs)
        except asyncio.CancelledError:
            booking.cancel()
            raise
        except Exception as error:
            booking.fail(error)
            raise
        finally:
            current.reset(current_token)
        if not state.is_listed:
            booking.native.output()
            booking.native.reported(audio_nanos=audio_nanos(buffer), by_framework=True)
        booking.succeed()
        return event

    members: dict[str, Any] = {
        "stream": functools.wraps(base.stream)(stream),
        "recognize": functools.wraps(base.recognize)(recognize),
        "_recognize_impl": _recognize_impl,
        **_members(base),
    }
    return subclass(base, members)
