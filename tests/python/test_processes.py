"""Many processes, one ledger: jobs by any start method, and processes that are killed."""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from booked import Line, Stage, read_ledger, use, wait_for

from voicegateway.inference import _engine

HERE = pathlib.Path(__file__).parent


def run_jobs(stage: Stage, method: str, count: int) -> tuple[list[Line], list[dict[str, str]]]:
    """Run jobs to their end; the ledger, and what each job says it was."""
    folder = stage.folder / "jobs"
    folder.mkdir()
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    variables = {**os.environ, "JOBS_FOLDER": str(folder), "PYTHONPATH": path}
    command = [sys.executable, str(HERE / "jobs.py"), method, str(count)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {0}, done.stderr
    assert "Traceback" not in done.stderr
    # Nothing of this process has the file open: what is there now outlived its writers.
    return read_ledger(stage.database), [json.loads(file.read_text()) for file in folder.iterdir()]


def assert_all_booked_once(stage: Stage, lines: list[Line], jobs: list[dict[str, str]], *, before: int) -> None:
    assert len(lines) == len(jobs) + before
    assert {line["status"] for line in lines} == {"success"}
    for name in ("attempt_id", "request_id"):
        assert max(Counter(line[name] for line in lines).values()) == 1, name
    assert stage.sim.row("llm")["requests"] == len(lines)
    sessions = Counter(line["session_id"] for line in lines)
    assert max(sessions.values()) == 1, "two jobs booked to one conversation"
    assert {job["session"] for job in jobs} <= set(sessions)


def test_fifty_jobs_of_a_forkserver_lose_no_line_and_mint_no_id_twice(quick: Stage) -> None:
    lines, jobs = run_jobs(quick, "forkserver", 50)
    assert len({job["pid"] for job in jobs}) == 50
    assert_all_booked_once(quick, lines, jobs, before=1)


@pytest.mark.parametrize(("method", "count", "before"), [("fork", 8, 1), ("spawn", 1, 0)])
def test_jobs_of_other_start_methods_lose_no_line(quick: Stage, method: str, count: int, before: int) -> None:
    lines, jobs = run_jobs(quick, method, count)
    assert_all_booked_once(quick, lines, jobs, before=before)


def test_jobs_in_threads_import_their_plugin_off_the_main_thread(quick: Stage) -> None:
    lines, jobs = run_jobs(quick, "thread", 4)
    assert_all_booked_once(quick, lines, jobs, before=0)


def test_a_child_of_a_plain_fork_settles_nothing_of_its_parents(quick: Stage) -> None:
    code = """
import os, sys
from voicegateway import _native
from voicegateway.inference import _engine
target = _engine.engine().resolve("tts", "cartesia/sonic-3", project="default")
attempt = target.begin(session_id="vg-parent")
attempt.sent_text(3)
child = os.fork()
if child == 0:
    attempt.settle("error", "internal")
    del attempt
    other = _engine.engine().resolve("tts", "cartesia/sonic-3", project="default").begin(session_id="vg-child")
    other.sent_text(5)
    other.settle("success")
    _engine.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
attempt.settle("success")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = sorted((line["session_id"], line["status"], line["characters"]) for line in read_ledger(quick.database))
    assert found == [("vg-child", "success", 5), ("vg-parent", "success", 3)]


def test_an_object_built_before_a_fork_books_in_the_child_too(quick: Stage) -> None:
    code = """
import os
from conversing import answer, run
from voicegateway import inference
from voicegateway.inference import _engine
model = inference.LLM("openai/gpt-4.1-mini")
def ask():
    async def work():
        await answer(model, "Hi")
    run(work)
child = os.fork()
if child == 0:
    ask()
    _engine.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
ask()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False, cwd=HERE
    )
    assert done.returncode == 0, done.stderr
    lines = read_ledger(quick.database)
    assert [line["status"] for line in lines] == ["success"] * 2
    assert len({line["session_id"] for line in lines}) == 2
    quick.assert_equals_bill()


def test_what_is_still_open_at_exit_is_booked_as_cancelled(quick: Stage) -> None:
    code = """
from voicegateway.inference import _engine
target = _engine.engine().resolve("tts", "cartesia/sonic-3", project="default")
attempt = target.begin(session_id="vg-open")
attempt.sent_text(3)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = read_ledger(quick.database)
    assert (line["status"], line["characters"]) == ("cancelled", 3)


def test_a_kill_loses_nothing_below_the_durable_watermark(quick: Stage) -> None:
    chance = random.Random(7)
    outputs = [quick.folder / f"agent-{number}" for number in range(8)]
    agents = []
    for output in outputs:
        with output.open("wb") as file:
            agents.append(subprocess.Popen([sys.executable, str(HERE / "settling.py"), "500"], stdout=file))

    def said(number: int) -> list[list[str]]:
        return [line.split() for line in outputs[number].read_text().splitlines(keepends=True) if line.endswith("\n")]

    # Each victim dies after another number of requests, wherever the others are then.
    victims = {number: chance.randrange(20, 450) for number in range(0, 8, 2)}
    waiting = dict(victims)
    end = time.monotonic() + 60
    while waiting:
        assert time.monotonic() < end
        for number, point in list(waiting.items()):
            if outputs[number].read_bytes().count(b"\n") >= point:
                agents[number].send_signal(signal.SIGKILL)
                del waiting[number]
        time.sleep(0.001)
    codes = [agent.wait(60) for agent in agents]
    assert [codes[number] for number in victims] == [-signal.SIGKILL] * 4
    assert [code for number, code in enumerate(codes) if number not in victims] == [0] * 4

    promised: set[str] = set()
    for number in range(8):
        lines = said(number)
        if number in victims:
            assert len(lines) < 500
            promised |= {line[0] for line in lines[: int(lines[-1][1])]}
        else:
            assert lines.pop() == ["closed", "500", "0"]
            promised |= {line[0] for line in lines}
    assert len(promised) > 2_000

    def all_there() -> list[Line] | None:
        found = read_ledger(quick.database)
        return found if promised <= {line["attempt_id"] for line in found} else None

    # What a dead process left in a spool, the next one to open the ledger brings in.
    use(quick.config)
    _engine.engine().resolve("tts", "cartesia/sonic-3", project="default").begin().settle("success")
    lines = wait_for(all_there)
    assert max(Counter(line["attempt_id"] for line in lines).values()) == 1
    assert wait_for(lambda: not list(quick.folder.glob("*.spool-*")))
