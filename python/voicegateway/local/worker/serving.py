"""The worker's loop: a thread listens to the pipe, the main thread computes, one step of each request in turn."""

from __future__ import annotations

import collections
import importlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn, Protocol

from . import frames

#: What a request makes, piece by piece.
Steps = Iterator[frames.Frame]

#: Audited events that would reach out of this machine.
_NETWORK = frozenset({"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"})


class Runtime(Protocol):
    """What a runtime's module makes of its ``load`` function."""

    def facts(self) -> dict[str, Any]:
        """What the agent's process may want to know of the loaded model."""

    def steps(self, request: dict[str, Any], payload: bytes) -> Steps:
        """Serve a request, piece by piece."""

    def allow(self) -> None:
        """A step is about to begin: forget a ``stop`` that was meant for an earlier one."""

    def stop(self) -> None:
        """End the step that is running now as soon as the runtime can. Called from another thread."""


class Worker:
    """One runtime with one model."""

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink
        self._requests: queue.SimpleQueue[frames.Frame] = queue.SimpleQueue()
        self._runtime: Runtime | None = None
        self._lock = threading.Lock()
        self._running: int | None = None
        #: The requests that have not ended, and those of them that nobody waits for any more.
        self._open: set[int] = set()
        self._cancelled: set[int] = set()

    def serve(self, name: str) -> None:
        """Load the model, then serve until the agent's process closes the pipe."""
        first = frames.read(self._source)
        if first is None:
            return
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            module = importlib.import_module(f"{__package__}.{name}")
            runtime: Runtime = module.load(**first[0]["load"])
        except Exception as error:
            self._send({"failed": _described(error)})
            return
        self._runtime = runtime
        self._send({"ready": runtime.facts()})
        under_way: collections.deque[tuple[int, Steps]] = collections.deque()
        while True:
            while not under_way or not self._requests.empty():
                under_way.append(self._begin(runtime, *self._requests.get()))
            number, steps = under_way.popleft()
            if self._step(runtime, number, steps):
                under_way.append((number, steps))

    def _begin(self, runtime: Runtime, request: dict[str, Any], payload: bytes) -> tuple[int, Steps]:
        def steps() -> Steps:
            yield {"begun": True}, b""
            yield from runtime.steps(request, payload)

        return request["id"], steps()

    def _step(self, runtime: Runtime, number: int, steps: Steps) -> bool:
        """Take one step; whether there are more."""
        with self._lock:
            if number in self._cancelled:
                return self._over(number)
            runtime.allow()
            self._running = number
        try:
            fields, payload = next(steps)
        except StopIteration:
            fields, payload = {"end": True}, b""
        except Exception as error:
            fields, payload = {"error": _described(error)}, b""
        with self._lock:
            self._running = None
            is_over = "end" in fields or "error" in fields or number in self._cancelled
            is_wanted = number not in self._cancelled
            if is_over:
                self._over(number)
        if is_wanted:
            self._send({"id": number, **fields}, payload)
        return not is_over

    def _over(self, number: int) -> bool:
        self._open.discard(number)
        self._cancelled.discard(number)
        return False

    def _listen(self) -> NoReturn:
        try:
            while (frame := frames.read(self._source)) is not None:
                if "cancel" in frame[0]:
                    self._cancel(frame[0]["cancel"])
                else:
                    with self._lock:
                        self._open.add(frame[0]["id"])
                    self._requests.put(frame)
        finally:
            # The agent let go of us, or is gone: whatever is being computed, nobody waits for it.
            os._exit(0)

    def _cancel(self, number: int) -> None:
        with self._lock:
            if number in self._open:
                self._cancelled.add(number)
            if self._running == number and self._runtime is not None:
                self._runtime.stop()

    def _send(self, fields: dict[str, Any], payload: bytes = b"") -> None:
        try:
            frames.write(self._sink, frames.encode(fields, payload))
        except OSError:
            os._exit(0)


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _NETWORK:
        raise PermissionError(f"a local runtime opens no connection ({event}): its files must be on this machine")


def serve(name: str) -> None:
    """Serve the runtime ``name`` on standard input and output."""
    # Ctrl+C goes to every process of the terminal; the agent ends us when it no longer needs us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.addaudithook(_refuse_network)
    source, sink = os.dup(0), os.dup(1)
    # What a runtime prints must not end up between the frames.
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    Worker(source, sink).serve(name)
