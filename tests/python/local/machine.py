"""The machine a local agent runs on: folders of models, a configuration that leads to them, a ledger."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from typing import Any

from booked import Stage
from conversing import tone
from livekit import rtc


@dataclasses.dataclass(frozen=True)
class Toys:
    """Folders of models, as ``model_dir`` names them."""

    whisper: pathlib.Path
    kokoro: pathlib.Path
    piper: pathlib.Path


class LocalStage(Stage):
    """A ledger, and the runtimes of this machine instead of simulated providers."""

    def __init__(self, toys: Toys, folder: pathlib.Path) -> None:
        self.toys = toys
        self.folder = folder
        self.config = folder / "voicegw.yaml"
        self.database = folder / "ledger.db"
        self.write_config()

    def write_config(self, more: str = "", *, database: str | pathlib.Path | None = None) -> None:
        accounts = "".join(
            f"  {name}: {{model_dir: '{folder}', timeout: 30}}\n" for name, folder in vars(self.toys).items()
        )
        place = f"cost_tracking:\n  db_path: '{database or self.database}'\n"
        self.config.write_text(f"providers:\n{accounts}{place}{more}")


def audio(seconds: float) -> rtc.AudioFrame:
    """Something to recognise."""
    pcm = tone(seconds)
    return rtc.AudioFrame(pcm, 16_000, 1, len(pcm) // 2)


def assert_free(line: dict[str, Any]) -> None:
    """It cost exactly nothing, and the ledger says why."""
    assert (line["cost_picos"], line["pricing_source"]) == (0, "voicegateway-local")


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def mapped(pid: int) -> str:
    """The files a process has in its memory: libraries too."""
    with open(f"/proc/{pid}/maps") as file:
        return file.read()


def children(pid: int) -> list[int]:
    """The processes a process started."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found.append(int(entry))
    return found
