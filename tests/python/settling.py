"""An agent that books without end, to be killed: ``python settling.py COUNT``.

After each request it prints the attempt's id and how many of its lines are durable by then.
"""

from __future__ import annotations

import os
import sys
import time

from voicegateway import _native


def main(count: int) -> None:
    engine = _native.Engine.open(dict(os.environ))
    target = engine.resolve("tts", "cartesia/sonic-3", project="default")
    session = engine.mint_session_id()
    for _ in range(count):
        attempt = target.begin(session_id=session)
        attempt.sent_text(10)
        attempt.output()
        attempt.settle("success")
        os.write(1, f"{attempt.id.hex()} {engine.durable_lines}\n".encode())
        time.sleep(0.002)
    pending = engine.close(20.0)
    os.write(1, f"closed {engine.durable_lines} {pending}\n".encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
