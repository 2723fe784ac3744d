"""The engines of this process: opened on first use, flushed at exit, never shared with a forked child.

There is one, and another one for each further configuration, ledger or sink that somebody names.
"""

from __future__ import annotations

import atexit
import contextvars
import json
import logging
import multiprocessing.util
import os
import threading
import weakref
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from .. import _native
from ._sinks import Feed, Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger("voicegateway")

_T = TypeVar("_T")

#: How long an exiting process waits for its last lines to become durable.
_EXIT_SECONDS = 5.0

#: How long a fork waits for the engine to let go of its file: longer than it waits for a locked one.
_FORK_SECONDS = 3.0


@dataclass(frozen=True)
class Place:
    """Which configuration an engine follows, and where its lines go."""

    #: The configuration file; ``None`` is the one that is found.
    file: str | None = None
    #: The ledger's file in place of the configured one.
    database: str | None = None
    #: Who takes the lines in place of a ledger.
    sink: Sink | None = None


#: The engine of the process, for everything that names no other place.
_engine: _native.Engine | None = None
#: The engines of other places.
_others: dict[Place, _native.Engine] = {}
_feeds: list[Feed] = []
_lock = threading.Lock()
#: Held while the ledger is read: no fork may copy an open file.
_reading = threading.Lock()
#: Engines of a parent process. They are kept, not closed: their threads and files are the parent's.
_inherited: list[Any] = []
#: The engines of forks that are under way.
_forking: list[list[_native.Engine]] = []
_jobs: weakref.WeakSet[Any] = weakref.WeakSet()
_is_ready_to_exit = False

#: The place whose engine the code of this context uses.
_place: contextvars.ContextVar[Place] = contextvars.ContextVar("voicegateway_place", default=Place())


def engine() -> _native.Engine:
    """The engine of this context: that of the process, unless a ``Gateway`` with a file of its own is at work."""
    place = _place.get()
    if place != Place():
        return engine_of(place)
    return _engine if _engine is not None else engine_of(place)


def engine_of(place: Place) -> _native.Engine:
    """The engine of a place, opened on first use."""
    global _engine
    with _lock:
        opened = _engine if place == Place() else _others.get(place)
        if opened is not None:
            return opened
        environment = dict(os.environ)
        if place.database is not None:
            environment = {**environment, "VOICEGW_DB_PATH": place.database, "VOICEGW_DB_URL": ""}
        opened = _native.Engine.open(environment, place.file, collects=place.sink is not None)
        if place == Place():
            _engine = opened
        else:
            _others[place] = opened
        if place.sink is not None:
            _feeds.append(Feed(opened, place.sink))
        _prepare_exit()
    report(opened)
    return opened


def current_place() -> Place:
    """The place whose engine the code of this context uses."""
    return _place.get()


@contextmanager
def at(place: Place) -> Iterator[None]:
    """Have the code inside use the engine of a place."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)


def ask(opened: _native.Engine, question: Callable[[_native.Desk], str]) -> Any:
    """The answer of an engine's desk. Blocks for a few reads of the ledger, outside of the interpreter lock."""
    return json.loads(reading(opened, question))


def reading(opened: _native.Engine, question: Callable[[_native.Desk], _T]) -> _T:
    """What a question that reads the ledger answers: no fork is in its way."""
    with _reading:
        answer = question(opened.desk)
    report(opened)
    return answer


def _prepare_exit() -> None:
    """LiveKit's job processes end by one of these three, depending on how they were started; one is the job's own."""
    global _is_ready_to_exit
    if not _is_ready_to_exit:
        _is_ready_to_exit = True
        multiprocessing.util.Finalize(None, close, exitpriority=100)
        atexit.register(close)


def _opened() -> list[_native.Engine]:
    return [*([_engine] if _engine is not None else []), *_others.values()]


def _forget() -> None:
    """After a fork: leave the parent's engines and their threads alone."""
    global _engine, _lock, _reading, _is_ready_to_exit
    _lock, _reading = threading.Lock(), threading.Lock()
    _forking.clear()
    _inherited.append((_engine, dict(_others), list(_feeds)))
    _engine = None
    _others.clear()
    _feeds.clear()
    _is_ready_to_exit = False


def _before_fork() -> None:
    """Have the engines let go of their files: a child's copy of an open database would break the parent's locks."""
    _reading.acquire(timeout=_FORK_SECONDS)
    _forking.append(_opened())
    for opened in _forking[-1]:
        opened.before_fork(_FORK_SECONDS)


def _after_fork() -> None:
    """In the parent, whose engines go on."""
    for opened in _forking.pop():
        opened.after_fork()
    if _reading.locked():
        _reading.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_forget)


def close() -> None:
    """Settle what is still open and wait, within bounds, until this process's lines are durable."""
    for opened in _opened():
        opened.close(_EXIT_SECONDS)
        report(opened)
    for feed in _feeds:
        feed.close(_EXIT_SECONDS)


async def flush(seconds: float = _EXIT_SECONDS) -> int:
    """Wait, at most that long, until every request booked so far is durable; returns how many still are not."""
    import asyncio

    def wait() -> int:
        return sum(opened.flush(seconds) for opened in _opened()) + sum(feed.flush(seconds) for feed in _feeds)

    pending = await asyncio.to_thread(wait)
    for opened in _opened():
        report(opened)
    return pending


def flush_with_job() -> None:
    """Have LiveKit's running job, if there is one, flush the ledger when it shuts down."""
    from livekit.agents import get_job_context

    try:
        job = get_job_context()
    except RuntimeError:
        return
    if job not in _jobs:
        _jobs.add(job)
        job.add_shutdown_callback(_flush_with_job)


async def _flush_with_job() -> None:
    await flush()


def report(opened: _native.Engine) -> None:
    """Hand the engine's own log records to Python's logging; its threads never call into Python."""
    for level, message in opened.drain_log():
        logger.log(level, message)
