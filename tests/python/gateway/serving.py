"""The gateway, as a process of its own between somebody else's clients and the simulated providers."""

from __future__ import annotations

import base64
import functools
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from typing import Any

from booked import Line, Stage, read_ledger, wait_for
from simulator import Simulator, voicegw

#: What clients read, and what would lead them or the server elsewhere.
FOREIGN = (
    "LIVEKIT_",
    "VOICEGW_",
    "OPENAI_",
    "DEEPGRAM_",
    "CARTESIA_",
    "ANTHROPIC_",
    "ELEVEN",
    "GROQ_",
    "ASSEMBLYAI_",
)

#: A project, an alias, and what is meant when a client names no model.
HOUSE = """
projects:
  shop: {name: Shop, default_stack: front}
models:
  llm:
    fast: {provider: openai, model: gpt-4.1-mini}
stacks:
  front: {stt: deepgram/nova-3, llm: fast, tts: 'cartesia/sonic-3:a-voice'}
"""


def environment(config: pathlib.Path) -> dict[str, str]:
    """What the server and the commands beside it are started with."""
    own = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)}
    secret = base64.urlsafe_b64encode(bytes(range(32))).decode()
    return {**own, "VOICEGW_CONFIG": str(config), "VOICEGW_SECRET": secret}


@functools.cache
def minted() -> tuple[bytes, dict[str, str], str]:
    """A ledger that every gateway begins with a copy of, and its keys of project ``shop``: a pair for LiveKit's
    clients, one for OpenAI's. They are made once, since each costs a process."""
    with tempfile.TemporaryDirectory() as name:
        config, database = pathlib.Path(name, "voicegw.yaml"), pathlib.Path(name, "ledger.db")
        config.write_text(f"projects:\n  shop: {{name: Shop}}\ncost_tracking:\n  db_path: '{database}'\n")

        def create(*arguments: str) -> Any:
            command = [*voicegw(), "keys", "create", "--project", "shop", "--json", *arguments]
            done = subprocess.run(command, env=environment(config), capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        pair, key = create("--livekit"), create()["plaintext"]
        assert not list(database.parent.glob("ledger.db-*"))
        return database.read_bytes(), pair, key


class Gateway(Stage):
    """``voicegw serve``, with a configuration that leads to simulated providers and an empty ledger."""

    providers = (
        "anthropic",
        "assemblyai",
        "cartesia",
        "deepgram",
        "elevenlabs",
        "groq",
        "kokoro",
        "ollama",
        "openai",
        "piper",
        "whisper",
    )

    def __init__(self, simulator: Simulator, folder: pathlib.Path, more: str = "") -> None:
        super().__init__(simulator, folder)
        self.write_config(HOUSE + more)
        self.environment = environment(self.config)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "serve.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        database, pair, self._key = minted()
        self.database.write_bytes(database)
        # What an agent's environment holds to use this gateway in place of LiveKit's.
        self.livekit = {
            "LIVEKIT_INFERENCE_URL": f"{self.url}/v1",
            "LIVEKIT_INFERENCE_API_KEY": pair["api_key"],
            "LIVEKIT_INFERENCE_API_SECRET": pair["api_secret"],
        }
        self.start()

    def start(self) -> None:
        """Start the server; returns once it answers."""
        with self.log.open("ab") as log:
            command = [*voicegw(), "serve", "--port", str(self.port)]
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        wait_for(self._is_healthy)

    def _is_healthy(self) -> bool:
        assert self.process
        assert self.process.poll() is None, self.log.read_text()
        try:
            return bool(self.get("/health")["status"] == "ok")
        except (urllib.error.URLError, ConnectionError):
            return False

    def stop(self, seconds: float = 15.0) -> None:
        """End the server as an operator does, and hold it to a clean end. A server that has ended may be stopped."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(seconds) == 0, self.log.read_text()
        finally:
            process.kill()

    def kill(self) -> None:
        """End the server as a crash does."""
        assert self.process
        self.process.kill()
        self.process.wait(10)
        self.process = None

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=60) as response:
            return json.load(response)

    @property
    def openai(self) -> dict[str, Any]:
        """What an OpenAI client is built with to use this gateway."""
        return {"base_url": f"{self.url}/v1", "api_key": self._key}

    def lines(self) -> list[Line]:
        """The whole ledger: ends the server, so that nothing is still on its way."""
        self.stop()
        return self.lines_so_far()

    def lines_so_far(self) -> list[Line]:
        """What is durable by now."""
        return read_ledger(self.database) if self.database.exists() else []
