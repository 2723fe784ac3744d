"""Time and memory of ``voicegw reconcile`` over a month of many lines: ``reconcile.py VOICEGW LEDGER``.

The bill is the ledger's own sums, so that the two sides agree; the ledger is one of ``export_bench make``.
"""

from __future__ import annotations

import json
import os
import pathlib
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

#: How often each command runs; the median is shown.
ROUNDS = int(os.environ.get("ROUNDS", "5"))
#: What the canonical columns of a provider are, as SQL over the ledger.
COLUMNS = {
    "openai": {"input_tokens": "sum(input_tokens)", "output_tokens": "sum(output_tokens)"},
    "deepgram": {"audio_seconds": "sum(audio_nanos) / 1e9"},
    "cartesia": {"characters": "sum(characters)"},
}


def bill(ledger: pathlib.Path, provider: str) -> list[dict[str, object]]:
    """The provider's sums as the ledger has them."""
    columns = {**COLUMNS[provider], "n_requests": "count(*)", "cost_usd": "sum(cost_picos) / 1e12"}
    query = f"SELECT model_id, {', '.join(columns.values())} FROM ledger WHERE provider = ? GROUP BY model_id"
    with sqlite3.connect(ledger) as database:
        rows = database.execute(query, (provider,)).fetchall()
    return [{"model": row[0].partition("/")[2], **dict(zip(columns, row[1:], strict=True))} for row in rows]


def measured(command: list[str]) -> tuple[float, float]:
    """The seconds that a command takes and the most memory it holds, in MiB."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main(voicegw: str, ledger: pathlib.Path) -> None:
    os.environ["VOICEGW_DB_PATH"] = str(ledger)
    with tempfile.TemporaryDirectory() as folder:
        for provider in COLUMNS:
            path = pathlib.Path(folder) / f"{provider}.json"
            path.write_text(json.dumps(bill(ledger, provider)))
            days = ["--start", "2026-01-01", "--end", "2026-01-31", "--no-keep", "--check"]
            command = [voicegw, "reconcile", "--provider", provider, *days, "--provider-usage-file", str(path)]
            rounds = [measured(command) for _ in range(ROUNDS)]
            seconds, memory = statistics.median(seconds for seconds, _ in rounds), max(memory for _, memory in rounds)
            print(f"{provider} {seconds:.3f} s {memory:.0f} MiB")


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
