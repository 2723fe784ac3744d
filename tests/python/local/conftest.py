"""Tiny models on disk, and a configuration that leads to them. Needs the runtimes: ``make test-local``."""

from __future__ import annotations

import asyncio
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from booked import missing_runtimes, use

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from machine import LocalStage, Toys  # noqa: E402

# Without the runtimes there is nothing to collect here; the report's header says so.
collect_ignore_glob = ["*.py"] if missing_runtimes() else []


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Toys:
    """Of each runtime a quick model, and one that takes seconds."""
    import toys as make

    root = tmp_path_factory.mktemp("models")
    made = Toys(root / "whisper", root / "kokoro", root / "piper")
    make.whisper(made.whisper / "tiny")
    make.whisper(made.whisper / "slow", encoder_layers=30)
    make.kokoro(made.kokoro)
    make.kokoro(made.kokoro, "kokoro-v1.0.slow", work=30)
    make.piper(made.piper)
    make.piper(made.piper, "slow", work=30)
    return made


@pytest.fixture(scope="session")
def warm(toys: Toys) -> Iterator[None]:
    """Workers of the quick models that outlive each test: loading the libraries is most of a test's time."""
    from voicegateway.local import KokoroTTS, PiperTTS, WhisperSTT

    kept: list[Any] = [
        WhisperSTT("tiny", model_dir=toys.whisper),
        KokoroTTS(model_dir=toys.kokoro),
        PiperTTS(model_dir=toys.piper),
    ]
    for made in kept:
        made.prewarm()
    yield
    for made in kept:
        asyncio.run(made.aclose())


@pytest.fixture
def local(toys: Toys, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalStage]:
    staged = LocalStage(toys, tmp_path)
    for name in ("VOICEGW_DB_PATH", "VOICEGW_DB_URL"):
        monkeypatch.delenv(name, raising=False)
    # Two cores are shared by several tests at a time.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("VOICEGW_CONFIG", str(staged.config))
    use(None)
    yield staged
    use(None)
