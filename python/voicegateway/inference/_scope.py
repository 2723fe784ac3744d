"""What a request is booked to: project, session, tenant and turn, as they stand when the request is made."""

from __future__ import annotations

import contextvars
import os
import sys
import weakref
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._engine import engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from livekit.agents.voice import AgentSession, SpeechHandle

    from .._native import _Routed as Routed

_project: contextvars.ContextVar[str | None] = contextvars.ContextVar("voicegateway_project", default=None)
_session: contextvars.ContextVar[str | None] = contextvars.ContextVar("voicegateway_session", default=None)
_tenant: contextvars.ContextVar[str | None] = contextvars.ContextVar("voicegateway_tenant", default=None)

#: The conversations LiveKit runs in this process, and the id each one has.
_session_of: weakref.WeakKeyDictionary[AgentSession[Any], str] = weakref.WeakKeyDictionary()
#: The turn of each reply: the LLM knows it from its chat context, the TTS only knows the reply.
_turn_of: weakref.WeakKeyDictionary[SpeechHandle, int] = weakref.WeakKeyDictionary()

_LONGEST_TENANT = 128


@dataclass(frozen=True)
class Attached:
    """What was said about one of LiveKit's sessions; ``None`` leaves it to the context."""

    tenant_id: str | None = None
    agent_id: str | None = None
    #: What was chosen for it by latency.
    routed: Routed | None = None


#: The attached session that the code of this context works for. LiveKit's own variable is not set where it listens.
_at_work: contextvars.ContextVar[weakref.ref[AgentSession[Any]] | None] = contextvars.ContextVar(
    "voicegateway_at_work", default=None
)
_attached: weakref.WeakKeyDictionary[AgentSession[Any], Attached] = weakref.WeakKeyDictionary()


@contextmanager
def within_session(agent_session: AgentSession[Any]) -> Iterator[None]:
    """Have the code inside, and the tasks it makes, work for one of LiveKit's sessions."""
    token = _at_work.set(weakref.ref(agent_session))
    try:
        yield
    finally:
        _at_work.reset(token)


def attach_to(agent_session: AgentSession[Any], session_id: str | None, attached: Attached) -> str:
    """Book the requests of one of LiveKit's sessions as told; returns the conversation's id."""
    if attached.tenant_id is not None:
        _checked_tenant(attached.tenant_id)
    if session_id is not None:
        if not isinstance(session_id, str) or not session_id.strip():
            raise ValueError(f"a session is a non-empty string, not {session_id!r}")
        _session_of[agent_session] = session_id
    known = _attached.get(agent_session, Attached())
    _attached[agent_session] = Attached(
        tenant_id=attached.tenant_id or known.tenant_id,
        agent_id=attached.agent_id or known.agent_id,
        routed=attached.routed or known.routed,
    )
    return _id_of(agent_session)


def set_project(name: str) -> None:
    """Book what is built from here on, in this context, to ``name``; raises ``ValueError`` unless it is a name."""
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"a project is a non-empty string, not {name!r}")
    _project.set(name)


def get_active_project() -> str:
    """The project of this context: ``set_project``, ``VOICEGW_ACTIVE_PROJECT``, ``default_project``, ``default``."""
    return _project.get() or os.environ.get("VOICEGW_ACTIVE_PROJECT") or engine().default_project


@contextmanager
def within_project(name: str | None) -> Iterator[None]:
    """Have the code inside work for a project, or for the one of the context."""
    if name is None:
        yield
        return
    before = _project.get()
    set_project(name)
    try:
        yield
    finally:
        _project.set(before)


def reset_project() -> None:
    """Forget ``set_project`` in this context."""
    _project.set(None)


def start_session(*, bypass_guardrails: bool = False) -> str:
    """Begin a conversation in this context and return its id, ``vg-<uuid>``.

    This version has no guardrails, so there is nothing that ``bypass_guardrails`` would have to switch off.
    """
    del bypass_guardrails
    session = engine().mint_session_id()
    _session.set(session)
    return session


# A forked process is another conversation, even where its parent had begun one.
os.register_at_fork(after_in_child=lambda: _session.set(None))


def ensure_session() -> str:
    """The conversation of this context; makes one if there is none."""
    return _session.get() or start_session()


def set_tenant(tenant_id: str | None) -> None:
    """Book requests from here on, in this context, to a tenant; ``None`` clears it.

    Raises ``ValueError`` for what is not text or is longer than 128 characters.
    """
    _tenant.set(None if tenant_id is None else _checked_tenant(tenant_id))


def _checked_tenant(tenant_id: str) -> str:
    if not isinstance(tenant_id, str) or not 0 < len(tenant_id) <= _LONGEST_TENANT:
        raise ValueError(f"a tenant is a string of 1 to {_LONGEST_TENANT} characters")
    return tenant_id


def current_tenant() -> str | None:
    """The tenant of this context."""
    return _tenant.get()


def reset_tenant_id() -> None:
    """Forget ``set_tenant`` in this context."""
    _tenant.set(None)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one request is booked to."""

    session_id: str
    tenant_id: str | None
    agent_id: str | None
    turn: int | None
    routed: Routed | None = None


def scope_of_request(caller_turns: int | None = None) -> Scope:
    """The scope of a request made now, in this context.

    ``caller_turns`` is the number of messages of the caller in a chat's context: the turn it belongs to.
    """
    reply = _running("_SpeechHandleContextVar")
    turn = caller_turns
    if reply is not None:
        if turn is None:
            turn = _turn_of.get(reply)
        else:
            _turn_of[reply] = turn
    agent_session = _session_at_work()
    if agent_session is None:
        return Scope(session_id=ensure_session(), tenant_id=_tenant.get(), agent_id=None, turn=turn)
    attached = _attached.get(agent_session, Attached())
    return Scope(
        session_id=_id_of(agent_session),
        tenant_id=attached.tenant_id or _tenant.get(),
        agent_id=attached.agent_id,
        turn=turn,
        routed=attached.routed,
    )


def _session_at_work() -> AgentSession[Any] | None:
    activity = _running("_AgentActivityContextVar")
    if activity is not None:
        running: AgentSession[Any] = activity.session
        return running
    reference = _at_work.get()
    return None if reference is None else reference()


def _id_of(agent_session: AgentSession[Any]) -> str:
    """The conversation's id of one of LiveKit's sessions.

    Two sessions of LiveKit that inherited the same id are two conversations, so the second gets its own.
    """
    known = _session_of.get(agent_session)
    if known is None:
        inherited = _session.get()
        is_taken = inherited is None or inherited in _session_of.values()
        known = engine().mint_session_id() if is_taken else inherited
        assert known is not None
        _session_of[agent_session] = known
    return known


def _running(variable: str) -> Any | None:
    """The value of one of LiveKit's own context variables, without importing its voice package for it."""
    module = sys.modules.get("livekit.agents.voice.agent_activity")
    context_variable = getattr(module, variable, None)
    return None if context_variable is None else context_variable.get(None)
