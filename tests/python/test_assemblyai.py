"""AssemblyAI: a stream costs what its session lasts, whoever was silent in it."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from booked import Stage
from conversing import ONCE, feed, listen, run, silence, tone, until
from livekit.agents import APIError
from livekit.plugins import assemblyai

from voicegateway import inference

SENTENCE = silence(0.5) + tone(1.5) + silence(0.7)

#: How much a clock of ours may differ from the provider's for a session that nobody counted: its way there and back.
CLOCKS_NANOS = 150_000_000

#: Whether the plugin can be told a language.
STEERS = "language_codes" in inspect.signature(assemblyai.STT).parameters


def ears(model: str = "universal-streaming-english", **kwargs: Any) -> Any:
    return inference.STT(f"assemblyai/{model}", **kwargs)


def test_an_object_is_the_plugins_own_and_takes_all_of_its_arguments(quick: Stage) -> None:
    made = ears(sample_rate=8000, encoding="pcm_mulaw", extra_kwargs={"format_turns": True, "keyterms_prompt": ["tea"]})
    assert isinstance(made, assemblyai.STT) and isinstance(made, inference.STT)
    options = made._opts
    assert (options.sample_rate, options.encoding, options.format_turns) == (8000, "pcm_mulaw", True)
    assert (options.speech_model, options.keyterms_prompt) == ("universal-streaming-english", ["tea"])
    assert ears("universal-streaming:es")._opts.speech_model == "universal-streaming-multilingual"


@pytest.mark.skipif(not STEERS, reason="that plugin takes no language")
def test_a_language_steers_the_models_that_know_it(quick: Stage) -> None:
    assert ears("universal-3-5-pro:de-DE")._opts.language_codes == ["de"]


def test_a_stream_costs_what_its_session_lasts(quick: Stage) -> None:
    quick.sim.script(transcripts=["Hello there, how are you?"])

    async def work() -> list[str]:
        return await listen(ears("universal-3-5-pro").stream(), SENTENCE, speed=2.0)

    assert run(work) == ["Hello there, how are you?"]
    line = quick.line()
    assert (line["status"], line["model_id"], line["sockets"]) == ("success", "assemblyai/universal-3-5-pro", 1)
    # The seconds that were begun, at half of the audio's length; the audio stands beside.
    seconds = quick.sim.row("stt")["audio_seconds"]
    assert seconds == int(seconds) > 1
    assert line["audio_nanos"] == line["session_nanos"] == seconds * 1_000_000_000
    assert line["sources"]["audio_nanos"] == "provider_reported"
    assert (line["sent_audio_nanos"], line["sources"]["sent_audio_nanos"]) == (2_700_000_000, "wire_measured")
    # The streaming price of that name: USD 0.45 an hour, 0.125 for a thousand seconds.
    assert line["cost_picos"] == seconds * 125_000_000
    quick.assert_equals_bill()


def test_closing_in_mid_utterance_costs_what_the_socket_was_open(stage: Stage) -> None:
    async def work() -> None:
        stream = ears().stream()
        await feed(stream, tone(1.0), speed=1.0)
        await stream.aclose()
        await until(lambda: stage.sim.requests())

    run(work)
    line, billed = stage.line(), stage.sim.requests()[0]
    assert (line["status"], line["sources"]["audio_nanos"]) == ("cancelled", "wire_measured")
    assert abs(line["audio_nanos"] - billed["audio_seconds"] * 1e9) < CLOCKS_NANOS
    assert line["audio_nanos"] == line["session_nanos"] >= 1_000_000_000
    assert line["cost_picos"] > 0


def test_a_session_cut_by_the_provider_costs_what_it_lasted(stage: Stage) -> None:
    stage.sim.fault("assemblyai", "stt", "drop", after_units=600)

    async def work() -> None:
        with pytest.raises(APIError):
            await listen(ears().stream(conn_options=ONCE), tone(1.5), speed=1.0)

    run(work)
    line, billed = stage.line(), stage.sim.requests()[0]
    assert (line["status"], line["error_kind"]) == ("error", "upstream_failed")
    assert abs(line["audio_nanos"] - billed["audio_seconds"] * 1e9) < CLOCKS_NANOS


def test_a_bad_key_is_told_on_the_open_socket_and_costs_nothing(quick: Stage) -> None:
    async def work() -> None:
        with pytest.raises(APIError):
            await listen(ears(api_key="invalid").stream(conn_options=ONCE), tone(0.5))

    run(work)
    line = quick.line()
    assert (line["status"], line["error_kind"], line["audio_nanos"]) == ("error", "unauthenticated", 0)
    quick.assert_equals_bill()


def test_sessions_in_parallel_do_not_mix(quick: Stage) -> None:
    async def work() -> None:
        made = ears()
        await asyncio.gather(*(listen(made.stream(), tone(length)) for length in (0.5, 1.0, 1.5)))

    run(work)
    assert sorted(line["sent_audio_nanos"] for line in quick.lines()) == [500_000_000, 1_000_000_000, 1_500_000_000]
    quick.assert_equals_bill()
