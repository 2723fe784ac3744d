"""CPU time of one LLM request of 64 chunks in the agent's process: one variant, one round, printed as JSON.

Usage: llm.py VARIANT SIMULATOR_ORIGIN|memory [CONCURRENCY]

With ``memory`` in place of an address the chunks come from a list, not from a socket: a request then costs about a
millisecond instead of fifteen, and what is added to it can be told from noise.

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
from types import SimpleNamespace
from typing import Any

from livekit.agents import llm

CHUNKS = 64
WARM_UP = 30
REQUESTS = 300


class MemoryClient:
    """An OpenAI client whose answers are there already."""

    def __init__(self) -> None:
        from openai.types.chat import ChatCompletionChunk

        one = {"id": "c", "created": 1, "model": "gpt-4.1-mini", "object": "chat.completion.chunk", "usage": None}
        word = {**one, "choices": [{"index": 0, "delta": {"content": " dish"}}]}
        usage = {"prompt_tokens": 30, "completion_tokens": CHUNKS - 1, "total_tokens": 29 + CHUNKS}
        chunks = [word] * (CHUNKS - 1) + [{**one, "choices": [], "usage": usage}]
        self._base_url = SimpleNamespace(host="memory", netloc=b"memory")
        self.chunks = [ChatCompletionChunk.model_validate(chunk) for chunk in chunks]
        self.chat = self.completions = self.audio = self.speech = self.transcriptions = self
        self.with_streaming_response = self

    async def create(self, **_: Any) -> MemoryStream:
        return MemoryStream(self.chunks)


class MemoryStream:
    """The stream of such an answer."""

    def __init__(self, chunks: list[Any]) -> None:
        self._rest = iter(chunks)

    async def __aenter__(self) -> MemoryStream:
        return self

    async def __aexit__(self, *_: Any) -> None: ...

    def __aiter__(self) -> MemoryStream:
        return self

    async def __anext__(self) -> Any:
        for chunk in self._rest:
            return chunk
        raise StopAsyncIteration


def make(variant: str, origin: str, folder: str) -> Any:
    """The LLM object of a variant."""
    base_url = f"{origin}/openai/v1"
    client = {"client": MemoryClient()} if origin == "memory" else {}
    if variant == "plugin":
        from livekit.plugins import openai

        return openai.LLM(model="gpt-4.1-mini", api_key="k", base_url=base_url, **client)
    config = os.path.join(folder, "voicegw.yaml")
    with open(config, "w") as file:
        file.write(
            f"providers: {{openai: {{api_key: k, base_url: '{base_url}'}}}}\n"
            f"cost_tracking: {{enabled: true, db_path: '{folder}/ledger.db'}}\n"
        )
    os.environ["VOICEGW_CONFIG"] = config
    from voicegateway import inference

    more = {"extra_kwargs": client} if client else {}
    return inference.LLM("openai/gpt-4.1-mini", base_url=base_url, api_key="k", **more)


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


async def measure(model: Any, requests: int, concurrency: int) -> dict[str, Any]:
    """For each request, in microseconds: CPU of the process, CPU of the event loop's thread alone, wall time."""
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="You are a waiter. Be brief.")
    context.add_message(role="user", content="What is on the menu today?")
    for _ in range(WARM_UP):
        chunks = await ask(model, context)
    requests = max(requests, concurrency * 3)
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
            return await measure(model, REQUESTS * (10 if origin == "memory" else 1), concurrency)

    print(json.dumps(asyncio.run(run())))


if __name__ == "__main__":
    main()
