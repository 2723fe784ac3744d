"""Where lines go when they do not go to a ledger of this machine."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pathlib
import threading
import time
import urllib.error
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .. import _native

logger = logging.getLogger("voicegateway")

#: A line as ``GET /v1/logs`` shows it.
Row = dict[str, Any]

#: How many lines go in one request, and how long the first of them waits for the others, in seconds.
BATCH = 20
INTERVAL_SECONDS = 2.0

#: How often a feed looks whether a batch is full.
_LOOK_SECONDS = 0.2


class Sink(Protocol):
    """Takes lines. Both methods are called from a thread of their own, never from the event loop."""

    def send(self, rows: Sequence[Row]) -> None:
        """Take some lines, at most twenty. May block; what it raises is logged, and the lines are given up."""

    def flush(self, seconds: float) -> int:
        """Wait, at most that long, until everything taken is safe; returns how many lines are not."""


class Feed:
    """Carries the lines of a collecting engine to a sink, on a thread that never keeps the process alive."""

    def __init__(self, engine: _native.Engine, sink: Sink) -> None:
        self._engine = engine
        self._sink = sink
        self._waiting: list[Row] = []
        self._sending: list[Row] = []
        #: Since when the first of those that wait does so.
        self._since = time.monotonic()
        self._is_hurried = False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="voicegateway-feed", daemon=True).start()

    def flush(self, seconds: float) -> int:
        """Have everything booked so far sent now; returns how many lines are not safe after at most that long."""
        end = time.monotonic() + seconds
        with self._changed:
            self._take()
            self._is_hurried = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting and not self._sending, seconds)
            pending = len(self._waiting) + len(self._sending)
        return pending + self._sink.flush(max(0.0, end - time.monotonic()))

    def close(self, seconds: float) -> None:
        """Flush, and give a collector what is still under way to keep: a line that arrives twice is booked once."""
        if self.flush(seconds) and isinstance(self._sink, Collector):
            with self._changed:
                self._sink.keep([*self._sending, *self._waiting], "the process ends")
                self._sending, self._waiting = [], []

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._is_hurried:
                    self._changed.wait(_LOOK_SECONDS)
                self._take()
                is_due = self._is_hurried or time.monotonic() - self._since >= INTERVAL_SECONDS
                if is_due or len(self._waiting) >= BATCH:
                    self._sending, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                    self._since = time.monotonic()
            if self._sending:
                try:
                    self._sink.send(self._sending)
                except Exception:
                    logger.exception("%d lines were given up: the sink failed", len(self._sending))
            with self._changed:
                self._sending = []
                self._is_hurried = self._is_hurried and bool(self._waiting)
                self._changed.notify_all()

    def _take(self) -> None:
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting += [json.loads(row) for row in self._engine.take_rows()]


class Collector:
    """Posts lines to ``<url>/v1/ingest`` of a VoiceGateway elsewhere.

    A 429 is waited for, up to a minute at a time, and drops nothing. What cannot be delivered otherwise, after a few
    tries, is kept in a file and sent again later, by this process or the next one. Lines have ids of their own, so
    one that arrives twice is booked once.
    """

    #: How long one request may take, in seconds.
    TIMEOUT_SECONDS = 10.0
    #: The waits between the tries of a batch, in seconds.
    RETRIES = (0.5, 1.0, 2.0)
    #: The longest wait that a 429 is granted, in seconds.
    LONGEST_WAIT_SECONDS = 60.0
    #: How long kept lines rest between two tries, in seconds.
    REST_SECONDS = 10.0

    def __init__(self, url: str, virtual_key: str | None = None, *, folder: pathlib.Path | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"a collector's URL begins with http:// or https://, not {url!r}")
        self._url = url.rstrip("/") + "/v1/ingest"
        self._key = virtual_key
        self._folder = folder or pathlib.Path.home() / ".config" / "voicegateway" / "spool"
        name = f"{self._url}\0{virtual_key or ''}".encode()
        #: Files are named after where they go, so that no line reaches another collector; the key is not in them.
        self._destination = hashlib.sha256(name).hexdigest()[:16]
        self._tried_at = 0.0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Collector) and (self._url, self._key) == (other._url, other._key)

    def __hash__(self) -> int:
        return hash((self._url, self._key))

    def send(self, rows: Sequence[Row]) -> None:
        """Post some lines, or keep them."""
        if self._deliver(list(rows)) and time.monotonic() - self._tried_at >= self.REST_SECONDS:
            self._send_kept()

    def flush(self, seconds: float) -> int:
        """Nothing waits here: what was taken has arrived or is kept in a file."""
        del seconds
        return 0

    def _deliver(self, rows: list[Row]) -> bool:
        """Whether the lines arrived; those that did not are kept."""
        waits = list(self.RETRIES)
        while True:
            try:
                answer = self._post(rows)
            except urllib.error.HTTPError as error:
                if error.code == 429:
                    time.sleep(min(_seconds(error.headers.get("Retry-After")), self.LONGEST_WAIT_SECONDS))
                    continue
                if error.code == 413 and len(rows) > 1:
                    half = len(rows) // 2
                    # Both halves are tried, whatever becomes of the first.
                    return all([self._deliver(rows[:half]), self._deliver(rows[half:])])
                problem, is_final = f"it answered {error.code}", error.code < 500
            except (OSError, ValueError) as error:
                problem, is_final = type(error).__name__, False
            else:
                if answer.get("rejected"):
                    logger.error("the collector %s rejected %s of %d lines", self._url, answer["rejected"], len(rows))
                return True
            if is_final or not waits:
                self.keep(rows, problem)
                return False
            time.sleep(waits.pop(0))

    def _post(self, rows: list[Row]) -> Row:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self._url, json.dumps(rows).encode(), headers, method="POST")
        with urllib.request.urlopen(request, timeout=self.TIMEOUT_SECONDS) as response:
            answer: Row = json.load(response)
        return answer

    def keep(self, rows: list[Row], problem: str) -> None:
        """Put lines into a file, to be sent later."""
        file = self._new_file()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            text = "".join(json.dumps(row) + "\n" for row in rows)
            # A name of its own until it is whole: whoever finds it may take it at once.
            unfinished = file.with_suffix(".part")
            with open(unfinished, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
                out.write(text)
            unfinished.rename(file)
        except OSError as error:
            logger.error("%d lines are lost: %s does not take them (%s) and nor does %s", len(rows), self._url,
                         problem, self._folder, exc_info=error)
        else:
            logger.warning("%d lines wait in %s: the collector %s does not take them (%s)", len(rows), self._folder,
                           self._url, problem)

    def _new_file(self) -> pathlib.Path:
        return self._folder / f"{self._destination}-{uuid.uuid4().hex}.jsonl"

    def _send_kept(self) -> None:
        """Send what is kept for this collector, whichever process kept it, until something fails."""
        self._tried_at = time.monotonic()
        for kept in sorted(self._folder.glob(f"{self._destination}-*.jsonl")):
            mine = self._new_file()
            try:
                kept.rename(mine)  # only one process succeeds
                rows = [json.loads(line) for line in mine.read_text().splitlines()]
            except (OSError, ValueError):
                continue
            try:
                self._post(rows)
            except (OSError, ValueError):
                return
            mine.unlink(missing_ok=True)


def _seconds(retry_after: str | None) -> float:
    try:
        return max(0.1, float(retry_after or 1.0))
    except ValueError:
        return 1.0  # a date: the next try will tell
