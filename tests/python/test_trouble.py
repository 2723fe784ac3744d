"""A store in trouble: the call goes on, one line of the log says what is wrong, and no line is lost."""

from __future__ import annotations

import logging
import os
import pathlib
import re
import subprocess
import sys
from typing import Any

import pytest
from booked import Line, Stage, read_ledger, use, wait_for
from conversing import answer, run

from voicegateway import inference

#: What the log says, once a minute, while lines do not reach the database.
COMPLAINT = "the ledger cannot be written: lines wait in a spool and are brought in later"


def chat(times: int = 1) -> None:
    """Chats that must go well, whatever becomes of the ledger."""

    async def work() -> None:
        for _ in range(times):
            assert await answer(inference.LLM("openai/gpt-4.1-mini"), "Hi")

    run(work)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    from voicegateway.inference import _engine

    _engine.report(_engine.engine())
    return [record.getMessage() for record in caplog.records if COMPLAINT in record.getMessage()]


def flush() -> int:
    from voicegateway.inference import _engine

    return _engine.engine().flush(10.0)


def all_lines(path: pathlib.Path, count: int) -> list[Line]:
    """The ledger, once that many lines have come out of the spool."""
    return wait_for(lambda: len(lines := read_ledger(path)) == count and lines)  # type: ignore[no-any-return]


def test_an_unwritable_database_is_spooled_and_brought_in_later(
    quick: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = quick.folder / "blocked"
    blocked.write_text("a file where the folder should be")
    database = blocked / "ledger.db"
    quick.write_config(database=database)
    use(quick.config)
    chat(3)
    assert flush() == 0
    (said,) = wait_for(lambda: complaints(caplog))
    assert re.fullmatch(
        rf"{COMPLAINT} path={re.escape(str(database))}( spool=\S+)? spooled=\d+ dropped=0 in_memory=\d+ "
        rf'error="could not make the folder `{re.escape(str(blocked))}`: .+"',
        said,
    ), said
    blocked.unlink()
    assert len(all_lines(database, 3)) == 3
    assert len(complaints(caplog)) == 1


def test_a_spool_of_a_dead_process_is_taken_over_by_the_next(quick: Stage) -> None:
    blocked = quick.folder / "blocked"
    blocked.write_text("a file where the folder should be")
    quick.write_config(database=blocked / "ledger.db")
    here = pathlib.Path(__file__).parent
    command = [sys.executable, str(here / "settling.py"), "20"]
    assert subprocess.run(command, stdout=subprocess.DEVNULL, timeout=3000, check=False).returncode == 0
    blocked.unlink()
    use(quick.config)
    chat()
    assert len(all_lines(blocked / "ledger.db", 21)) == 21


def test_a_locked_database_is_spooled_and_brought_in_when_it_is_free(
    quick: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    chat()
    assert len(quick.lines()) == 1
    code = (
        "import sqlite3, sys; database = sqlite3.connect(sys.argv[1]); database.execute('BEGIN IMMEDIATE');"
        "print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(quick.database)]
    locker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert locker.stdin and locker.stdout
    assert locker.stdout.readline() == "locked\n"
    chat(2)
    # Durable all the same: in the spool.
    assert flush() == 0
    (said,) = wait_for(lambda: complaints(caplog))
    assert f'error="`{quick.database}` is locked by another process"' in said
    assert len(read_ledger(quick.database)) == 1
    locker.stdin.close()
    assert locker.wait(10) == 0
    assert len(all_lines(quick.database, 3)) == 3
    quick.assert_equals_bill()


def test_a_database_of_another_program_is_never_written(quick: Stage, caplog: pytest.LogCaptureFixture) -> None:
    theirs = quick.folder / "theirs.db"
    code = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute('CREATE TABLE mine (a)'); d.commit()"
    subprocess.run([sys.executable, "-c", code, str(theirs)], check=True, timeout=300)
    before = theirs.read_bytes()
    quick.write_config(database=theirs)
    use(quick.config)
    chat()
    assert flush() == 0
    (said,) = wait_for(lambda: complaints(caplog))
    assert f"`{theirs}` is a database of another program and is not touched: choose another path" in said
    use(None)
    assert theirs.read_bytes() == before
    assert {file.name for file in quick.folder.glob("theirs.db*") if "spool" not in file.name} == {"theirs.db"}


@pytest.fixture
def small_disk(tmp_path: pathlib.Path) -> Any:
    """A disk of 256 KiB, filled by the test."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk to fill: {mounted.stderr.strip()}")
    yield folder
    use(None)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_spooled_elsewhere_and_brought_in_when_there_is_room(
    quick: Stage, small_disk: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = small_disk / "ledger.db"
    quick.write_config(database=database)
    use(quick.config)
    chat()
    assert flush() == 0
    ballast = small_disk / "ballast"
    with ballast.open("wb") as file:
        try:
            while True:
                os.write(file.fileno(), bytes(4096))
        except OSError:
            pass
    chat(3)
    assert flush() == 0
    (said,) = wait_for(lambda: complaints(caplog))
    assert "full" in said.partition(" error=")[2].lower() or "No space left" in said, said
    ballast.unlink()
    assert len(all_lines(database, 4)) == 4


def test_a_ledger_address_that_is_none_is_a_config_error(quick: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEGW_DB_URL", "mysql://somewhere/ledger")
    use(None)
    with pytest.raises(inference.ConfigError, match="mysql"):
        inference.LLM("openai/gpt-4.1-mini")
    monkeypatch.delenv("VOICEGW_DB_URL")
    logging.getLogger("voicegateway").debug("the engine opens again once the address is right")
    assert inference.LLM("openai/gpt-4.1-mini")
