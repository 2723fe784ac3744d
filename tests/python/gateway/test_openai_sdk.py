"""OpenAI's own SDK against the gateway, for every provider behind it."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest
from booked import wait_for
from conversing import RATE, tone
from serving import Gateway

LONG = "Can you tell me about the menu?"
MODELS = ["openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5", "groq/llama-3.3-70b-versatile"]

every_provider = pytest.mark.parametrize("model", MODELS)

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def client(swift: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(**swift.openai, max_retries=0, timeout=20) as made:
        yield made


def asked(text: str) -> Any:
    return [{"role": "system", "content": "You are a waiter."}, {"role": "user", "content": text}]


@every_provider
def test_a_whole_completion_and_its_usage(swift: Gateway, client: openai.OpenAI, model: str) -> None:
    done = client.chat.completions.create(model=model, messages=asked("My name is Ada Lovelace."))
    (choice,) = done.choices
    assert (done.object, choice.finish_reason, choice.message.role) == ("chat.completion", "stop", "assistant")
    assert (choice.message.content or "").startswith("Thank you, Ada. Your table for two")
    line = swift.line()
    assert (line["status"], line["model_id"], line["project"]) == ("success", model, "shop")
    assert done.usage
    assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (line["input_tokens"], line["output_tokens"])
    assert done.usage.total_tokens == line["input_tokens"] + line["output_tokens"]
    swift.assert_equals_bill()


def test_an_alias_of_the_owner_stands_for_a_model(swift: Gateway, client: openai.OpenAI) -> None:
    assert client.chat.completions.create(model="fast", messages=asked("Hi")).choices[0].message.content
    assert swift.line()["model_id"] == "openai/gpt-4.1-mini"
    swift.assert_equals_bill()


@every_provider
def test_a_streamed_completion(swift: Gateway, client: openai.OpenAI, model: str) -> None:
    chunks = list(
        client.chat.completions.create(
            model=model,
            messages=asked("My name is Ada Lovelace."),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("Thank you, Ada. Your table for two")
    assert len({chunk.id for chunk in chunks}) == 1
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    (usage,) = [chunk.usage for chunk in chunks if chunk.usage]
    line = swift.line()
    assert (usage.prompt_tokens, usage.completion_tokens) == (line["input_tokens"], line["output_tokens"])
    swift.assert_equals_bill()


@every_provider
def test_a_stream_without_usage_is_booked_all_the_same(swift: Gateway, client: openai.OpenAI, model: str) -> None:
    chunks = list(client.chat.completions.create(model=model, messages=asked("Hi"), stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    assert swift.line()["sources"]["output_tokens"] == "provider_reported"
    swift.assert_equals_bill()


@every_provider
@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_call_and_the_answer_after_it(swift: Gateway, client: openai.OpenAI, model: str, streamed: bool) -> None:
    call = {"tool": {"name": "get_weather", "arguments": {"city": "Bonn"}}, "then": "It is sunny."}
    swift.sim.script(replies=[call])
    messages = asked("What is the weather?")
    if streamed:
        with client.chat.completions.stream(model=model, messages=messages, tools=[WEATHER]) as stream:
            done: Any = stream.get_final_completion()
    else:
        done = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    (choice,) = done.choices
    assert choice.finish_reason == "tool_calls"
    (made,) = choice.message.tool_calls
    assert (made.type, made.function.name) == ("function", "get_weather")
    assert json.loads(made.function.arguments) == {"city": "Bonn"}
    asking = {
        "role": "assistant",
        "tool_calls": [
            {"id": made.id, "type": "function", "function": {"name": "get_weather", "arguments": made.function.arguments}}
        ],
    }
    told = {"role": "tool", "tool_call_id": made.id, "content": "sun"}
    after = client.chat.completions.create(model=model, messages=[*messages, asking, told], tools=[WEATHER])
    assert after.choices[0].message.content == "It is sunny."
    assert [line["status"] for line in swift.lines()] == ["success", "success"]
    swift.assert_equals_bill()


class Booking(pydantic.BaseModel):
    """What is booked."""

    name: str
    guests: int


@every_provider
def test_structured_output(swift: Gateway, client: openai.OpenAI, model: str) -> None:
    swift.sim.script(transcripts=["A table for two."], replies=[json.dumps({"name": "Ada", "guests": 2})])
    done = client.chat.completions.parse(model=model, messages=asked("A table for two."), response_format=Booking)
    assert done.choices[0].message.parsed == Booking(name="Ada", guests=2)
    swift.assert_equals_bill()


@every_provider
def test_an_answer_is_cut_where_it_was_told_to(swift: Gateway, client: openai.OpenAI, model: str) -> None:
    done = client.chat.completions.create(model=model, messages=asked(LONG), max_completion_tokens=9)
    assert done.choices[0].finish_reason == "length"
    assert swift.line()["output_tokens"] == 9
    swift.assert_equals_bill()


@every_provider
def test_a_stream_left_in_the_middle_is_cancelled(gateway: Gateway, model: str) -> None:
    with openai.OpenAI(**gateway.openai, max_retries=0) as client:
        with client.chat.completions.create(model=model, messages=asked(LONG), stream=True) as stream:
            for _, _ in zip(range(8), stream, strict=False):
                pass
        wait_for(gateway.sim.requests)
    assert gateway.line()["status"] == "cancelled"
    assert gateway.sim.row("llm")["output_tokens"] < 60
    gateway.assert_equals_bill_but_for_cut_answers()


@every_provider
def test_a_whole_completion_left_in_the_middle_is_cancelled(gateway: Gateway, model: str) -> None:
    with openai.OpenAI(**gateway.openai, max_retries=0, timeout=0.8) as client:
        with pytest.raises(openai.APITimeoutError):
            client.chat.completions.create(model=model, messages=asked(LONG))
        wait_for(gateway.sim.requests)
    assert gateway.line()["status"] == "cancelled"
    assert gateway.sim.row("llm")["output_tokens"] < 100


def recording(seconds: float) -> tuple[str, io.BytesIO]:
    """A WAV file with something like speech in it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(tone(seconds))
    file.seek(0)
    return "speech.wav", file


@pytest.mark.parametrize(
    "model",
    ["openai/whisper-1", "openai/gpt-4o-transcribe", "deepgram/nova-3", "cartesia/ink-whisper"],
)
def test_a_recording_is_transcribed(swift: Gateway, client: openai.OpenAI, model: str) -> None:
    swift.sim.script(transcripts=["Hello there, how are you?"])
    done = client.audio.transcriptions.create(model=model, file=recording(1.5))
    assert done.text == "Hello there, how are you?"
    line = swift.line()
    assert (line["status"], line["model_id"]) == ("success", model)
    assert line["cost_picos"] or "unpriced" in line["metadata"]
    swift.assert_equals_bill()


@pytest.mark.parametrize("model", ["openai/whisper-1", "deepgram/nova-3"])
def test_a_transcription_comes_in_the_form_that_was_asked_for(
    swift: Gateway, client: openai.OpenAI, model: str
) -> None:
    swift.sim.script(transcripts=["Hello there, how are you?"] * 2)
    verbose = client.audio.transcriptions.create(model=model, file=recording(2.0), response_format="verbose_json")
    assert (verbose.text.strip(), float(verbose.duration)) == ("Hello there, how are you?", 2.0)
    plain = client.audio.transcriptions.create(model=model, file=recording(2.0), response_format="text")
    assert plain.strip() == "Hello there, how are you?"
    swift.assert_equals_bill()


@pytest.mark.parametrize(
    ("model", "voice", "form"),
    [
        ("openai/tts-1", "alloy", "pcm"),
        ("openai/tts-1", "alloy", "mp3"),
        # The simulators of the others make bare audio only.
        ("cartesia/sonic-3", "a-voice", "pcm"),
        ("deepgram/aura-2", "thalia", "pcm"),
    ],
)
def test_a_text_is_spoken(swift: Gateway, client: openai.OpenAI, model: str, voice: str, form: Any) -> None:
    text = "Hello there, my friend."
    with client.audio.speech.with_streaming_response.create(
        model=model, voice=voice, input=text, response_format=form
    ) as response:
        audio = b"".join(response.iter_bytes())
    assert len(audio) > 4_000
    line = swift.line()
    assert (line["status"], line["sent_characters"]) == ("success", len(text))
    assert line["cost_picos"] > 0
    swift.assert_equals_bill()


def test_a_speech_left_in_the_middle_is_settled(gateway: Gateway) -> None:
    with openai.OpenAI(**gateway.openai, max_retries=0) as client:
        with client.audio.speech.with_streaming_response.create(
            model="openai/tts-1", voice="alloy", input="A long sentence that nobody hears to its end. " * 8
        ) as response:
            next(response.iter_bytes(1_000))
        wait_for(gateway.sim.requests)
    assert gateway.line()["status"] == "cancelled"
    gateway.assert_equals_bill()


def test_the_models_are_listed(swift: Gateway, client: openai.OpenAI) -> None:
    assert {model.id for model in client.models.list()} == {"fast", "deepgram/nova-3", "cartesia/sonic-3:a-voice"}


@pytest.mark.parametrize("key", ["vk_nobody", "sk-something", "not a key"])
def test_a_bad_key_is_an_authentication_error(swift: Gateway, key: str) -> None:
    with openai.OpenAI(base_url=f"{swift.url}/v1", api_key=key, max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as raised:
            client.chat.completions.create(model=MODELS[0], messages=asked("Hi"))
    assert raised.value.body and key not in json.dumps(raised.value.body)
    assert swift.lines() == []


def test_an_unknown_model_is_not_found(swift: Gateway, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="nobody/nothing", messages=asked("Hi"))
    assert "nobody" in raised.value.message
    assert swift.lines() == []


def test_a_request_that_is_wrong_is_a_bad_request(swift: Gateway, client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODELS[0], messages=[])


def test_a_provider_that_stays_overloaded_is_a_rate_limit(swift: Gateway, client: openai.OpenAI) -> None:
    swift.sim.fault("openai", "llm", "status", value=429, times=50)
    with pytest.raises((openai.RateLimitError, openai.InternalServerError)):
        client.chat.completions.create(model=MODELS[0], messages=asked("Hi"))
    lines = swift.lines()
    assert lines and {(line["status"], line["cost_picos"]) for line in lines} == {("error", 0)}
