"""Chains of models: walked when an object is built, and in mid-call. Ledger and bill agree through each kind."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from booked import Line, Stage, use
from conversing import ONCE, answer, listen, run, said, say, silence, tone, until
from livekit.agents import APIError, llm, stt, tts
from test_stt import Gate

from voicegateway import inference
from voicegateway.inference import _scope

CHAINS = """
fallbacks:
  stt: [deepgram/nova-3, cartesia/ink-whisper]
  llm: [elsewhere/gpt-oss, openai/gpt-4.1-mini, openai/gpt-4.1]
  tts: [cartesia/sonic-3, 'deepgram/aura-2:thalia']
projects:
  off:
    name: Off
    providers: {openai: {enabled: false}}
  own:
    name: Own
    fallbacks: {llm: [elsewhere/gpt-oss, openai/gpt-4o-mini]}
"""


@pytest.fixture(autouse=True)
def project() -> Iterator[None]:
    yield
    _scope.reset_project()


@pytest.fixture
def chained(quick: Stage) -> Stage:
    return written(quick, CHAINS)


@pytest.fixture
def runtime(quick: Stage) -> Stage:
    return written(quick, CHAINS.replace("fallbacks:\n", "fallbacks:\n  mode: runtime\n", 1))


def written(stage: Stage, more: str) -> Stage:
    """A configuration in which the account ``elsewhere`` has no key."""
    stage.write_config(more)
    text = stage.config.read_text()
    stage.config.write_text(text.replace("providers:\n", "providers:\n  elsewhere: {type: openai}\n", 1))
    use(stage.config)
    return stage


def told(lines: list[Line]) -> list[tuple[str, str, str | None, int]]:
    """What each line says of its chain."""
    return sorted((line["model_id"], line["status"], line["fallback_from"], line["probe"]) for line in lines)


# When an object is built.


def test_s12_a_chain_whose_head_has_no_key_yields_the_next_member_and_its_line_says_so(chained: Stage) -> None:
    made = inference.LLM("auto")
    assert type(made).__module__ == "livekit.plugins.openai.llm" and made.model == "gpt-4.1-mini"
    run(lambda: answer(made, "Hi"))
    assert told(chained.lines()) == [("openai/gpt-4.1-mini", "fallback", "openai/gpt-oss", 0)]
    chained.assert_equals_bill()


def test_a_member_whose_plugin_does_not_import_is_passed_over(
    chained: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "livekit.plugins.deepgram", None)
    for made in (inference.STT(), inference.STT("deepgram/nova-3")):
        assert type(made).__module__ == "livekit.plugins.cartesia.stt"
    assert "deepgram/nova-3 is passed over: the LiveKit plugin for deepgram is not installed" in caplog.text


def test_a_provider_that_is_switched_off_is_passed_over_and_named_when_nothing_follows(chained: Stage) -> None:
    inference.set_project("off")
    with pytest.raises(inference.ConfigError) as raised:
        inference.LLM("openai/gpt-4.1", api_key="k")
    assert str(raised.value) == (
        "provider `openai` is switched off in project `off`: `projects.off.providers.openai.enabled` is false in "
        "voicegw.yaml"
    )
    assert inference.TTS("openai/gpt-4o-mini-tts", fallback="cartesia/sonic-3").__class__.__module__.startswith(
        "livekit.plugins.cartesia"
    )


def test_a_model_that_is_no_member_stands_alone_and_one_that_is_goes_on_after_itself(chained: Stage) -> None:
    with pytest.raises(inference.ConfigError, match="no API key for `elsewhere`"):
        inference.LLM("elsewhere/gpt-oss-mini")
    assert inference.LLM("openai/gpt-4.1").model == "gpt-4.1"
    inference.set_project("own")
    assert inference.LLM("elsewhere/gpt-oss").model == "gpt-4o-mini"


def test_all_failed_is_the_last_error(chained: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "livekit.plugins.openai", None)
    with pytest.raises(ImportError, match="livekit|openai"):
        inference.LLM("elsewhere/gpt-oss")


def test_a_string_that_means_nothing_never_falls_back(chained: Stage) -> None:
    for model in ("nonsense", "nobody/nothing"):
        with pytest.raises(inference.ModelResolutionError):
            inference.STT(model, fallback="cartesia/ink-whisper")


@pytest.mark.parametrize(
    "fallback",
    [
        "cartesia/sonic-3:v",
        {"model": "cartesia/sonic-3", "voice": "v"},
        ["elsewhere/tts-1", "cartesia/sonic-3:v"],
        [{"model": "cartesia/sonic-3", "voice": "v", "extra_kwargs": {"speed": 1.0}}],
    ],
)
def test_fallback_replaces_the_chain_in_each_of_its_forms(
    chained: Stage, monkeypatch: pytest.MonkeyPatch, fallback: Any
) -> None:
    monkeypatch.setitem(sys.modules, "livekit.plugins.deepgram", None)
    made = inference.TTS("deepgram/aura-2:thalia", voice="thalia", fallback=fallback)
    assert type(made).__module__ == "livekit.plugins.cartesia.tts"
    assert made._opts.voice == "v"
    with pytest.raises(ImportError):
        inference.TTS("deepgram/aura-2:thalia", fallback=[])


def test_a_fallback_of_another_form_is_refused_with_the_forms_there_are(chained: Stage) -> None:
    for wrong in (7, {"voice": "v"}, {"model": "a/b", "pitch": 1}, [None]):
        with pytest.raises(ValueError, match="fallback= takes 'provider/model"):
            inference.TTS("cartesia/sonic-3", fallback=wrong)


# In mid-call, by configuration.


def test_runtime_chains_are_livekits_adapters_over_our_objects(runtime: Stage) -> None:
    async def work() -> None:
        ears, brain, voice = inference.STT(), inference.LLM("auto"), inference.TTS("cartesia/sonic-3")
        assert isinstance(ears, stt.FallbackAdapter) and isinstance(ears, inference.STT)
        assert isinstance(brain, llm.FallbackAdapter) and isinstance(brain, inference.LLM)
        assert isinstance(voice, tts.FallbackAdapter) and isinstance(voice, inference.TTS)
        assert [member.model for member in brain._llm_instances] == ["gpt-4.1-mini", "gpt-4.1"]
        # A chain of one is the plugin itself.
        assert type(inference.LLM("openai/gpt-4.1")).__module__ == "livekit.plugins.openai.llm"
        for made in (ears, brain, voice):
            await made.aclose()

    run(work)


def test_a_runtime_chain_moves_on_when_a_model_refuses(runtime: Stage) -> None:
    runtime.sim.fault("openai", "llm", "status", value=500)

    async def work() -> None:
        brain = inference.LLM("openai/gpt-4.1-mini")
        assert await answer(brain, "Hi")
        await until(lambda: brain._status[0].available)
        await brain.aclose()

    run(work)
    assert told(runtime.lines()) == [
        ("openai/gpt-4.1", "fallback", "openai/gpt-4.1-mini", 0),
        ("openai/gpt-4.1-mini", "error", None, 0),
        ("openai/gpt-4.1-mini", "success", None, 1),
    ]
    runtime.assert_equals_bill()


def test_a_runtime_chain_hears_on_when_a_provider_drops_in_mid_utterance(runtime: Stage) -> None:
    runtime.sim.fault("deepgram", "stt", "drop", after_units=600)

    async def work() -> list[str]:
        ears = inference.STT()
        heard = await listen(ears.stream(), silence(0.2) + tone(3.0) + silence(1.5))
        await ears.aclose()
        return heard

    assert run(work)
    lines = [line for line in runtime.lines() if not line["probe"]]
    assert told(lines) == [
        ("cartesia/ink-whisper", "fallback", "deepgram/nova-3", 0),
        ("deepgram/nova-3", "error", None, 0),
    ]
    # Each heard its own part, and no second is booked to both unless both were sent it.
    assert 0 < lines[0]["sent_audio_nanos"] < 4_700_000_000
    runtime.assert_equals_bill()


def test_a_runtime_chain_speaks_on_with_the_next_voice(runtime: Stage) -> None:
    runtime.sim.fault("cartesia", "tts", "error_frame")

    async def work() -> None:
        voice = inference.TTS("cartesia/sonic-3")
        assert await say(voice, "Hello there, my friend.") > 0.5
        await until(lambda: voice._status[0].available)
        await voice.aclose()

    run(work)
    assert told(runtime.lines()) == [
        ("cartesia/sonic-3", "error", None, 0),
        ("cartesia/sonic-3", "success", None, 1),
        ("deepgram/aura-2", "fallback", "cartesia/sonic-3", 0),
    ]
    runtime.assert_equals_bill()


def test_a_runtime_chain_with_one_that_hears_whole_utterances_asks_for_a_vad(runtime: Stage) -> None:
    with pytest.raises(inference.ConfigError, match="openai/whisper-1 hears whole utterances.*pass vad="):
        inference.STT("deepgram/nova-3", fallback="openai/whisper-1")
    made = inference.STT("deepgram/nova-3", fallback="openai/whisper-1", vad=Gate())
    assert isinstance(made, stt.FallbackAdapter)


# In mid-call, by adapters of the user's own.


def test_an_adapter_of_the_users_moves_on_after_some_tokens_and_both_are_booked(quick: Stage) -> None:
    quick.sim.script(replies=["One two three four five six seven eight nine ten."] * 3)
    quick.sim.fault("openai", "llm", "drop", after_units=4)

    async def work() -> None:
        members = [inference.LLM("openai/gpt-4.1-mini"), inference.LLM("openai/gpt-4.1")]
        chain = llm.FallbackAdapter(members, max_retry_per_llm=0, retry_on_chunk_sent=True)
        assert "ten" in await answer(chain, "Count")
        await until(lambda: chain._status[0].available)
        await chain.aclose()

    run(work)
    lines = quick.lines()
    assert told(lines) == [
        ("openai/gpt-4.1", "fallback", "openai/gpt-4.1-mini", 0),
        ("openai/gpt-4.1-mini", "error", None, 0),
        ("openai/gpt-4.1-mini", "success", None, 1),
    ]
    cut = next(line for line in lines if line["status"] == "error")
    assert cut["sources"]["output_tokens"] == "estimated"
    quick.assert_equals_bill()


def test_a_barge_in_on_a_fallback_is_cancelled_and_keeps_where_it_came_from(quick: Stage) -> None:
    quick.sim.fault("openai", "llm", "status", value=500)
    quick.sim.fault("openai", "llm", "slow", after_units=3, value=20_000, times=2)

    async def work() -> None:
        members = [inference.LLM("openai/gpt-4.1-mini"), inference.LLM("openai/gpt-4.1")]
        chain = llm.FallbackAdapter(members, max_retry_per_llm=0, attempt_timeout=10)
        stream = chain.chat(chat_ctx=said("Hi"), conn_options=ONCE)
        async for chunk in stream:
            if chunk.delta and chunk.delta.content:
                break
        await stream.aclose()
        await chain.aclose()

    run(work)
    assert ("openai/gpt-4.1", "cancelled", "openai/gpt-4.1-mini", 0) in told(quick.lines())


def test_a_voice_without_streams_is_probed_inside_a_stream_adapter_and_marked(quick: Stage) -> None:
    quick.sim.fault("openai", "tts", "status", value=500)

    async def work() -> None:
        first, second = inference.TTS("openai/gpt-4o-mini-tts"), inference.TTS("cartesia/sonic-3")
        chain = tts.FallbackAdapter([first, second], max_retry_per_tts=0)
        assert await say(chain, "Hello there, my friend.")
        await until(lambda: chain._status[0].available)
        await chain.aclose()
        await first.aclose()
        await second.aclose()

    run(work)
    assert told(quick.lines()) == [
        ("cartesia/sonic-3", "fallback", "openai/gpt-4o-mini-tts", 0),
        ("openai/gpt-4o-mini-tts", "error", None, 0),
        ("openai/gpt-4o-mini-tts", "success", None, 1),
    ]
    quick.assert_equals_bill()


def test_a_chain_that_fails_to_its_end_books_every_member(quick: Stage) -> None:
    quick.sim.fault("openai", "llm", "status", value=500, times=9)

    async def work() -> None:
        members = [inference.LLM("openai/gpt-4.1-mini"), inference.LLM("openai/gpt-4.1")]
        chain = llm.FallbackAdapter(members, max_retry_per_llm=0)
        with pytest.raises(APIError):
            await answer(chain, "Hi", conn_options=ONCE)
        await chain.aclose()

    run(work)
    real = [entry for entry in told(quick.lines()) if not entry[3]]
    assert real == [
        ("openai/gpt-4.1", "error", "openai/gpt-4.1-mini", 0),
        ("openai/gpt-4.1-mini", "error", None, 0),
    ]
    quick.assert_equals_bill()
