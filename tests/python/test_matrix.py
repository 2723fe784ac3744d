"""Every cloud provider in every modality: built, of the plugin's class, served, cancelled and refused.

What the ledger holds is what the simulated provider bills. A provider is a row; the table stands at the end of pytest's
output.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from booked import CLOCKS_NANOS, Line, Stage
from conversing import OLDEST, ONCE, RATE, answer, feed, frames, heard, listen, read_some, run, said, say, silence, tone, until
from livekit.agents import APIError, llm, stt, tts

from voicegateway import inference

QUESTION = "Can you tell me about the menu?"
SENTENCE = "Hello there, my friend. How are you?"
LONG = "This is a rather long sentence that will be cut off. And another long one follows right after it. " * 3
AUDIO, CHARACTERS, TOKENS = ("audio_nanos",), ("characters",), ("input_tokens", "output_tokens")
BASES = {"stt": stt.STT, "llm": llm.LLM, "tts": tts.TTS}


#: The provider finds where an utterance ends.
SPOTTED = {"server_vad": {"vad_silence_threshold_secs": 0.5}}
#: Audio as it is, without MP3.
PLAIN = {"encoding": "pcm_24000"}


@dataclasses.dataclass(frozen=True)
class Row:
    """One model of a provider, in one way of asking it."""

    #: The model string.
    model: str
    modality: str
    #: The plugin's class.
    plugin: str
    #: What the provider bills.
    billed: tuple[str, ...]
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    #: One body, not a stream.
    at_once: bool = False
    #: The price book has its price.
    is_priced: bool = True
    #: The oldest plugin lacks it.
    is_newer: bool = False
    #: The rate of the audio it takes.
    rate: int = RATE
    #: A stream has no end of its own: whoever closes it, ends it.
    is_endless: bool = False

    def __str__(self) -> str:
        return f"{self.model} {self.modality}" + (" at once" if self.at_once else "")

    @property
    def provider(self) -> str:
        return self.model.partition("/")[0]

    def build(self) -> Any:
        return getattr(inference, self.modality.upper())(self.model, extra_kwargs=dict(self.options))


ROWS = [
    Row("deepgram/nova-3", "stt", "deepgram.STT", AUDIO),
    Row("deepgram/nova-3", "stt", "deepgram.STT", AUDIO, at_once=True),
    Row("deepgram/flux-general-en", "stt", "deepgram.STTv2", AUDIO),
    Row("deepgram/aura-2:thalia", "tts", "deepgram.TTS", CHARACTERS),
    Row("deepgram/aura-2-luna-en", "tts", "deepgram.TTS", CHARACTERS, at_once=True),
    Row("openai/whisper-1", "stt", "openai.STT", AUDIO, at_once=True),
    Row("openai/gpt-4o-transcribe", "stt", "openai.STT", TOKENS, at_once=True),
    Row("openai/gpt-4o-mini-transcribe", "stt", "openai.STT", TOKENS, {"use_realtime": True}, rate=24_000, is_endless=True),
    Row("openai/gpt-4.1-mini", "llm", "openai.LLM", TOKENS),
    Row("openai/tts-1", "tts", "openai.TTS", CHARACTERS, {"response_format": "pcm"}, at_once=True),
    Row("openai/gpt-4o-mini-tts", "tts", "openai.TTS", TOKENS, {"response_format": "pcm"}, at_once=True),
    Row("anthropic/claude-sonnet-4-6", "llm", "anthropic.LLM", TOKENS),
    Row("cartesia/ink-2", "stt", "cartesia.STT", AUDIO, is_newer=True),
    Row("cartesia/ink-whisper", "stt", "cartesia.STT", AUDIO, is_priced=False),
    Row("cartesia/sonic-3", "tts", "cartesia.TTS", CHARACTERS),
    Row("cartesia/sonic-3", "tts", "cartesia.TTS", CHARACTERS, at_once=True),
    Row("groq/whisper-large-v3-turbo", "stt", "groq.STT", AUDIO, at_once=True),
    Row("groq/llama-3.3-70b-versatile", "llm", "groq.LLM", TOKENS),
    Row("groq/canopylabs/orpheus-v1-english", "tts", "groq.TTS", CHARACTERS, at_once=True),
    Row("elevenlabs/scribe_v2", "stt", "elevenlabs.STT", AUDIO, at_once=True),
    Row("elevenlabs/scribe_v2_realtime", "stt", "elevenlabs.STT", AUDIO, SPOTTED, is_newer=True, is_endless=True),
    Row("elevenlabs/eleven_flash_v2_5:a-voice", "tts", "elevenlabs.TTS", CHARACTERS, PLAIN),
    Row("elevenlabs/eleven_flash_v2_5:a-voice", "tts", "elevenlabs.TTS", CHARACTERS, PLAIN, at_once=True),
    Row("assemblyai/universal-streaming-english", "stt", "assemblyai.STT", AUDIO),
]

every_row = pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=str(row), marks=pytest.mark.skipif(row.is_newer and OLDEST, reason="not in the oldest plugin"))
        for row in ROWS
    ],
)
Tell = Callable[[str, object], None]


def in_words(row: Row, lines: list[Line]) -> str:
    """What the ledger and the bill both say."""

    def total(name: str) -> str:
        found = [line[name] for line in lines if line[name] is not None]
        if not found:
            return "?"
        return f"{sum(found) / 1e9:.2f} s" if name == "audio_nanos" else str(sum(found))

    unit = {AUDIO: "", CHARACTERS: " characters", TOKENS: " tokens"}[row.billed]
    return "+".join(total(name) for name in row.billed) + unit


def assert_equals_bill(stage: Stage, row: Row, *, estimated: bool = False) -> str:
    """Every quantity the row is billed by is the bill's, to the unit; returns it.

    Tokens of what was cut off may be ``estimated``, within 5 % or 3 tokens; where nothing came that tells them they are
    unknown, and never 0.
    """
    lines = stage.lines()
    differences = stage.differences()
    assert {key[0] for key in differences} <= {row.provider}, differences
    for (_, _, modality), of_model in differences.items():
        assert modality == row.modality
        for column in row.billed:
            if estimated and row.billed == TOKENS:
                sources = {line["sources"][column] for line in lines}
                assert sources <= {"estimated", "provider_reported", None}, sources
                if None not in sources:
                    assert abs(of_model.get(column, 0)) <= max(3, 0.05 * sum(line[column] for line in lines))
            else:
                # Told by the provider where the stream was ended, by two clocks where it was closed.
                clocks = CLOCKS_NANOS.get(row.provider, 0) if estimated else 0
                assert abs(of_model.get(column, 0)) <= clocks, (column, differences)
    return in_words(row, lines)


async def ask(row: Row, built: Any) -> None:
    """One whole request."""
    if row.modality == "llm":
        assert await answer(built, QUESTION, conn_options=ONCE)
    elif row.modality == "tts":
        speech = heard(built.synthesize(SENTENCE, conn_options=ONCE)) if row.at_once else say(built, SENTENCE, conn_options=ONCE)
        assert await speech > 0.5
    elif row.at_once:
        assert (await built.recognize(list(frames(tone(1.5, row.rate), row.rate)), conn_options=ONCE)).alternatives
    elif row.is_endless:
        await transcribe(built, row.rate)
    else:
        sound = silence(0.5, row.rate) + tone(1.5, row.rate) + silence(1.5, row.rate)
        assert await listen(built.stream(conn_options=ONCE), sound, rate=row.rate)


async def transcribe(built: Any, rate: int) -> None:
    """A realtime transcription, which never ends by itself: closed after one utterance."""
    stream = built.stream(conn_options=ONCE)
    feeding = asyncio.create_task(feed(stream, tone(1.5, rate) + silence(1.0, rate), rate=rate))
    try:
        async for event in stream:
            if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
                return
    finally:
        feeding.cancel()
        await stream.aclose()


async def cancel(stage: Stage, row: Row, built: Any) -> None:
    """One request that is closed in its middle."""
    if row.modality == "llm":
        stream = built.chat(chat_ctx=said(QUESTION))
        await read_some(stream, 8)
    elif row.modality == "stt" and row.at_once:
        stage.sim.fault(row.provider, "stt", "slow", value=3_000)
        task = asyncio.create_task(built.recognize(list(frames(tone(1.5))), conn_options=ONCE))
        await until(lambda: stage.sim.meter() and stage.sim.row("stt")["requests"])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return
    elif row.modality == "stt":
        stream = built.stream()
        await feed(stream, tone(1.6, row.rate), rate=row.rate)
        # What is billed in tokens is billed for whole utterances: here for none. And sessions have a clock of their own.
        least = 0 if row.billed == TOKENS or row.provider in CLOCKS_NANOS else 1.44
        await until(lambda: stage.sim.meter() and stage.sim.row("stt")["audio_seconds"] >= least)
    else:
        stream = built.synthesize(LONG) if row.at_once else built.stream()
        if not row.at_once:
            stream.push_text(LONG)
        async for _ in stream:
            break
    await stream.aclose()


def work(stage: Stage, row: Row, does: Callable[[Any], Awaitable[None]]) -> None:
    """Build the row's object, do something with it, close it, and wait until the provider has noticed."""

    async def inside() -> None:
        built = row.build()
        try:
            await does(built)
        finally:
            await built.aclose()
        await until(lambda: stage.sim.requests() or stage.sim.meter())

    run(inside)


@every_row
def test_factory(quick: Stage, row: Row, record_property: Tell) -> None:
    built = row.build()
    assert row.modality == "llm" or built.capabilities
    assert built.model and built.provider and built.label
    assert quick.sim.meter() == quick.sim.requests() == []
    record_property(str(row), "built")


@every_row
def test_isinstance(quick: Stage, row: Row, record_property: Tell) -> None:
    built = row.build()
    module, _, name = row.plugin.partition(".")
    plugin_class = getattr(importlib.import_module(f"livekit.plugins.{module}"), name)
    assert isinstance(built, plugin_class) and isinstance(built, BASES[row.modality])
    assert [each for each in BASES if isinstance(built, getattr(inference, each.upper()))] == [row.modality]
    assert (type(built).__name__, type(built).__module__) == (plugin_class.__name__, plugin_class.__module__)
    record_property(str(row), row.plugin)


@every_row
def test_streamed(quick: Stage, row: Row, record_property: Tell) -> None:
    work(quick, row, lambda built: ask(row, built))
    assert quick.line()["status"] == ("cancelled" if row.is_endless else "success")
    assert ((quick.line()["cost_picos"] or 0) > 0) is row.is_priced
    assert all(quick.line()[column] is not None for column in row.billed)
    record_property(str(row), assert_equals_bill(quick, row))


@every_row
def test_cancelled(stage: Stage, row: Row, record_property: Tell) -> None:
    work(stage, row, lambda built: cancel(stage, row, built))
    assert stage.line()["status"] == "cancelled"
    record_property(str(row), assert_equals_bill(stage, row, estimated=True))


@every_row
def test_failed(quick: Stage, row: Row, record_property: Tell) -> None:
    quick.sim.fault(row.provider, row.modality, "status", value=503, times=9)
    with pytest.raises((APIError, aiohttp.ClientError)):  # some plugins let their client's own error through
        work(quick, row, lambda built: ask(row, built))
    assert quick.line()["status"] == "error"
    assert (quick.line()["error_status"], quick.line()["cost_picos"] or 0) == (503, 0)
    record_property(str(row), assert_equals_bill(quick, row))
