"""A gateway of its own for every test, and the environment of an agent that uses it."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

import pytest
from serving import FOREIGN, Gateway
from simulator import Simulator


@pytest.fixture
def gateway(real_time: Simulator, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """Before providers in real time: for tests that cut something in the middle."""
    yield from _serve(real_time, tmp_path, monkeypatch)


@pytest.fixture
def swift(hurried: Simulator, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """Before providers that hurry."""
    yield from _serve(hurried, tmp_path, monkeypatch)


def _serve(simulator: Simulator, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    simulator.reset()
    for name in list(os.environ):
        if name.startswith(FOREIGN) and name != "VOICEGW_BINARY":
            monkeypatch.delenv(name)
    gateway = Gateway(simulator, folder)
    try:
        for name, text in gateway.livekit.items():
            monkeypatch.setenv(name, text)
        yield gateway
        # Whatever a test did: every server ends when it is told to, and nothing of it comes after the test's lines.
        gateway.stop()
    finally:
        if gateway.process is not None:
            gateway.kill()
