"""Model ids, providers, keys, projects and stacks, as their users write them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from booked import Stage, use
from conversing import answer, frames, run, say, tone

from voicegateway import inference
from voicegateway.inference import _scope

ACCOUNTS = """
  elsewhere: {type: openai}
  deepgram-staging: {type: deepgram, api_key: staging-key, base_url: 'http://127.0.0.1:9/staging'}
"""
MODELS = """
models:
  stt:
    fast: {provider: deepgram, model: nova-3, default_language: en, endpointing_ms: 33}
  llm:
    house: {provider: openai, model: gpt-4.1-mini, temperature: 0.25}
  tts:
    anna: {provider: cartesia, model: sonic-3, default_voice: v1}
stacks:
  premium: {stt: fast, llm: house, tts: anna}
  deaf: {llm: house, tts: anna}
default_project: acme
projects:
  acme:
    name: Acme
    default_stack: premium
    providers: {openai: {api_key: own-key, base_url: 'SIM/openai'}}
  bare:
    name: Bare
"""


@pytest.fixture(autouse=True)
def project() -> Iterator[None]:
    yield
    _scope.reset_project()


@pytest.fixture
def house(quick: Stage) -> Stage:
    quick.write_config(MODELS.replace("SIM", quick.sim.url))
    text = quick.config.read_text()
    quick.config.write_text(text.replace("providers:\n", "providers:" + ACCOUNTS, 1))
    use(quick.config)
    return quick


def test_s5_a_suffix_is_a_language_or_a_voice_and_a_colon_of_an_llm_is_its_own(house: Stage) -> None:
    assert inference.STT("deepgram/nova-3:es")._opts.language == "es"
    assert inference.TTS("cartesia/sonic-3:v")._opts.voice == "v"
    assert inference.LLM("openai/qwen2.5:3b").model == "qwen2.5:3b"


def test_s6_arguments_beat_the_suffix_and_a_provider_may_stand_beside_the_model(house: Stage) -> None:
    assert inference.STT("deepgram/nova-3:es", language="fr")._opts.language == "fr"
    assert inference.TTS("cartesia/sonic-3:v", voice="w")._opts.voice == "w"
    for model in ("gpt-4o-mini", "openai/gpt-4o-mini"):
        assert inference.LLM(model, provider="openai").model == "gpt-4o-mini"


#: A model of each provider in each modality it has, but for what needs a runtime on this machine (row S7).
EVERY = {
    "STT": ["deepgram/nova-3", "openai/whisper-1", "groq/whisper-large-v3", "assemblyai/universal-streaming-english"],
    "LLM": ["openai/gpt-4.1", "anthropic/claude-sonnet-4-6", "groq/llama-3.1-8b-instant", "ollama/qwen2.5:3b"],
    "TTS": [
        "deepgram/aura-2:thalia",
        "openai/tts-1:ash",
        "cartesia/sonic-3:v",
        "elevenlabs/eleven_flash_v2_5:v",
        "groq/canopylabs/orpheus-v1-english:troy",
    ],
}
# Beyond what the list of providers promises.
EVERY["STT"] += ["cartesia/ink-whisper", "elevenlabs/scribe_v2"]


def test_s8_every_provider_builds_in_every_modality_it_has(quick: Stage) -> None:
    quick.providers = (*quick.providers, "ollama")
    quick.write_config()
    use(quick.config)
    for factory, models in EVERY.items():
        for model in models:
            assert isinstance(getattr(inference, factory)(model), getattr(inference, factory)), model
    assert quick.sim.meter() == []


def test_s14_the_objects_of_a_context_share_a_conversation_until_another_one_is_started(quick: Stage) -> None:
    async def talk() -> None:
        await answer(inference.LLM("openai/gpt-4.1-mini"), "Hi")
        await say(inference.TTS("cartesia/sonic-3"), "Hello.")
        await inference.STT("openai/whisper-1").recognize(list(frames(tone(1.0))))

    async def work() -> list[str]:
        first = inference.start_session()
        await talk()
        second = inference.start_session()
        await talk()
        return [first, second]

    first, second = run(work)
    assert first.startswith("vg-") and first != second
    booked = [(line["session_id"], line["modality"]) for line in quick.lines()]
    assert sorted(booked) == sorted((session, kind) for session in (first, second) for kind in ("stt", "llm", "tts"))


def test_s9_an_alias_is_a_model_string_with_its_defaults_and_its_own_keys(house: Stage) -> None:
    ears = inference.STT("fast")
    assert (ears.model, ears._opts.language, ears._opts.endpointing_ms) == ("nova-3", "en", 33)
    assert inference.STT("fast:es")._opts.language == "es"
    assert inference.TTS("anna")._opts.voice == "v1"
    brain = inference.LLM("house")
    assert brain._opts.temperature == 0.25
    assert inference.LLM("house", extra_kwargs={"temperature": 0.5})._opts.temperature == 0.5
    run(lambda: answer(brain, "Hi"))
    assert house.line()["model_id"] == "openai/gpt-4.1-mini"
    house.assert_equals_bill()


def test_a_configured_id_has_its_account_and_its_types_behaviour(house: Stage) -> None:
    ears = inference.STT("deepgram-staging/nova-3:es")
    assert type(ears).__module__ == "livekit.plugins.deepgram.stt"
    assert ears._api_key == "staging-key"
    state = ears.__dict__["_voicegateway"]
    assert (state.target.provider, state.target.model_id) == ("deepgram", "deepgram/nova-3")


def test_a_bare_provider_is_its_first_model_and_auto_is_the_projects(house: Stage) -> None:
    assert inference.TTS("cartesia")._opts.voice == "v1"
    for made in (inference.STT(), inference.STT("auto")):
        assert made._opts.endpointing_ms == 33
    assert inference.LLM("auto").model == "gpt-4.1-mini"


def test_s10_a_missing_key_is_told_at_construction_with_every_place_looked_in(house: Stage) -> None:
    with pytest.raises(inference.ConfigError) as raised:
        inference.LLM("elsewhere/gpt-4.1")
    assert str(raised.value) == (
        "no API key for `elsewhere` in project `acme`: pass api_key=, set `providers.elsewhere.api_key` or "
        "`projects.acme.providers.elsewhere.api_key` in voicegw.yaml, set the environment variable OPENAI_API_KEY, or "
        "store one with the MCP tool `vg_add_provider`"
    )
    assert house.sim.meter() == []


def test_s11_a_projects_own_key_is_used_for_its_calls_and_the_shared_one_for_others(
    house: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-environment")
    assert inference.LLM("openai/gpt-4.1")._client.api_key == "own-key"
    assert inference.LLM("openai/gpt-4.1", api_key="argument")._client.api_key == "argument"
    inference.set_project("bare")
    assert inference.LLM("openai/gpt-4.1")._client.api_key == "key-of-openai"


def test_s13_a_project_is_the_contexts_then_the_environments_then_the_files_then_default(
    house: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert inference.get_active_project() == "acme"
    monkeypatch.setenv("VOICEGW_ACTIVE_PROJECT", "bare")
    assert inference.get_active_project() == "bare"

    async def within(name: str) -> str:
        inference.set_project(name)
        await asyncio.sleep(0)
        return inference.get_active_project()

    async def siblings() -> None:
        assert await asyncio.gather(within("one"), within("two")) == ["one", "two"]
        assert inference.get_active_project() == "bare"

    asyncio.run(siblings())
    monkeypatch.delenv("VOICEGW_ACTIVE_PROJECT")
    house.write_config()
    use(house.config)
    assert inference.get_active_project() == "default"


def test_s23_a_stack_is_three_working_objects_and_the_projects_own_is_the_default(house: Stage) -> None:
    made = inference.stack("premium", project="bare")
    assert inference.get_active_project() == "acme"
    assert isinstance(made.stt, inference.STT) and isinstance(made.tts, inference.TTS)
    run(lambda: answer(made.llm, "Hi"))
    assert (house.line()["project"], house.line()["status"]) == ("bare", "success")
    ears, brain, voice = inference.stack(language="de", voice="w")
    assert (ears._opts.language, brain.model, voice._opts.voice) == ("de", "gpt-4.1-mini", "w")
    house.assert_equals_bill()


def test_an_absent_member_of_a_stack_is_none_and_an_unknown_stack_names_the_others(house: Stage) -> None:
    assert inference.stack("deaf").stt is None
    with pytest.raises(ValueError, match="there is no stack `premum`; stacks: premium, deaf; did you mean 'premium'"):
        inference.stack("premum")
    with pytest.raises(ValueError, match="project `bare` has none: set `projects.bare.default_stack`"):
        inference.stack(project="bare")
    with pytest.raises(TypeError, match="no keyword pitch"):
        inference.stack("premium", pitch=3)
