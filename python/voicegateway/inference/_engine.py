"""The engine of this process: opened on first use, flushed at exit, never shared with a forked child."""

from __future__ import annotations

import atexit
import logging
import multiprocessing.util
import os
import threading
import weakref
from typing import Any

from .. import _native

logger = logging.getLogger("voicegateway")

#: How long an exiting process waits for its last lines to become durable.
_EXIT_SECONDS = 5.0

#: How long a fork waits for the engine to let go of its file: longer than it waits for a locked one.
_FORK_SECONDS = 3.0

_engine: _native.Engine | None = None
_lock = threading.Lock()
#: Engines of a parent process. They are kept, not closed: their threads and files are the parent's.
_inherited: list[_native.Engine | None] = []
#: The engines of forks that are under way.
_forking: list[_native.Engine | None] = []
_jobs: weakref.WeakSet[Any] = weakref.WeakSet()


def engine() -> _native.Engine:
    """The engine of this process."""
    return _engine if _engine is not None else _open()


def _open() -> _native.Engine:
    global _engine
    with _lock:
        if _engine is None:
            opened = _native.Engine.open(dict(os.environ))
            _engine = opened
            # LiveKit's job processes end by one of these three, depending on how they were started.
            multiprocessing.util.Finalize(None, close, exitpriority=100)
            atexit.register(close)
            report(opened)
    return _engine


def _forget() -> None:
    """After a fork: leave the parent's engine alone."""
    global _engine, _lock
    _lock = threading.Lock()
    _forking.clear()
    _inherited.append(_engine)
    _engine = None


def _before_fork() -> None:
    """Have the engine let go of its file: a child's copy of an open database would break the parent's locks."""
    _forking.append(_engine)
    if _engine is not None:
        _engine.before_fork(_FORK_SECONDS)


def _after_fork() -> None:
    """In the parent, whose engine goes on."""
    if (opened := _forking.pop()) is not None:
        opened.after_fork()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_forget)


def close() -> None:
    """Settle what is still open and wait, within bounds, until this process's lines are durable."""
    opened = _engine
    if opened is not None:
        opened.close(_EXIT_SECONDS)
        report(opened)


async def flush(seconds: float = _EXIT_SECONDS) -> int:
    """Wait, at most that long, until every request booked so far is durable; returns how many still are not."""
    import asyncio

    opened = engine()
    pending = await asyncio.to_thread(opened.flush, seconds)
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
