"""CPU time of one LLM request of 64 chunks in the agent's process: one variant, one round, printed as JSON.

Usage: llm.py VARIANT SIMULATOR_ORIGIN [CONCURRENCY]

``plugin`` is LiveKit's OpenAI plugin as it is, ``voicegateway`` the same through ``voicegateway.inference`` with the
ledger on, ``old`` the Python product 0.9.2 with its write path forced for every request: left alone, it writes one row
for each plugin object.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from typing import Any

from livekit.agents import llm

CHUNKS = 64
WARM_UP = 30
REQUESTS = 300


def make(variant: str, origin: str, folder: str) -> Any:
    """The LLM object of a variant."""
    base_url = f"{origin}/openai/v1"
    if variant == "plugin":
        from livekit.plugins import openai

        return openai.LLM(model="gpt-4.1-mini", api_key="k", base_url=base_url)
    config = os.path.join(folder, "voicegw.yaml")
    with open(config, "w") as file:
        file.write(
            f"providers: {{openai: {{api_key: k, base_url: '{base_url}'}}}}\n"
            f"cost_tracking: {{enabled: true, db_path: '{folder}/ledger.db'}}\n"
        )
    os.environ["VOICEGW_CONFIG"] = config
    from voicegateway import inference

    return inference.LLM("openai/gpt-4.1-mini", base_url=base_url, api_key="k")


async def ask(model: Any, context: Any) -> int:
    """One request; returns its chunks."""
    chunks = 0
    async with model.chat(chat_ctx=context) as stream:
        async for _ in stream:
            chunks += 1
    if hasattr(model, "_logged"):
        # The old product's row for this request, which it would write for its first request only.
        await model._drain_pending_logs()
        model._logged = False
    return chunks


async def measure(model: Any, concurrency: int) -> dict[str, Any]:
    """For each request, in microseconds: CPU of the process, CPU of the event loop's thread alone, wall time."""
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="You are a waiter. Be brief.")
    context.add_message(role="user", content="What is on the menu today?")
    for _ in range(WARM_UP):
        chunks = await ask(model, context)
    requests = max(REQUESTS, concurrency * 3)
    wall, cpu, loop = time.perf_counter(), time.process_time(), time.thread_time()
    for start in range(0, requests, concurrency):
        await asyncio.gather(*(ask(model, context) for _ in range(min(concurrency, requests - start))))
    cpu, wall, loop = time.process_time() - cpu, time.perf_counter() - wall, time.thread_time() - loop
    each = {"cpu_us": cpu, "loop_us": loop, "wall_us": wall}
    return {**{name: taken / requests * 1e6 for name, taken in each.items()}, "chunks": chunks}


def main() -> None:
    variant, origin = sys.argv[1], sys.argv[2]
    concurrency = int(sys.argv[3]) if len(sys.argv) > 3 else 1

    async def run() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            model = make(variant, origin, folder)
            return await measure(model, concurrency)

    print(json.dumps(asyncio.run(run())))


if __name__ == "__main__":
    main()
