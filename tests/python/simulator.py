"""The simulated providers, as a process that a test starts, instructs and reads the bill of."""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import urllib.request
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]


def voicegw() -> list[str]:
    """The command line: ``VOICEGW_BINARY``, else the one installed beside this Python, else the build's."""
    beside = pathlib.Path(sys.executable).with_name("voicegw")
    built = ROOT / "target/debug/voicegw"
    found = os.environ.get("VOICEGW_BINARY") or str(beside if beside.exists() else built)
    return [found]


class Simulator:
    """``voicegw sim`` on a free port."""

    def __init__(self, *arguments: str) -> None:
        command = [*voicegw(), "sim", "--port", "0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        for line in self.process.stdout:
            if ready := re.match(r"listening on (http://\S+)", line):
                self.url = ready[1]
                return
        raise RuntimeError(f"the simulator ended with {self.process.wait()}")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0

    def call(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method="POST" if data else "GET")
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def reset(self) -> None:
        self.call("/__reset", {})

    def script(self, *, transcripts: list[str] | None = None, replies: list[Any] | None = None) -> None:
        given = {"transcripts": transcripts, "replies": replies}
        self.call("/__script", {name: value for name, value in given.items() if value is not None})

    def fault(self, provider: str, modality: str, kind: str, **more: int) -> None:
        """Have the next requests of a provider fail; ``after_units`` is tokens, characters, or ms of audio."""
        self.call("/__faults", [{"provider": provider, "modality": modality, "kind": kind, **more}])

    def meter(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.call("/__meter")
        return rows

    def row(self, modality: str) -> dict[str, Any]:
        """The bill's only row of a modality."""
        rows = [row for row in self.meter() if row["modality"] == modality]
        assert len(rows) == 1, rows
        return rows[0]

    def requests(self) -> list[dict[str, Any]]:
        """The requests that have ended, oldest first."""
        ended: list[dict[str, Any]] = self.call("/__requests")
        return ended
