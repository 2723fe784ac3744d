"""An agent that speaks with a local voice, to be killed or to end as jobs do: ``python speaking.py HOW``.

``wait`` speaks, prints the worker's process id, and waits to be killed. ``forkserver`` runs such an agent as LiveKit
runs a job: it ends without a word. ``fork`` has a child of this process speak too.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import time
from typing import Any

from voicegateway import inference
from voicegateway.local import PiperTTS, _process


def speak(voice: Any) -> int:
    """Say something; returns the worker's process id."""

    async def work() -> None:
        async for _ in voice.synthesize("Hello there."):
            pass

    asyncio.run(work())
    (worker,) = _process._workers.values()
    assert worker.pid is not None
    return worker.pid


def runtimes() -> list[str]:
    """The runtimes this process has loaded: never any."""
    return [name for name in ("piper", "onnxruntime", "kokoro_onnx", "faster_whisper") if name in sys.modules]


def say(facts: dict[str, Any]) -> None:
    os.write(1, json.dumps(facts).encode() + b"\n")


def job() -> None:
    """The body of a job's process."""
    voice = inference.TTS("local/piper")
    say({"worker": speak(voice), "runtimes": runtimes()})


def forked() -> None:
    voice = inference.TTS("local/piper")
    plain = PiperTTS(voice._connection.load["model"])
    own = speak(voice)
    child = os.fork()
    if child == 0:
        # What was built before the fork and what is built after it share the child's worker.
        assert speak(plain) == speak(inference.TTS("local/piper")) != own
        say({"worker": speak(plain), "runtimes": runtimes()})
        inference._engine.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert speak(voice) == own
    say({"worker": own, "runtimes": runtimes()})


def main(how: str) -> None:
    if how == "wait":
        job()
        time.sleep(60)
    elif how == "fork":
        forked()
    else:
        context: Any = multiprocessing.get_context(how)
        context.set_forkserver_preload(["speaking"])
        process = context.Process(target=job)
        process.start()
        process.join(60)
        assert process.exitcode == 0


if __name__ == "__main__":
    main(sys.argv[1])
