"""The life of an attempt: begun when the plugin's ``_run`` starts, settled at the first sign of how it ended.

One attempt is one call of a stream's ``_run``, or of a batch recognition. LiveKit's retry loop is outside of it.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
from livekit.agents import APIError, APIStatusError, APITimeoutError

from .. import _native
from ._engine import logger, report
from ._scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._native import _Routed as Routed


_LONGEST_MESSAGE = 200

#: How many callers away a FallbackAdapter is when it makes a stream, adapters between included.
_NEAR = 10


class ChatText(Protocol):
    """What a chat's stream remembers, for the estimate when no usage message comes."""

    answer: list[str]

    @property
    def messages(self) -> Any:
        """The request's messages, in OpenAI's form."""

    @property
    def tools(self) -> Any:
        """The request's tools, in OpenAI's form."""


class Booking:
    """One attempt, as the code on the wire sees it."""

    __slots__ = ("_engine", "chat", "native", "stream", "tell")

    def __init__(self, native: _native.Attempt, engine: _native.Engine) -> None:
        self.native = native
        self._engine = engine
        #: Tells what only LiveKit knows of the attempt, just before it is settled.
        self.tell: Callable[[_native.Attempt], None] | None = None
        #: The plugin's stream whose ``_run`` it is; none for a batch recognition.
        self.stream: Any = None
        #: Set by a chat that may end without a usage message.
        self.chat: ChatText | None = None

    def succeed(self) -> None:
        """The provider answered to the end."""
        self._settle("success")

    def cancel(self) -> None:
        """We stopped it."""
        self._settle("cancelled")

    def fail(self, error: BaseException) -> None:
        """The provider, or the way to it, failed."""
        kind, status = _kind_of(error, self.native.refusal)
        self._settle("error", kind, status, _described(error))

    def _settle(
        self, status: str, kind: str | None = None, http_status: int | None = None, message: str | None = None
    ) -> None:
        native = self.native
        if native.is_settled:
            return
        if self.tell is not None:
            self.tell(native)
        messages = tools = answer = None
        if self.chat is not None and self.chat.answer:
            messages = json.dumps(self.chat.messages, default=str)
            tools = json.dumps(self.chat.tools, default=str) if self.chat.tools else None
            answer = "".join(self.chat.answer)
        native.settle(status, kind, http_status, message, messages, tools, answer)
        opened = self._engine
        if opened.logs_requests and logger.isEnabledFor(logging.INFO):
            logger.info(native.summary())
        if opened.has_log:
            report(opened)


#: The attempt that the code running now works for.
current: contextvars.ContextVar[Booking | None] = contextvars.ContextVar("voicegateway_attempt", default=None)


#: The attempts whose ``_run`` goes on, for code on the wire that runs in another one's context.
running: set[Booking] = set()


#: What a provider's status means; any other one is a failure of its own.
_KIND_OF_STATUS = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    408: "upstream_timeout",
    429: "rate_limited",
    504: "upstream_timeout",
}


def _kind_of(error: BaseException, refusal: int | None) -> tuple[str, int | None]:
    """The closed kind of an error, and the provider's status: the error's own, else the one seen on the wire, which
    also says what a socket's close code is about."""
    status = _status_of(error)
    if status is None or status >= 1000:
        status = refusal or status
    if status is not None:
        return _KIND_OF_STATUS.get(status, "upstream_failed"), status
    # Older plugins hide a timeout as the cause of another error.
    if isinstance(error, (APITimeoutError, asyncio.TimeoutError)) or "Timeout" in type(error.__cause__).__name__:
        return "upstream_timeout", None
    return ("upstream_failed" if isinstance(error, (APIError, aiohttp.ClientError)) else "internal"), None


def _status_of(error: BaseException) -> int | None:
    """The status of a refusal in an error. LiveKit writes -1 for none, and Anthropic's client the status of the
    answer that broke off. Older plugins let aiohttp's own errors through."""
    if isinstance(error, APIStatusError):
        status = error.status_code
    elif isinstance(error, aiohttp.ClientResponseError):
        status = error.status
    else:
        return None
    return status if status >= 400 else None


def _described(error: BaseException) -> str:
    """An error in words that hold nothing of the conversation.

    A status comes with the provider's own sentence. Other messages may quote the text that was being spoken after
    their first colon, so only what stands before it is kept.
    """
    if isinstance(error, (APIStatusError, aiohttp.ClientResponseError)):
        said = error.message
    else:
        said = str(error).partition(":")[0]
    cause = error.__cause__
    because = f" ({type(cause).__name__})" if cause is not None else ""
    return f"{type(error).__name__}{because}: {said}"[:_LONGEST_MESSAGE]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the object that makes a request stands in a chain."""

    #: The ledger's name of the model it stands in for.
    fallback_from: str | None = None
    #: Whether its chain has given it up for now, and only tests it.
    is_given_up: bool = False


class Request:
    """One request of an agent: it makes one attempt, and another one for each retry."""

    __slots__ = ("_engine", "_id", "_probe", "_routed", "_scope", "_standing", "_target", "latest", "tell")

    def __init__(
        self,
        target: _native.Target,
        scope: Scope,
        standing: Standing,
        engine: _native.Engine,
        routed: Routed | None = None,
    ) -> None:
        self._target = target
        self._engine = engine
        self._scope = scope
        self._id: bytes | None = None
        #: The attempt that runs, or ran last.
        self.latest: Booking | None = None
        #: What every attempt is told by before it is settled.
        self.tell: Callable[[_native.Attempt], None] | None = None
        #: What its first attempt tells of the conversation's routing.
        self._routed = routed
        self._standing = standing
        self._probe = standing.is_given_up or _is_recovery_probe()

    async def begin(
        self,
        *,
        model: str | None = None,
        language: str | None = None,
        voice: str | None = None,
        streaming: bool = True,
    ) -> Booking:
        """Admit the next attempt. The options are those in force now: they may have changed since the request."""
        native = self._target.begin(
            session_id=self._scope.session_id,
            tenant_id=self._scope.tenant_id,
            agent_id=self._scope.agent_id,
            turn=self._scope.turn,
            request_id=self._id,
            probe=self._probe,
            fallback_from=self._standing.fallback_from,
            routed=self._routed,
            model=model,
            language=language,
            voice=voice,
            streaming=streaming,
        )
        self._id, self._routed = native.request_id, None
        self.latest = Booking(native, self._engine)
        self.latest.tell = self.tell
        return self.latest

    def fail(self, error: BaseException) -> None:
        """The caller of ``_run`` found that the attempt failed."""
        if self.latest is not None:
            self.latest.fail(error)

    def finish(self, task: asyncio.Task[Any]) -> None:
        """The stream's task is done: what is not settled by now ended as the task did."""
        if self.latest is None:
            return
        if task.cancelled():
            self.latest.cancel()
        elif (error := task.exception()) is not None:
            self.latest.fail(error)
        else:
            self.latest.succeed()


def _is_recovery_probe() -> bool:
    """Whether LiveKit's FallbackAdapter is testing a failed member, beside the conversation.

    It does so in a task of its own, but makes the stream of a recognition just before that task.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    name = getattr(task.get_coro(), "__qualname__", "") if task is not None else ""
    return "_recover_" in name or _is_called_by("_try_recovery")


def _is_called_by(function: str) -> bool:
    frame = sys._getframe(1)
    for _ in range(_NEAR):
        if frame.f_back is None:
            return False
        frame = frame.f_back
        if frame.f_code.co_name == function:
            return True
    return False
