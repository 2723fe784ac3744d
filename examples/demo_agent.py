"""A whole LiveKit conversation, priced: no LiveKit server, no keys, no network.

A caller made of noise talks to an agent made of ``voicegateway.inference``. Deepgram, OpenAI and Cartesia are played
by ``voicegw sim``, which bills on its own; at the end its bill and our ledger lie side by side.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from livekit.agents import Agent, AgentSession
from livekit.agents.utils import http_context
from telephone import Caller, Speaker

from voicegateway import inference

VOICEGW = str(Path(sys.executable).with_name("voicegw"))

#: How long the caller speaks in each turn, in seconds. What is said is in the simulators' script.
TURNS = (2.4, 1.4, 1.6, 1.8, 1.6, 1.8)
#: After this turn the caller does not let the agent finish.
INTERRUPTED_TURN = 3


async def converse() -> str:
    """Run an agent until the caller hangs up; returns the conversation's id."""
    conversation = inference.start_session()
    caller, speaker = Caller(), Speaker()

    # This is the agent: VoiceGateway's objects where LiveKit's would stand.
    session: AgentSession[None] = AgentSession(
        stt=inference.STT("deepgram/nova-3"),
        llm=inference.LLM("openai/gpt-4.1-mini"),
        tts=inference.TTS("cartesia/sonic-3"),
        vad=None,
        turn_handling={"turn_detection": "stt", "interruption": {"resume_false_interruption": False}},
        aec_warmup_duration=None,
    )
    session.input.audio = caller
    session.output.audio = speaker

    @session.on("conversation_item_added")
    def _(event: Any) -> None:
        if event.item.type != "message":
            return
        who = "caller" if event.item.role == "user" else "agent "
        cut = "  [cut off by the caller]" if event.item.interrupted else ""
        print(f"  {who}  {event.item.text_content}{cut}", flush=True)

    await session.start(Agent(instructions="You take bookings for a small restaurant. Be brief."), record=False)
    for turn, seconds in enumerate(TURNS):
        await caller.say(seconds)
        await asyncio.wait_for(speaker.started.wait(), 30)
        if turn == INTERRUPTED_TURN:
            await asyncio.sleep(2.5)
        else:
            await asyncio.wait_for(speaker.finished.wait(), 60)
    if session.current_speech is not None:
        await session.current_speech.wait_for_playout()
    await session.aclose()
    return conversation


@contextmanager
def simulated_providers() -> Iterator[str]:
    """Start ``voicegw sim`` on a free port; yields its address."""
    process = subprocess.Popen([VOICEGW, "sim", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = next((line for line in process.stdout if line.startswith("listening on ")), None)
        if ready is None:
            raise SystemExit("the simulated providers did not start")
        yield ready.split()[2]
    finally:
        process.terminate()
        process.wait(10)


def configure(folder: str, origin: str) -> None:
    """Point VoiceGateway at the simulated providers and at a ledger of its own."""
    accounts = "".join(
        f"  {name}: {{api_key: demo, base_url: '{origin}/{name}'}}\n" for name in ("deepgram", "openai", "cartesia")
    )
    config = Path(folder, "voicegw.yaml")
    config.write_text(f"providers:\n{accounts}cost_tracking:\n  db_path: '{folder}/ledger.db'\n")
    os.environ["VOICEGW_CONFIG"] = str(config)


def ledger(conversation: str) -> list[dict[str, Any]]:
    """The conversation's lines, as ``voicegw logs`` prints them."""
    command = [VOICEGW, "logs", "--session", conversation, "--tail", "1000", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"voicegw logs failed:\n{done.stderr}")
    lines: list[dict[str, Any]] = json.loads(done.stdout)
    return sorted(lines, key=lambda line: (line["turn"] is None, line["turn"] or 0, line["timestamp"]))


def units(line: dict[str, Any]) -> str:
    """What was used, in the modality's own unit."""
    usage = line["usage"]
    if line["modality"] == "stt":
        return f"{usage['audio_seconds']:.2f} s of audio"
    if line["modality"] == "llm":
        return f"{usage['input_tokens']} + {usage['output_tokens']} tokens"
    return f"{usage['characters']} characters"


def print_turns(lines: list[dict[str, Any]]) -> None:
    """One row for each request."""
    print(f"\n  {'turn':<5} {'':4} {'model':<20} {'status':<10} {'first output':>12}  {'units':<20} {'cost':>12}")
    for line in lines:
        turn = "all" if line["turn"] is None else line["turn"]
        waited = "" if line["ttfb_ms"] is None else f"{line['ttfb_ms']:.0f} ms"
        cost = "unpriced" if line["cost_usd"] is None else f"${line['cost_usd']:.6f}"
        print(
            f"  {turn:<5} {line['modality']:<4} {line['model_id']:<20} {line['status']:<10} {waited:>12}"
            f"  {units(line):<20} {cost:>12}"
        )
    by_modality: dict[str, float] = defaultdict(float)
    for line in lines:
        by_modality[line["modality"]] += line["cost_usd"] or 0.0
    for modality, cost in by_modality.items():
        print(f"  {modality + ' in all':<77} {f'${cost:.6f}':>12}")
    print(f"  {'total':<77} {f'${sum(by_modality.values()):.6f}':>12}")


def agrees(lines: list[dict[str, Any]], meter: list[dict[str, Any]]) -> bool:
    """Print the ledger beside what the simulated providers billed, and tell whether they agree."""
    booked: dict[tuple[str, str], float] = defaultdict(float)
    estimated: dict[tuple[str, str], float] = defaultdict(float)
    for line in lines:
        for name, value in line["usage"].items():
            booked[line["provider"], name] += value or 0
            if line["usage_sources"].get(name) == "estimated":
                estimated[line["provider"], name] += value
    print(f"\n  {'':<32} {'ledger':>12} {'billed':>12}")
    is_equal = True
    for row in meter:
        for name in ("input_tokens", "cached_input_tokens", "output_tokens", "characters", "audio_seconds"):
            key = (row["provider"], name)
            if not row[name] and not booked[key]:
                continue
            difference = booked[key] - row[name]
            # An answer that was cut off carries no usage message: its tokens are an estimate, and marked as one.
            allowed = max(3.0, 0.05 * estimated[key]) if estimated[key] else 1e-6
            verdict = "equal" if abs(difference) <= 1e-6 else f"{difference:+g}, estimated after the barge-in"
            if abs(difference) > allowed:
                verdict, is_equal = "DIFFERENT", False
            print(f"  {' '.join(key):<32} {booked[key]:>12g} {row[name]:>12g}  {verdict}")
    return is_equal


async def main() -> None:
    """Hold the conversation, then show what it cost."""
    print("Starting the simulated providers ...", flush=True)
    with simulated_providers() as origin, tempfile.TemporaryDirectory(prefix="voicegateway-demo-") as folder:
        configure(folder, origin)
        print("A caller rings. The conversation runs in real time, for about a minute.\n", flush=True)
        async with http_context.open():
            conversation = await converse()
        await inference.flush()
        lines = ledger(conversation)
        with urllib.request.urlopen(f"{origin}/__meter") as answer:
            meter = json.load(answer)
    print_turns(lines)
    if not agrees(lines, meter):
        raise SystemExit("\n  The ledger and the bill differ.")
    print("\n  The ledger equals the bill of the simulated providers.")


if __name__ == "__main__":
    asyncio.run(main())
