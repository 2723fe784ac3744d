"""The worker processes of this process, and the way to them.

There is one worker for each runtime with each model, whoever asks for it: started on first use, ended when the last
object that uses it is closed or collected. It ends by itself when this process does, however that happens, because
its standard input closes. A forked child has none of its parent's workers and starts its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Callable
from typing import Any

from livekit.agents import APIConnectionError, APIError, APITimeoutError

from .worker import frames

_WORKER = pathlib.Path(__file__).with_name("worker")

#: The runtimes load files of this machine and nothing else; the worker itself refuses other connections.
_ENVIRONMENT = {"HF_HUB_OFFLINE": "1"}

#: Gets each frame of a request, and an exception in place of the last one if there is none.
Receiver = Callable[["frames.Frame | BaseException"], None]


class Worker:
    """One worker process. Its threads do what would block an event loop: starting it, and both ends of the pipe."""

    def __init__(self, runtime: str, load: dict[str, Any]) -> None:
        self.runtime = runtime
        self.is_ready = False
        #: When it last said something, by ``time.monotonic``.
        self.heard_at = time.monotonic()
        #: Who keeps it alive.
        self.users: set[int] = set()
        self._load = load
        # Collecting a closed connection may call ``end`` in the middle of anything else here.
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._receivers: dict[int, Receiver] = {}
        self._numbers = 0
        #: Why it takes no more requests.
        self._ended: BaseException | None = None
        threading.Thread(target=self._run, name=f"voicegateway-{runtime}", daemon=True).start()

    @property
    def is_alive(self) -> bool:
        """Whether it takes requests."""
        return self._ended is None

    @property
    def pid(self) -> int | None:
        """The process, once it is started."""
        return None if self._process is None else self._process.pid

    def begin(self, fields: dict[str, Any], payload: bytes, receiver: Receiver) -> int:
        """Hand over a request and return its number. The receiver is called from another thread."""
        with self._lock:
            if self._ended is not None:
                raise self._ended
            self._numbers += 1
            self._receivers[self._numbers] = receiver
            self._outbox.put(frames.encode({"id": self._numbers, **fields}, payload))
            return self._numbers

    def forget(self, number: int) -> None:
        """Stop a request that nobody waits for any more; nothing happens to one that is over."""
        with self._lock:
            if self._receivers.pop(number, None) is not None:
                self._outbox.put(frames.encode({"cancel": number}))

    def end(self, why: BaseException | None = None, *, kill: bool = False) -> None:
        """Have the process end: at once, whatever it is doing."""
        with self._lock:
            self._ended = self._ended or why or APIConnectionError(f"the {self.runtime} worker was closed")
            self._outbox.put(None)
            if kill and self._process is not None:
                self._process.kill()

    def abandon(self) -> None:
        """In a forked child: let go of the parent's worker, which must not wait for us to end."""
        self._ended = APIConnectionError(f"the {self.runtime} worker belongs to the parent process")
        if (process := self._process) is not None:
            for pipe in (process.stdin, process.stdout):
                assert pipe
                pipe.close()
            process.returncode = 0  # not ours to wait for

    def _run(self) -> None:
        try:
            process = self._start()
        except OSError as error:
            self._close(APIConnectionError(f"the {self.runtime} worker did not start: {error}"))
            return
        assert process.stdin and process.stdout
        threading.Thread(target=self._write, args=(process.stdin,), daemon=True).start()
        with process.stdout:
            while (frame := frames.read(process.stdout.fileno())) is not None:
                self.heard_at = time.monotonic()
                self._receive(*frame)
        self._close(APIConnectionError(f"the {self.runtime} worker ended with exit code {process.wait()}"))

    def _start(self) -> subprocess.Popen[bytes]:
        # Not in the middle of a fork: the child could not let go of a pipe it does not know.
        with _starting:
            self._process = subprocess.Popen(
                [sys.executable, str(_WORKER), self.runtime],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env={**os.environ, **_ENVIRONMENT},
            )
            return self._process

    def _write(self, pipe: Any) -> None:
        with pipe, contextlib.suppress(OSError):
            frames.write(pipe.fileno(), frames.encode({"load": self._load}))
            while (data := self._outbox.get()) is not None:
                frames.write(pipe.fileno(), data)

    def _receive(self, fields: dict[str, Any], payload: bytes) -> None:
        if "ready" in fields:
            self.is_ready = True
        elif "failed" in fields:
            self._close(APIError(f"{self.runtime} cannot load its model: {fields['failed']}", retryable=False))
        else:
            is_over = "end" in fields or "error" in fields
            with self._lock:
                take = self._receivers.pop if is_over else self._receivers.get
                receiver = take(fields["id"], None)
            if receiver is not None:
                receiver((fields, payload))

    def _close(self, why: BaseException) -> None:
        """It is over: tell everyone who waits."""
        with self._lock:
            self._ended = self._ended or why
            self._outbox.put(None)
            receivers, self._receivers = list(self._receivers.values()), {}
        for receiver in receivers:
            receiver(self._ended)


_workers: dict[str, Worker] = {}
_lock = threading.RLock()
#: Held while a worker is being started.
_starting = threading.Lock()


def _forget() -> None:
    """After a fork: leave the parent's workers alone, and hold none of their pipes open."""
    global _lock
    _lock = threading.RLock()
    _starting.release()
    for worker in _workers.values():
        worker.abandon()
    _workers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_starting.acquire, after_in_parent=_starting.release, after_in_child=_forget)


def _acquire(user: int, runtime: str, load: dict[str, Any]) -> Worker:
    key = json.dumps([runtime, load], sort_keys=True)
    with _lock:
        worker = _workers.get(key)
        if worker is None or not worker.is_alive:
            worker = _workers[key] = Worker(runtime, load)
        worker.users.add(user)
        return worker


def _release(user: int) -> None:
    with _lock:
        for key, worker in list(_workers.items()):
            worker.users.discard(user)
            if not worker.users:
                worker.end()
                del _workers[key]


class Connection:
    """What an object has of its runtime: the worker is shared, and is another one when it had to be started anew."""

    def __init__(self, runtime: str, load: dict[str, Any], timeout: float) -> None:
        self.runtime = runtime
        self.load = load
        self._timeout = timeout
        self._release = weakref.finalize(self, _release, id(self))

    def start(self) -> None:
        """Have the model loaded ahead of need."""
        self._acquire()

    def _acquire(self) -> Worker:
        return _acquire(id(self), self.runtime, self.load)

    async def request(self, fields: dict[str, Any], payload: bytes = b"") -> AsyncGenerator[frames.Frame, None]:
        """The frames a request brings, the ``begun`` one first. Leaving the iteration stops the work.

        Raises ``APIError`` when the runtime fails at it, ``APIConnectionError`` when the worker died,
        ``APITimeoutError`` when it said nothing to anyone for too long; it is killed then.
        """
        worker = self._acquire()
        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[frames.Frame | BaseException] = asyncio.Queue()

        def receive(frame: frames.Frame | BaseException) -> None:
            # A loop that is closed has nobody waiting.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(inbox.put_nowait, frame)

        def watch() -> None:
            # A big model may load for minutes, and others' requests are a sign of life.
            silent = time.monotonic() - worker.heard_at
            if worker.is_ready and silent >= self._timeout:
                stalled = APITimeoutError(f"the {self.runtime} worker said nothing for {self._timeout:g} s")
                worker.end(stalled, kill=True)
                inbox.put_nowait(stalled)
            else:
                watching[0] = loop.call_later(max(self._timeout - silent, 0.05), watch)

        number = worker.begin(fields, payload, receive)
        watching = [loop.call_later(self._timeout, watch)]
        try:
            while True:
                got = await inbox.get()
                if isinstance(got, BaseException):
                    raise got
                if "error" in got[0]:
                    raise APIError(f"{self.runtime} raised {got[0]['error']}")
                if "end" in got[0]:
                    return
                yield got
        finally:
            watching[0].cancel()
            worker.forget(number)

    async def aclose(self) -> None:
        """End the worker unless others use it. A later request would start it again."""
        _release(id(self))
