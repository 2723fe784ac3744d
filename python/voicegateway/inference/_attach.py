"""``attach``: meters a session of LiveKit, whatever plugins it holds.

A plugin object that somebody else built is turned into the metered one in place: its class becomes the metered
subclass of its class, and the stand-ins go where it keeps its connection. So it is counted exactly as one from the
factories, and everybody who holds it keeps holding it. A plugin whose wire is not known is booked with what LiveKit
says of it. What a factory made is metered already and only changes where its lines go.
"""

from __future__ import annotations

import asyncio
import functools
import os
import platform
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from livekit.agents import llm, stt, tts

from .. import _native, providers
from ._attempts import Request
from ._engine import Place, engine_of, flush, flush_with_job, logger
from ._framework import watch
from ._routing import checked_routed
from ._scope import Attached, attach_to, within_session
from ._sinks import Collector
from ._streams import STATE, State, metered_llm, metered_stt, metered_tts, request_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from livekit.agents import AgentSession

    from ._sinks import Sink

_KINDS: tuple[tuple[str, Any, Any], ...] = (
    ("stt", stt.STT, metered_stt),
    ("llm", llm.LLM, metered_llm),
    ("tts", tts.TTS, metered_tts),
)

#: The language of OpenAI is spoken by many services, so its plugin says little about who answers.
_SPOKEN_BY_MANY = {"openai": "api.openai.com"}

#: What a session that is followed keeps of it.
_FOLLOWED = "_voicegateway_followed"

#: Tasks under way, so that nobody forgets them.
_tasks: set[asyncio.Task[Any]] = set()


def attach(
    session: AgentSession[Any],
    *,
    project: str = "default",
    agent_id: str | None = None,
    tenant_id: str | None = None,
    collector_url: str | None = None,
    virtual_key: str | None = None,
    sink: Sink | None = None,
) -> str:
    """Meter a session and return the conversation's id.

    Call it before ``session.start``: a stream that already listens is booked from then on with what LiveKit reports.
    ``agent_id`` is by default ``VOICEGW_AGENT_ID``, else the host's name. Lines go to ``sink``, else to the collector
    at ``collector_url`` (``VOICEGW_COLLECTOR_URL``), else to the ledger of this machine; they are flushed when the
    session closes. ``project`` is for what the factories did not make: those objects have theirs.
    """
    place = place_of(collector_url, virtual_key, sink)
    return attach_at(place, session, project=project, agent_id=agent_id, tenant_id=tenant_id)


def attach_at(
    place: Place, session: AgentSession[Any], *, project: str, agent_id: str | None, tenant_id: str | None
) -> str:
    """``attach`` with the place that lines go to."""
    if not isinstance(project, str) or not project.strip():
        raise ValueError(f"a project is a non-empty string, not {project!r}")
    agent_id = agent_id or os.environ.get("VOICEGW_AGENT_ID") or platform.node() or "agent"
    conversation = attach_to(session, None, Attached(tenant_id=tenant_id, agent_id=agent_id))
    meter_parts = functools.partial(_meter_parts, place=place, project=project)
    with within_session(session):
        meter_parts(session)
    _follow(session, meter_parts)
    flush_on_close(session)
    return conversation


def flush_on_close(session: AgentSession[Any]) -> None:
    """Have everything booked be durable soon after the session closed, and before its job ends."""
    flush_with_job()

    def closed(_: object) -> None:
        task = asyncio.get_running_loop().create_task(flush())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    session.on("close", closed)


def place_of(
    collector_url: str | None, virtual_key: str | None, sink: Sink | None, database: str | None = None
) -> Place:
    """Where lines go: a sink, else a collector, else a ledger. Equal words make equal places, which share one engine."""
    if sink is not None:
        return Place(sink=sink)
    if url := collector_url or os.environ.get("VOICEGW_COLLECTOR_URL"):
        return Place(sink=Collector(url, virtual_key or os.environ.get("VOICEGW_VIRTUAL_KEY")))
    return Place(database=database)


def _follow(session: Any, meter_parts: Callable[[Any], None] | None = None) -> None:
    """Meter what each agent of the session brings, before it is used, and have all that it starts know the session."""
    followed = session.__dict__.setdefault(_FOLLOWED, {})
    if meter_parts is not None:
        followed["meter_parts"] = meter_parts
    if "updating" in followed:
        return
    update_activity = session._update_activity

    @functools.wraps(update_activity)
    async def updating(agent: Any, *args: Any, **kwargs: Any) -> Any:
        with within_session(session):
            if meter_parts := followed.get("meter_parts"):
                meter_parts(agent)
            return await update_activity(agent, *args, **kwargs)

    followed["updating"] = session._update_activity = updating


def _meter_parts(owner: Any, place: Place, project: str) -> None:
    """Meter the models of a session or an agent."""
    for name in ("stt", "llm", "tts"):
        part = getattr(owner, name, None)
        if isinstance(part, getattr(llm, "RealtimeModel", ())):
            logger.warning("the realtime model %s is not metered: this version books STT, LLM and TTS", part)
            continue
        for leaf in _leaves(part):
            if (state := leaf.__dict__.get(STATE)) is None:
                _meter_in_place(leaf, place, project)
            elif place != Place():
                state.place = place


def _leaves(part: Any) -> list[Any]:
    """The objects that touch a wire: LiveKit's adapters hold others, and make no request themselves."""
    if not isinstance(part, (stt.STT, llm.LLM, tts.TTS)):
        return []
    if not type(part).__module__.startswith("livekit.agents."):
        return [part]
    held = [value for value in vars(part).values() if value is not part]
    inner = [leaf for value in held for one in (value if isinstance(value, list) else [value]) for leaf in _leaves(one)]
    return inner or [part]


def _meter_in_place(built: Any, place: Place, project: str) -> None:
    """Turn a plugin object into a metered one; it stays the same object."""
    modality, metered = next((name, metered) for name, kind, metered in _KINDS if isinstance(built, kind))
    name = _provider_of(built)
    target = engine_of(place).adopt(
        modality,
        name,
        providers.options_of(built).get("model") or "",
        project=project,
        base_url=_foreign_address(name, built),
    )
    adapter = _adapter_of(target.provider, built)
    state = State(
        target, modality, providers.options_of, is_adopted=True, is_listed=adapter is not None, place=place
    )
    made_as: Any = type(built)
    built.__class__ = metered(made_as)
    built.__dict__[STATE] = state
    if adapter is not None:
        _listen(built, adapter, modality, target)
    for stream in list(getattr(built, "_streams", ())):
        _book_running(state, stream, built)


def _provider_of(built: Any) -> str:
    """``deepgram`` of ``livekit.plugins.deepgram.stt``; LiveKit's own service is ``livekit``."""
    for base in type(built).__mro__:
        parts = base.__module__.split(".")
        if parts[:2] == ["livekit", "plugins"] and len(parts) > 2:
            return parts[2]
        if parts[:2] == ["voicegateway", "local"] and len(parts) > 2:
            return parts[2]
        if parts[:3] == ["livekit", "agents", "inference"]:
            return "livekit"
    return type(built).__module__.split(".")[0]


def _foreign_address(provider: str, built: Any) -> str | None:
    """Where the object speaks to, if that is not the provider its plugin is named after."""
    own = _SPOKEN_BY_MANY.get(provider)
    address = getattr(getattr(built, "_client", None), "base_url", None)
    if own is None or address is None or urlsplit(str(address)).hostname == own:
        return None
    return str(address)


def _adapter_of(provider: str, built: Any) -> providers.Adapter | None:
    """The adapter that knows the wire of this object, if there is one."""
    try:
        adapter = providers.load(provider)
    except ModuleNotFoundError:
        return None
    is_of_plugin = any(base.__module__.startswith(adapter.PLUGIN) for base in type(built).__mro__)
    return adapter if is_of_plugin else None


def _listen(built: Any, adapter: providers.Adapter, modality: str, target: _native.Target) -> None:
    """Put the stand-ins where the object keeps its connection."""
    given = getattr(built, "_session", None)
    arguments = adapter.arguments(modality, target, providers.Asked(http_session=given))
    if (session := arguments.get("http_session")) is not None and hasattr(built, "_session"):
        built._session = session
    adapter.listen(built)
    # A socket that was opened ahead of need is not counted: the next request opens another one.
    if (pool := getattr(built, "_pool", None)) is not None:
        pool.invalidate()


def _book_running(state: State, stream: Any, owner: Any) -> None:
    """Book a recognition that began before it was metered with what LiveKit reports from here on."""
    task = getattr(stream, "_task", None)
    if state.modality != "stt" or task is None or task.done() or STATE in stream.__dict__:
        return
    request = request_of(owner)
    stream.__dict__[STATE] = (state, request, owner)
    watch(state.modality, stream, request)
    task.add_done_callback(request.finish)
    begun = asyncio.get_running_loop().create_task(_begin(request, state.options(stream) or state.options(owner)))
    _tasks.add(begun)
    begun.add_done_callback(_tasks.discard)


async def _begin(request: Request, options: dict[str, Any]) -> None:
    booking = await request.begin(**options)
    booking.native.output()


def warn_of(**given: Any) -> None:
    """Say which arguments ask for a part of the product that this version does not have."""
    names = [name for name, value in given.items() if value is not None]
    if names:
        logger.warning("%s: accepted, without effect in this version", ", ".join(names))


def attach_session(
    agent_session: AgentSession[Any],
    *,
    session_id: str | None = None,
    tenant_id: str | None = None,
    routed_triple: Any = None,
    bypass_guardrails: bool | None = None,
    turn_tracker: Any = None,
    dead_air_detector: Any = None,
    cost_tracker: Any = None,
) -> str:
    """Bind one of LiveKit's sessions to a conversation and return its id; flush the ledger when it closes.

    ``tenant_id`` of ``None`` leaves the tenant to the context. ``routed_triple`` is ``(stt, llm, tts, budget_ms,
    budget_overrun)``, for models that were chosen by latency and built by name. The other arguments belong to parts of
    the product that this version does not have; one that is given is named in a warning.
    """
    warn_of(
        bypass_guardrails=bypass_guardrails or None,
        turn_tracker=turn_tracker,
        dead_air_detector=dead_air_detector,
        cost_tracker=cost_tracker,
    )
    routed = None if routed_triple is None else checked_routed(routed_triple)
    conversation = attach_to(agent_session, session_id, Attached(tenant_id=tenant_id, routed=routed))
    _follow(agent_session)
    flush_on_close(agent_session)
    return conversation
