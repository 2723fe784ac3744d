"""The same conversation with every provider in it: what the ledger says is what each of them bills."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agents import INSTRUCTIONS, Caller, Speaker, agent_session
from booked import Stage
from conversing import run
from livekit.agents import Agent
from loudness import Loudness

from voicegateway import inference

#: STT, LLM and TTS of each stack. Together they name every model family of every cloud provider.
STACKS = [
    ("deepgram/nova-3", "openai/gpt-4.1-mini", "cartesia/sonic-3"),
    ("deepgram/flux-general-en", "anthropic/claude-sonnet-4-5", "deepgram/aura-2:thalia"),
    ("cartesia/ink-2", "groq/llama-3.3-70b-versatile", "elevenlabs/eleven_flash_v2_5:a-voice"),
    ("cartesia/ink-whisper", "anthropic/claude-haiku-4-5", "openai/gpt-4o-mini-tts:ash"),
    ("assemblyai/universal-3-6-pro", "openai/gpt-4.1", "elevenlabs/eleven_turbo_v2_5:a-voice"),
    ("assemblyai/universal-streaming-english", "groq/llama-3.1-8b-instant", "deepgram/aura-2-asteria-en"),
    ("elevenlabs/scribe_v2_realtime", "openai/gpt-4.1-mini", "openai/tts-1:alloy"),
    ("openai/gpt-4o-mini-transcribe", "anthropic/claude-sonnet-4-5", "cartesia/sonic-3"),
    ("openai/whisper-1", "openai/gpt-4.1-nano", "groq/canopylabs/orpheus-v1-english:troy"),
    ("groq/whisper-large-v3-turbo", "groq/llama-3.3-70b-versatile", "cartesia/sonic-3"),
    ("groq/whisper-large-v3", "anthropic/claude-haiku-4-5", "groq/canopylabs/orpheus-v1-english:troy"),
    ("elevenlabs/scribe_v1", "openai/gpt-4.1-mini", "deepgram/aura-2:thalia"),
]

#: Their plugins do not say when a turn ends, so the agent listens for itself.
SILENT = ("openai/", "groq/", "elevenlabs/", "cartesia/ink-whisper")

PROVIDERS = ("deepgram", "openai", "anthropic", "groq", "cartesia", "elevenlabs", "assemblyai")


def session_of(stt: str, llm: str, tts: str) -> Any:
    more: dict[str, Any] = {}
    if stt.startswith(SILENT):
        more = {"vad": Loudness(), "turn_handling": {"turn_detection": "vad"}}
    # A provider's plain audio: its MP3 is no part of this.
    encoding = "pcm_24000" if tts.startswith("elevenlabs/") else None
    voice = inference.TTS(tts, **({"encoding": encoding} if encoding else {}))
    return agent_session(stt=inference.STT(stt), llm=inference.LLM(llm), tts=voice, **more)


async def converse(session: Any) -> None:
    """A turn that goes well, and an answer that the caller cuts short while it is spoken."""
    caller, speaker = Caller(), Speaker()
    session.input.audio, session.output.audio = caller, speaker
    await session.start(Agent(instructions=INSTRUCTIONS), record=False)
    await caller.say(2.0)
    await asyncio.wait_for(speaker.started.wait(), 90)
    await asyncio.wait_for(speaker.finished.wait(), 90)
    await caller.say(1.5)
    await asyncio.wait_for(speaker.started.wait(), 90)
    await asyncio.sleep(1.0)
    await caller.say(1.2)
    await asyncio.wait_for(speaker.finished.wait(), 90)
    await asyncio.wait_for(speaker.started.wait(), 90)
    await asyncio.wait_for(speaker.finished.wait(), 90)
    await session.aclose()


@pytest.mark.parametrize(("stt", "llm", "tts"), STACKS, ids=[" + ".join(stack) for stack in STACKS])
def test_a_conversation_is_booked_as_it_is_billed(stage: Stage, stt: str, llm: str, tts: str) -> None:
    stage.providers = PROVIDERS
    stage.write_config()

    async def work() -> None:
        await converse(session_of(stt, llm, tts))

    run(work)
    lines = stage.lines()
    assert {line["modality"] for line in lines} == {"stt", "llm", "tts"}
    assert "error" not in [line["status"] for line in lines], [(line["model_id"], line["error"]) for line in lines]
    stage.assert_equals_bill_but_for_cut_answers()
