"""``update_options`` in the words of LiveKit's own service, on the objects of any plugin."""

from __future__ import annotations

from typing import Any

import pytest
from booked import Stage, read_ledger
from conversing import OLDEST, answer, heard, listen, run, say, tone

from voicegateway import inference


@pytest.mark.skipif(OLDEST, reason="that plugin goes on speaking on the socket of the voice before")
def test_a_voice_is_changed_by_the_providers_own_name_for_it(quick: Stage) -> None:
    async def work() -> None:
        voice = inference.TTS("deepgram/aura-2:thalia")
        await say(voice, "One.")
        voice.update_options(voice="luna")
        await say(voice, "Two.")
        voice.update_options(model="deepgram/aura-2:arcas")
        await say(voice, "Three.")
        voice.update_options(language="en")  # means nothing to a voice, and changes nothing
        await say(voice, "Four.")
        await voice.aclose()

    run(work)
    lines = quick.lines()
    assert [line["metadata"]["voice"] for line in lines] == ["thalia", "luna", "arcas", "arcas"]
    assert [line["metadata"]["billed_model"] for line in lines][:2] == ["aura-2-thalia-en", "aura-2-luna-en"]
    assert {line["model_id"] for line in lines} == {"deepgram/aura-2"}
    quick.assert_equals_bill()


def test_a_model_may_be_named_with_its_provider_or_without(quick: Stage) -> None:
    async def work() -> None:
        ears = inference.STT("deepgram/nova-3:de")
        ears.update_options(model="deepgram/nova-2:fr")
        await listen(ears.stream(), tone(0.5))
        ears.update_options(model="nova-3", punctuate=False)
        await listen(ears.stream(), tone(0.5))
        assert (ears.model, str(ears._opts.language), ears._opts.punctuate) == ("nova-3", "fr", False)

    run(work)
    assert [line["model_id"] for line in quick.lines()] == ["deepgram/nova-2", "deepgram/nova-3"]
    quick.assert_equals_bill()


@pytest.mark.parametrize(
    ("model", "another"),
    [("openai/gpt-4.1-mini", "gpt-4.1"), ("anthropic/claude-sonnet-4-6", "claude-haiku-4-5")],
)
def test_a_chat_model_whose_plugin_has_no_such_method_has_one_here(quick: Stage, model: str, another: str) -> None:
    provider = model.partition("/")[0]

    async def work() -> Any:
        ours = inference.LLM(model)
        ours.update_options(
            model=f"{provider}/{another}", extra_kwargs={"temperature": 0.3}, prompt_cache_breakpoints=True
        )
        await answer(ours, "Hi")
        return ours

    ours = run(work)
    assert (ours.model, ours._opts.temperature) == (another, 0.3)
    assert quick.line()["model_id"] == f"{provider}/{another}"
    with pytest.raises(TypeError, match="'loudness'"):
        ours.update_options(extra_kwargs={"loudness": 3})
    quick.assert_equals_bill()


def test_options_of_the_plugin_go_by_their_own_names(quick: Stage) -> None:
    ears = inference.STT("deepgram/nova-3")
    ears.update_options(extra={"smart_format": True})
    assert ears._opts.smart_format is True
    voice = inference.TTS("cartesia/sonic-3")
    voice.update_options(voice="a-voice", language="de", extra_kwargs={"speed": 1.2})
    assert (voice._opts.voice, str(voice._opts.language), voice._opts.speed) == ("a-voice", "de", 1.2)
    with pytest.raises(TypeError, match="loudness"):
        voice.update_options(loudness=3)


def test_another_provider_is_another_object(quick: Stage) -> None:
    ears = inference.STT("deepgram/nova-3")
    with pytest.raises(ValueError, match="stays with deepgram"):
        ears.update_options(model="openai/whisper-1")
    assert ears.model == "nova-3"


@pytest.mark.parametrize(
    ("factory", "model", "arguments", "options"),
    [
        ("TTS", "deepgram/aura-2", {"encoding": "pcm_s16le"}, {"encoding": "linear16", "model": "aura-2-andromeda-en"}),
        ("TTS", "deepgram/aura-2-luna-en", {"encoding": "mulaw"}, {"encoding": "mulaw", "model": "aura-2-luna-en"}),
        ("TTS", "deepgram/aura-2:celeste-es", {"sample_rate": 8_000}, {"sample_rate": 8_000, "model": "aura-2-celeste-es"}),
        ("TTS", "openai/tts-1:nova", {"encoding": "pcm_s16le"}, {"response_format": "pcm", "voice": "nova"}),
        ("TTS", "openai/tts-1", {"encoding": "opus", "sample_rate": 8_000}, {"response_format": "opus"}),
        ("TTS", "cartesia/sonic-3:v", {"encoding": "pcm_mulaw", "language": "de"}, {"encoding": "pcm_mulaw", "voice": "v"}),
        ("STT", "deepgram/nova-3:de", {"encoding": "pcm_s16le", "sample_rate": 8_000}, {"language": "de", "sample_rate": 8_000}),
        ("STT", "openai/whisper-1:de", {"sample_rate": 8_000}, {}),
    ],
)
def test_what_the_factories_take_goes_by_the_plugins_names(
    quick: Stage, factory: str, model: str, arguments: dict[str, Any], options: dict[str, Any]
) -> None:
    made = getattr(inference, factory)(model, **arguments)
    assert {name: getattr(made._opts, name) for name in options} == options


def test_closing_an_object_waits_for_its_lines(quick: Stage) -> None:
    async def work() -> int:
        voice = inference.TTS("cartesia/sonic-3")
        await heard(voice.synthesize("Hello."))
        await voice.aclose()
        return len(read_ledger(quick.database))

    assert run(work) == 1
