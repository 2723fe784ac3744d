"""An agent's process in the middle of a call, to be killed: ``python calling.py``. It says ``speaking`` when the
provider has understood something, is writing an answer, and is speaking one."""

from __future__ import annotations

import asyncio

from conversing import feed, run, said, tone
from livekit.agents import inference

LONG = "This is a rather long sentence that will be cut off. And another long one follows right after it. " * 8


async def call() -> None:
    listening = inference.STT("deepgram/nova-3").stream()
    writing = inference.LLM("openai/gpt-4.1-mini").chat(chat_ctx=said("Can you tell me about the menu?"))
    speaking = inference.TTS("cartesia/sonic-3:a-voice").stream()
    speaking.push_text(LONG)

    async def first(stream: object) -> None:
        async for _ in stream:  # type: ignore[attr-defined]
            return

    fed = asyncio.create_task(feed(listening, tone(60.0), speed=1.0))
    await asyncio.gather(first(listening), first(writing), first(speaking))
    print("speaking", flush=True)
    await fed


if __name__ == "__main__":
    run(call)
