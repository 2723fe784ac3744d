"""Worker processes: one for each model, none left behind, none in anybody else's program."""

from __future__ import annotations

import gc
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
from typing import Any

import pytest
from booked import read_ledger, wait_for
from conversing import heard, run, until
from machine import LocalStage, assert_free, audio, children, is_running, mapped

from voicegateway import inference
from voicegateway.local import PiperTTS, WhisperSTT, _process

HERE = pathlib.Path(__file__).parent
WORKER = pathlib.Path(_process.__file__).with_name("worker")


def agent(how: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(HERE / "speaking.py"), how]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True)


def facts(running: subprocess.Popen[str]) -> dict[str, Any]:
    assert running.stdout
    found: dict[str, Any] = json.loads(running.stdout.readline())
    return found


def test_a_worker_is_a_program_of_its_own_that_ends_with_its_agent(local: LocalStage) -> None:
    """Parts under the GPL run in a program that has nothing of VoiceGateway but the worker's few lines."""
    running = agent("wait")
    said = facts(running)
    worker = said["worker"]
    assert "espeak" in mapped(worker) and "_native" not in mapped(worker)
    assert "espeak" not in mapped(running.pid) and "onnxruntime" not in mapped(running.pid)
    assert "_native" in mapped(running.pid)
    assert children(running.pid) == [worker]
    assert said["runtimes"] == []
    # Ctrl+C reaches every process of a terminal; a worker leaves it to its agent.
    os.kill(worker, signal.SIGINT)
    with pytest.raises(AssertionError, match="in vain"):
        wait_for(lambda: not is_running(worker), 0.3)
    running.kill()
    running.wait(10)
    wait_for(lambda: not is_running(worker))


def test_a_job_that_ends_without_a_word_leaves_no_worker_and_its_line(local: LocalStage) -> None:
    running = agent("forkserver")
    said = facts(running)
    assert running.wait(60) == 0
    wait_for(lambda: not is_running(said["worker"]))
    (line,) = read_ledger(local.database)
    assert (line["status"], line["characters"]) == ("success", 12)
    assert_free(line)


def test_a_forked_child_has_a_worker_of_its_own_and_its_parent_keeps_its(local: LocalStage) -> None:
    running = agent("fork")
    child, parent = facts(running), facts(running)
    assert running.wait(60) == 0
    assert child["worker"] != parent["worker"]
    wait_for(lambda: not is_running(child["worker"]) and not is_running(parent["worker"]))
    assert [line["status"] for line in read_ledger(local.database)] == ["success"] * 3


def test_objects_of_one_model_share_a_worker_which_ends_with_the_last(
    local: LocalStage, tmp_path: pathlib.Path
) -> None:
    own = shutil.copytree(local.toys.piper, tmp_path / "own")

    def others() -> list[_process.Worker]:
        return [worker for key, worker in _process._workers.items() if str(own) in key]

    async def work() -> None:
        names = ("local/piper", "piper/en_US-lessac-medium", "local/piper:slow")
        voices = [inference.TTS(name, extra_kwargs={"model_dir": own}) for name in names]
        for voice in voices:
            voice.prewarm()
        await until(lambda: all(worker.is_ready for worker in others()), 60)
        pids = [worker.pid for worker in others()]
        assert len(pids) == 2
        await voices[0].aclose()
        assert len(others()) == 2
        await voices[1].aclose()
        assert len(others()) == 1
        # One that was forgotten ends when it is collected.
        voices.clear()
        del voice
        gc.collect()
        await until(lambda: not others())
        await until(lambda: not any(is_running(pid) for pid in pids if pid))

    run(work)


def test_a_closed_object_stops_what_its_streams_are_doing(local: LocalStage) -> None:
    async def work() -> int:
        voice = inference.TTS("local/piper:slow")
        stream = voice.stream()
        stream.push_text("A sentence that takes the slow voice some seconds.")
        stream.end_input()
        worker = voice._connection._real._acquire()
        await until(lambda: worker.is_ready, 60)
        await voice.aclose()
        await until(lambda: worker._process and worker._process.returncode is not None)
        assert worker.pid is not None
        return worker.pid

    assert not is_running(run(work))
    assert local.line()["status"] == "cancelled"


def test_the_classes_work_without_the_ledger(local: LocalStage) -> None:
    async def work() -> None:
        voice = PiperTTS(model_dir=local.toys.piper, speed=2.0)
        hearing = WhisperSTT("tiny", model_dir=local.toys.whisper, language="en")
        assert await heard(voice.synthesize("Hello.")) > 0.1
        assert (await hearing.recognize(audio(1.0))).alternatives[0].text
        await voice.aclose()
        await hearing.aclose()

    run(work)
    assert local.lines() == []


def test_a_worker_opens_no_connection() -> None:
    """Were a runtime to ask the network for a missing file, it would be refused."""
    script = (
        "import importlib.util, socket, sys\n"
        f"spec = importlib.util.spec_from_file_location('w', {str(WORKER / '__init__.py')!r},"
        f" submodule_search_locations=[{str(WORKER)!r}])\n"
        "package = importlib.util.module_from_spec(spec); sys.modules['w'] = package\n"
        "spec.loader.exec_module(package)\n"
        "import w.serving\n"
        "sys.addaudithook(w.serving._refuse_network)\n"
        "socket.create_connection(('127.0.0.1', 9))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert "PermissionError: a local runtime opens no connection" in done.stderr
