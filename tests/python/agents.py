"""Whole agents on the telephone, whoever their models come from."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from conversing import until
from livekit.agents import Agent, AgentSession
from simulator import ROOT, Simulator

sys.path.append(str(ROOT / "examples"))
from telephone import Caller, Speaker  # noqa: E402

INSTRUCTIONS = "You take bookings for a small restaurant. Be brief."


def agent_session(**models: Any) -> AgentSession[None]:
    """A session whose turns end where the provider that hears says so, unless ``models`` says otherwise."""
    options: dict[str, Any] = {"vad": None, "turn_handling": {"turn_detection": "stt"}, **models}
    return AgentSession(aec_warmup_duration=None, **options)


async def two_barge_ins(session: AgentSession[None], sim: Simulator) -> None:
    """A turn that goes well, one that the caller interrupts before anything is heard, one cut short in mid-speech."""
    caller, speaker = Caller(), Speaker()
    session.input.audio, session.output.audio = caller, speaker
    await session.start(Agent(instructions=INSTRUCTIONS), record=False)

    await caller.say(2.0)
    await asyncio.wait_for(speaker.started.wait(), 90)
    await asyncio.wait_for(speaker.finished.wait(), 90)

    # The model halts in its first sentence, and the caller goes on before anything is heard.
    sim.fault("openai", "llm", "slow", after_units=4, value=20_000)
    before = sim.row("llm")["requests"]
    await caller.say(1.2)
    await until(lambda: sim.row("llm")["requests"] > before and not sim.call("/__faults"))
    await caller.say(1.2)
    await asyncio.wait_for(speaker.started.wait(), 90)
    await asyncio.wait_for(speaker.finished.wait(), 90)

    # The caller cuts a long answer short while it is spoken.
    await caller.say(1.5)
    await asyncio.wait_for(speaker.started.wait(), 90)
    await asyncio.sleep(1.0)
    await caller.say(1.2)
    await asyncio.wait_for(speaker.finished.wait(), 90)
    await asyncio.wait_for(speaker.started.wait(), 90)
    await asyncio.wait_for(speaker.finished.wait(), 90)
    await session.aclose()
