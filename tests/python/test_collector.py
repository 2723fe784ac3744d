"""Lines that go to a collector: all of them, each once, through refusals, restarts and outages."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from booked import Stage, wait_for
from conversing import answer, run
from test_attach import Plain, session_of

from voicegateway import attach, inference
from voicegateway.inference._sinks import BATCH, Collector


class Ingest:
    """A small collector: takes lines, or answers as it is told."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.batches: list[int] = []
        self.keys: set[str | None] = set()
        #: Statuses of the next answers, with ``Retry-After``.
        self.refusals: list[tuple[int, str | None]] = []
        self.largest = 1000
        ingest = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, after = 200, None
                if self.path != "/v1/ingest":
                    status = 404
                elif ingest.refusals:
                    status, after = ingest.refusals.pop(0)
                elif len(rows) > ingest.largest:
                    status = 413
                else:
                    known = {row["id"] for row in ingest.rows}
                    ingest.rows += [row for row in rows if row["id"] not in known]
                    ingest.batches.append(len(rows))
                    ingest.keys.add(self.headers.get("Authorization"))
                body = json.dumps({"accepted": len(rows), "duplicates": 0}).encode()
                self.send_response(status)
                if after is not None:
                    self.send_header("Retry-After", after)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def ingest() -> Iterator[Ingest]:
    served = Ingest()
    yield served
    served.stop()


def collector(ingest: Ingest, folder: pathlib.Path) -> Collector:
    made = Collector(ingest.url, "vk_test", folder=folder)
    made.RETRIES, made.REST_SECONDS = (0.01, 0.01), 0.0  # type: ignore[misc]
    return made


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": f"line-{n}", "cost_usd": 0.1} for n in range(count)]


def test_an_attached_session_sends_every_line_to_its_collector_and_none_to_the_ledger(
    quick: Stage, ingest: Ingest
) -> None:
    async def work() -> None:
        model, factory = Plain(quick).openai_llm(), inference.LLM("openai/gpt-4.1")
        for part in (model, factory):
            attach(session_of(llm=part), agent_id="a", tenant_id="t", collector_url=ingest.url, virtual_key="vk_x")
        for _ in range(BATCH + 5):
            await answer(model, "Hi")
        await answer(factory, "Hi")
        assert await inference.flush() == 0

    run(work)
    assert len(ingest.rows) == BATCH + 6
    assert max(ingest.batches) <= BATCH and ingest.keys == {"Bearer vk_x"}
    assert not quick.database.exists()
    billed = {row["model"]: row for row in quick.sim.meter()}
    for name in ("gpt-4.1-mini", "gpt-4.1"):
        own = [row for row in ingest.rows if row["model_id"] == f"openai/{name}"]
        assert sum(row["usage"]["output_tokens"] for row in own) == billed[name]["output_tokens"]
    assert all(row["cost_usd"] > 0 and row["id"] and row["timestamp"] for row in ingest.rows)


def test_lines_leave_within_seconds_without_a_flush(quick: Stage, ingest: Ingest) -> None:
    async def work() -> None:
        model = Plain(quick).openai_llm()
        attach(session_of(llm=model), collector_url=ingest.url)
        await answer(model, "Hi")

    run(work)
    wait_for(lambda: len(ingest.rows) == 1)


def test_a_429_is_waited_for_and_drops_nothing(ingest: Ingest, tmp_path: pathlib.Path) -> None:
    ingest.refusals = [(429, "0.2")] * 6
    began = time.monotonic()
    collector(ingest, tmp_path).send(rows(3))
    assert time.monotonic() - began >= 1.2
    assert len(ingest.rows) == 3 and not list(tmp_path.iterdir())


def test_a_passing_failure_is_tried_again(ingest: Ingest, tmp_path: pathlib.Path) -> None:
    ingest.refusals = [(503, None), (500, None)]
    collector(ingest, tmp_path).send(rows(3))
    assert len(ingest.rows) == 3 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("status", [401, 503])
def test_what_cannot_be_delivered_is_kept_and_sent_by_the_next_process(
    ingest: Ingest, tmp_path: pathlib.Path, status: int
) -> None:
    ingest.refusals = [(status, None)] * 3
    first = collector(ingest, tmp_path)
    first.send(rows(3))
    ingest.refusals.clear()
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "vk_test" not in kept.read_text() + kept.name
    # Another collector's lines are nobody else's.
    Collector("http://127.0.0.1:9", folder=tmp_path)._send_kept()
    second = collector(ingest, tmp_path)
    second.send([{"id": "new"}])
    assert [row["id"] for row in ingest.rows] == ["new", "line-0", "line-1", "line-2"]
    assert not list(tmp_path.iterdir())


def test_an_absent_collector_loses_no_line(tmp_path: pathlib.Path) -> None:
    absent = Ingest()
    absent.stop()
    sender = collector(absent, tmp_path)
    sender.send(rows(3))
    (kept,) = tmp_path.iterdir()
    assert [json.loads(line)["id"] for line in kept.read_text().splitlines()] == ["line-0", "line-1", "line-2"]


def test_a_batch_that_is_too_large_is_halved(ingest: Ingest, tmp_path: pathlib.Path) -> None:
    ingest.largest = 3
    collector(ingest, tmp_path).send(rows(10))
    assert [row["id"] for row in ingest.rows] == [row["id"] for row in rows(10)]


def test_a_sink_of_ones_own_takes_the_lines(quick: Stage) -> None:
    class Kept:
        def __init__(self) -> None:
            self.rows: list[Any] = []

        def send(self, rows: Any) -> None:
            self.rows += rows

        def flush(self, seconds: float) -> int:
            return 0

    sink = Kept()

    async def work() -> None:
        model = Plain(quick).openai_llm()
        attach(session_of(llm=model), sink=sink, project="shop")
        await answer(model, "Hi")
        assert await inference.flush() == 0

    run(work)
    assert [(row["project"], row["status"]) for row in sink.rows] == [("shop", "success")]
    assert not quick.database.exists()


def test_a_collector_is_an_http_address() -> None:
    with pytest.raises(ValueError, match="begins with http"):
        Collector("collector:8080")


def test_a_process_that_ends_while_the_collector_refuses_keeps_its_lines(
    quick: Stage, ingest: Ingest, tmp_path: pathlib.Path
) -> None:
    ingest.refusals = [(429, "60")] * 3
    script = (
        "import asyncio\n"
        "from test_attach import Plain, session_of\n"
        "from conversing import answer, run\n"
        "from types import SimpleNamespace\n"
        "from voicegateway import attach\n"
        "from voicegateway.inference import _engine\n"
        "_engine._EXIT_SECONDS = 1.0\n"
        f"stage = SimpleNamespace(sim=SimpleNamespace(url={quick.sim.url!r}))\n"
        "async def work():\n"
        "    model = Plain(stage).openai_llm()\n"
        f"    attach(session_of(llm=model), collector_url={ingest.url!r})\n"
        "    await answer(model, 'Hi')\n"
        "run(work)\n"
    )
    here = str(pathlib.Path(__file__).parent)
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": here}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (kept,) = (tmp_path / ".config/voicegateway/spool").iterdir()
    assert json.loads(kept.read_text())["status"] == "success"
