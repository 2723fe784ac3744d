"""The examples, as a newcomer runs them, but for the models: those are simulated."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import pytest
from agents import Caller, Speaker
from booked import Stage, use
from conversing import run
from livekit.agents import Agent, AgentSession

from voicegateway import attach

#: What makes a turn end where the simulated provider says so, as in every test: noise wakes no voice detector.
TURNS: dict[str, Any] = {
    "vad": None,
    "turn_handling": {"turn_detection": "stt"},
    "aec_warmup_duration": None,
}


@pytest.fixture(autouse=True)
def heard_by_the_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every session of an example end its turns as the simulator says."""
    made = AgentSession.__init__
    monkeypatch.setattr(AgentSession, "__init__", lambda self, **options: made(self, **{**TURNS, **options}))


def example(name: str) -> Any:
    return importlib.import_module(name)


async def one_turn(session: AgentSession[Any]) -> None:
    caller, speaker = Caller(), Speaker()
    session.input.audio, session.output.audio = caller, speaker
    await session.start(Agent(instructions="You take bookings. Be brief."), record=False)
    await caller.say(2.0)
    await asyncio.wait_for(speaker.started.wait(), 90)
    await asyncio.wait_for(speaker.finished.wait(), 90)
    await session.aclose()


def modalities(stage: Stage) -> set[str]:
    return {line["modality"] for line in stage.lines() if line["status"] == "success" or line["modality"] == "stt"}


def test_the_basic_agent_talks_and_is_booked_as_billed(stage: Stage) -> None:
    run(lambda: one_turn(example("basic").session()))
    assert modalities(stage) == {"stt", "llm", "tts"}
    stage.assert_equals_bill()


def test_the_agent_of_plain_plugins_is_booked_as_billed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    module = example("plain_plugins")
    for provider in ("deepgram", "openai", "cartesia"):
        monkeypatch.setenv(f"{provider.upper()}_API_KEY", f"key-of-{provider}")
    plugins = {"stt": (module.deepgram.STT, "deepgram/v1/listen"), "llm": (module.openai.LLM, "openai/v1"),
               "tts": (module.cartesia.TTS, "cartesia")}
    for kind, path in plugins.values():
        made, url = kind.__init__, f"{stage.sim.url}/{path}"
        monkeypatch.setattr(
            kind, "__init__", lambda self, made=made, url=url, **options: made(self, **{"base_url": url, **options})
        )

    async def work() -> None:
        session = module.session()
        attach(session, project="restaurant", agent_id="host")
        await one_turn(session)

    run(work)
    assert modalities(stage) == {"stt", "llm", "tts"}
    assert {(line["project"], line["agent_id"]) for line in stage.lines()} == {("restaurant", "host")}
    stage.assert_equals_bill()


def test_the_agent_with_fallbacks_goes_on_when_a_provider_fails(stage: Stage) -> None:
    stage.sim.fault("openai", "llm", "status", value=500)

    async def work() -> None:
        await one_turn(example("fallback").session())

    run(work)
    chats = [line for line in stage.lines() if line["modality"] == "llm" and not line["probe"]]
    assert [line["status"] for line in chats][:2] == ["error", "fallback"]
    stage.assert_equals_bill()


def test_the_hybrid_agent_pays_for_its_ears_and_its_voice_alone(stage: Stage) -> None:
    stage.providers = (*stage.providers, "ollama")
    stage.write_config()
    run(lambda: one_turn(example("hybrid").session()))
    assert modalities(stage) == {"stt", "llm", "tts"}
    costs = {line["modality"]: line["cost_picos"] for line in stage.lines() if line["status"] == "success"}
    assert costs["llm"] == 0 and costs["tts"] > 0
    stage.assert_equals_bill()


def test_several_projects_share_a_program_and_no_bill(quick: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    quick.write_config(
        "projects:\n"
        "  bakery: {name: Bakery, daily_budget: 5.0, budget_action: block}\n"
        f"  florist: {{name: Florist, providers: {{openai: {{api_key: k, base_url: '{quick.sim.url}/openai'}}}}}}\n"
    )
    use(quick.config)
    run(example("multi_project").main)
    printed = capsys.readouterr().out
    assert "bakery: $0.00" in printed and "florist: $0.00" in printed
    lines = {(line["project"], line["tenant_id"]): line["status"] for line in quick.lines()}
    assert lines == {("bakery", "ada"): "success", ("florist", "grace"): "success"}
    quick.assert_equals_bill()
