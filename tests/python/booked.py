"""What a test sees of our side: the configuration it runs with, the ledger it fills, and the bill beside it."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from simulator import Simulator

#: The ledger's quantities in the order of their packed sources.
QUANTITIES = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "input_audio_tokens",
    "cached_audio_tokens",
    "output_tokens",
    "reasoning_tokens",
    "output_audio_tokens",
    "characters",
    "audio_nanos",
    "output_audio_nanos",
    "sent_characters",
    "sent_audio_nanos",
    "session_nanos",
)
SOURCES = (None, "provider_reported", "wire_measured", "framework_reported", "estimated")

#: What the bill and the ledger both count, by the bill's name.
BILLED = {
    "input_tokens": "input_tokens",
    "cached_input_tokens": "cached_input_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "output_tokens": "output_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "characters": "characters",
    "sent_characters": "sent_characters",
    "audio_seconds": "audio_nanos",
}

#: Who bills sessions by their length, and how much two clocks may differ for one: its way there and back.
CLOCKS_NANOS = {"assemblyai": 150_000_000}

Line = dict[str, Any]


@functools.cache
def _reader() -> subprocess.Popen[str]:
    """The process that opens ledgers for us: see its own words for why."""
    command = [sys.executable, str(pathlib.Path(__file__).with_name("reading.py"))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _read(path: pathlib.Path) -> list[Line] | None:
    reader = _reader()
    assert reader.stdin and reader.stdout
    print(path, file=reader.stdin, flush=True)
    lines: list[Line] | None = json.loads(reader.stdout.readline())
    return lines


def stop_reading() -> None:
    """End the reader."""
    if _reader.cache_info().currsize:
        reader = _reader()
        assert reader.stdin
        reader.stdin.close()
        reader.wait(10)


def read_ledger(path: pathlib.Path) -> list[Line]:
    """Every line, oldest first. ``sources`` says where each quantity comes from, ``metadata`` is decoded."""
    # The engine makes the file in the background.
    lines: list[Line] = wait_for(lambda: (found := _read(path)) is not None and (found,))[0]
    for line in lines:
        packed = line.pop("usage_sources")
        line["sources"] = {name: SOURCES[packed >> 4 * n & 15] for n, name in enumerate(QUANTITIES)}
        line["metadata"] = json.loads(line["metadata"] or "{}")
    return lines


def wait_for(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true value of ``what``; fails the test when there is none in time."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return found


class Stage:
    """Simulated providers, a configuration that leads to them, and an empty ledger."""

    #: The providers that are configured.
    providers: tuple[str, ...] = ("deepgram", "openai", "anthropic", "groq", "cartesia", "elevenlabs", "assemblyai")

    def __init__(self, simulator: Simulator, folder: pathlib.Path) -> None:
        self.sim = simulator
        self.folder = folder
        self.config = folder / "voicegw.yaml"
        self.database = folder / "ledger.db"
        self.write_config()

    def write_config(self, more: str = "", *, database: str | pathlib.Path | None = None) -> None:
        """Write voicegw.yaml anew; ``more`` is further YAML of its top level."""
        accounts = "".join(
            f"  {name}: {{api_key: key-of-{name}, base_url: '{self.sim.url}/{name}'}}\n"
            for name in self.providers
        )
        place = f"cost_tracking:\n  db_path: '{database or self.database}'\n"
        self.config.write_text(f"providers:\n{accounts}{place}{more}")

    def lines(self) -> list[Line]:
        """The ledger, once everything booked so far is durable."""
        from voicegateway.inference import _engine

        assert _engine.engine().flush(60.0) == 0
        # The first line makes the file.
        return read_ledger(self.database) if self.database.exists() else []

    def line(self) -> Line:
        """The ledger's only line."""
        lines = self.lines()
        assert len(lines) == 1, [(line["model_id"], line["status"]) for line in lines]
        return lines[0]

    def billed_model(self, line: Line) -> str:
        """The model of a line as the bill names it."""
        return str(line["metadata"].get("billed_model") or line["model_id"].partition("/")[2])

    def differences(self) -> dict[tuple[str, str, str], dict[str, int]]:
        """Ledger minus bill, by provider, model and modality, where they are not equal."""
        difference: dict[tuple[str, str, str], Counter[str]] = {}
        for row in self.sim.meter():
            of_model = difference.setdefault((row["provider"], row["model"], row["modality"]), Counter())
            for name, column in BILLED.items():
                of_model[column] -= round(row[name] * (1e9 if name == "audio_seconds" else 1))
        for line in self.lines():
            of_model = difference.setdefault((line["provider"], self.billed_model(line), line["modality"]), Counter())
            for column in BILLED.values():
                of_model[column] += line[column] or 0
        unequal = {
            key: {column: value for column, value in counts.items() if value}
            for key, counts in difference.items()
        }
        return {key: counts for key, counts in unequal.items() if counts}

    def assert_equals_bill(self) -> None:
        """Every quantity the providers bill is in the ledger, to the unit; no status of ours is missing."""
        differences = self.differences()
        assert not differences, differences

    def assert_equals_bill_but_for_cut_answers(self) -> None:
        """The same, except for what was cut off. The tokens of a chat are estimated, within 5 % or 3 tokens each, and
        marked; those of speech, and of a chat cut before anything came, are unknown. A session that is billed by its
        length and that nobody ended is measured by two clocks."""
        differences = self.differences()
        cut = [line for line in self.lines() if line["status"] != "success"]
        for (provider, model, modality), of_model in list(differences.items()):
            key = (provider, model, modality)
            own = [line for line in cut if (line["provider"], self.billed_model(line), line["modality"]) == key]
            for name, difference in list(of_model.items()):
                if not name.endswith("tokens"):
                    if name == "audio_nanos" and abs(difference) <= CLOCKS_NANOS.get(provider, 0) * len(own):
                        del of_model[name]
                    continue
                estimated = [line for line in own if line["sources"][name] == "estimated"]
                allowed = sum(max(3.0, 0.05 * line[name]) for line in estimated)
                if abs(difference) <= allowed or any(line[name] is None for line in own):
                    del of_model[name]
            if not of_model:
                del differences[provider, model, modality]
        assert not differences, differences


def assert_close_estimate(line: Line, billed: dict[str, Any]) -> None:
    """A cut answer is counted with our tokenizer: marked, and within five percent or three tokens of the bill."""
    for name in ("input_tokens", "output_tokens"):
        assert line["sources"][name] == "estimated"
        assert abs(line[name] - billed[name]) <= max(3, 0.05 * billed[name]), (name, line[name], billed[name])


def missing_runtimes() -> list[str]:
    """The runtimes of local speech that this Python lacks: their tests have one of their own."""
    return [name for name in ("faster_whisper", "kokoro_onnx", "piper") if importlib.util.find_spec(name) is None]


def use(config: pathlib.Path | None, variables: dict[str, str] | None = None) -> None:
    """Settle what the engine has and open another one on next use, as a new process would."""
    from voicegateway.inference import _engine

    _engine.close()
    _engine._engine = None
    if config is not None:
        os.environ["VOICEGW_CONFIG"] = str(config)
    os.environ.update(variables or {})
