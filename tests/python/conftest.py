"""Simulated providers and a ledger of its own for every test."""

from __future__ import annotations

import asyncio
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from booked import Stage, missing_runtimes, stop_reading, use
from livekit.plugins import deepgram
from simulator import Simulator

#: The variables of the providers' own plugins.
KEYS = [f"{name.upper()}_API_KEY" for name in (*Stage.providers, "eleven")]


def pytest_report_header() -> str | None:
    missing = missing_runtimes()
    return f"tests/python/local is left to `make test-local`: no {', '.join(missing)} here" if missing else None


@pytest.fixture(scope="session", autouse=True)
def reading() -> Iterator[None]:
    yield
    stop_reading()


@pytest.fixture(scope="session")
def real_time() -> Iterator[Simulator]:
    """Providers that take the time real ones take."""
    simulator = Simulator("--seed", "7")
    yield simulator
    simulator.stop()


@pytest.fixture(scope="session")
def hurried() -> Iterator[Simulator]:
    """The same, twenty times as fast."""
    simulator = Simulator("--seed", "7", "--pace", "0.05")
    yield simulator
    simulator.stop()


@pytest.fixture
def stage(real_time: Simulator, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """For tests that cut something in the middle: providers in real time."""
    yield from _staged(real_time, tmp_path, monkeypatch)


@pytest.fixture
def quick(hurried: Simulator, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """For tests whose providers may hurry."""
    monkeypatch.setattr(deepgram.stt, "asyncio", _Hurried())
    yield from _staged(hurried, tmp_path, monkeypatch)


class _Hurried:
    """``asyncio`` for Deepgram's plugin, which notices the end of a stream only when its keep-alive wakes up."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 50)


def _staged(simulator: Simulator, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    simulator.reset()
    staged = Stage(simulator, folder)
    for name in [*KEYS, "VOICEGW_DB_PATH", "VOICEGW_DB_URL"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VOICEGW_CONFIG", str(staged.config))
    use(None)
    yield staged
    use(None)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table of test_matrix.py: a row for each model, a column for each test."""
    cells: dict[str, dict[str, str]] = {}
    columns: list[str] = []
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if "test_matrix.py::" not in report.nodeid or (outcome == "passed" and report.when != "call"):
                continue
            column, _, row = report.nodeid.rpartition("::test_")[2].rstrip("]").partition("[")
            figures = [str(value) for _, value in report.user_properties] if outcome == "passed" else []
            cells.setdefault(row, {})[column] = " ".join(figures) or {"skipped": "-"}.get(outcome, outcome.upper())
            columns += [column] if column not in columns else []
    if not cells:
        return
    order = [each for each in ("factory", "isinstance", "streamed", "cancelled", "failed") if each in columns]
    table = [["", *order], *([row, *(of_row.get(each, "") for each in order)] for row, of_row in sorted(cells.items()))]
    widths = [max(len(line[n]) for line in table) for n in range(len(table[0]))]
    terminalreporter.section("ledger == bill")
    for line in table:
        terminalreporter.line("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
