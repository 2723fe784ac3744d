"""A process that reads ledgers for the tests: a path on each line of its input, the lines as JSON on its output.

The engine brings an SQLite of its own. Two of them must not open one file in the same process: whichever closes it
first drops the other's locks, as POSIX has it. So tests never open a ledger themselves.
"""

from __future__ import annotations

import json
import pathlib
import sqlite3
import sys
from typing import Any


def read(path: pathlib.Path) -> list[dict[str, Any]] | None:
    """Every line, oldest first; ``None`` while there is no ledger yet. Ids are hexadecimal."""
    if not path.exists():
        return None
    database = sqlite3.connect(path, timeout=60)
    database.row_factory = sqlite3.Row
    try:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'ledger'").fetchone():
            return None
        rows = database.execute("SELECT * FROM ledger ORDER BY started_at, attempt_id")
        return [
            {name: row[name].hex() if isinstance(row[name], bytes) else row[name] for name in row.keys()}
            for row in rows
        ]
    finally:
        database.close()


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(read(pathlib.Path(line.rstrip("\n")))), flush=True)
