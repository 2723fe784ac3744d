"""LiveKit's own LLM client against the gateway."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import pydantic
import pytest
from booked import assert_close_estimate
from conversing import FINAL, ONCE, answer, read_some, run, said, until
from livekit import api
from livekit.agents import APIConnectOptions, APIError, APIStatusError, inference, llm
from serving import Gateway

LONG = "Can you tell me about the menu?"

#: One model of each provider the gateway chats with.
MODELS = ["openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5"]

every_provider = pytest.mark.parametrize("model", MODELS)


@llm.function_tool
async def get_weather(city: str, units: str | None = None) -> str:
    """Tells the weather.

    Args:
        city: Where.
        units: In which units.
    """
    return "sun"


def provider_of(model: str) -> str:
    return model.partition("/")[0]


@every_provider
def test_a_chat_is_answered_and_is_one_line(swift: Gateway, model: str) -> None:
    usage: list[llm.CompletionUsage] = []

    async def work() -> str:
        text = ""
        async for chunk in inference.LLM(model).chat(chat_ctx=said("My name is Ada Lovelace.")):
            text += (chunk.delta.content or "") if chunk.delta else ""
            usage.extend([chunk.usage] if chunk.usage else [])
        return text

    assert run(work).startswith("Thank you, Ada. Your table for two")
    line = swift.line()
    assert (line["status"], line["model_id"], line["project"]) == ("success", model, "shop")
    assert line["sources"]["input_tokens"] == line["sources"]["output_tokens"] == "provider_reported"
    assert 0 < line["ttfb_micros"] <= line["latency_micros"]
    assert line["cost_picos"] > 0
    # What the client is told is what is booked.
    assert [(told.prompt_tokens, told.completion_tokens) for told in usage] == [
        (line["input_tokens"], line["output_tokens"])
    ]
    swift.assert_equals_bill()


@every_provider
def test_chats_one_after_another_and_in_parallel_do_not_mix(swift: Gateway, model: str) -> None:
    async def work() -> None:
        ours = inference.LLM(model)
        await answer(ours, "One.")
        await asyncio.gather(*(answer(ours, f"Question {n}") for n in range(8)), answer(ours, LONG))

    run(work)
    assert [line["status"] for line in swift.lines()] == ["success"] * 10
    swift.assert_equals_bill()


@every_provider
def test_a_tool_is_called_and_its_result_is_spoken_of(swift: Gateway, model: str) -> None:
    arguments = {"city": "Bonn", "units": None}
    swift.sim.script(replies=[{"tool": {"name": "get_weather", "arguments": arguments}, "then": "It is sunny."}])

    async def work() -> tuple[list[llm.FunctionToolCall], str]:
        ours, context = inference.LLM(model), said("What is the weather?")
        calls: list[llm.FunctionToolCall] = []
        async for chunk in ours.chat(chat_ctx=context, tools=[get_weather]):
            calls += chunk.delta.tool_calls if chunk.delta else []
        for made in calls:
            context.items.append(llm.FunctionCall(call_id=made.call_id, name=made.name, arguments=made.arguments))
            context.items.append(
                llm.FunctionCallOutput(call_id=made.call_id, name=made.name, output="sun", is_error=False)
            )
        text = ""
        async for chunk in ours.chat(chat_ctx=context, tools=[get_weather]):
            text += (chunk.delta.content or "") if chunk.delta else ""
        return calls, text

    calls, text = run(work)
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [("get_weather", arguments)]
    assert text == "It is sunny."
    assert [line["status"] for line in swift.lines()] == ["success", "success"]
    swift.assert_equals_bill()


class Booking(pydantic.BaseModel):
    """What is booked."""

    name: str
    guests: int


@every_provider
def test_an_answer_has_the_structure_that_was_asked_for(swift: Gateway, model: str) -> None:
    said_so = json.dumps({"name": "Ada", "guests": 2})
    swift.sim.script(transcripts=["A table for two."], replies=[said_so])

    async def work() -> str:
        return await answer(inference.LLM(model), "A table for two.", response_format=Booking)

    assert Booking.model_validate_json(run(work)) == Booking(name="Ada", guests=2)
    assert swift.line()["status"] == "success"
    swift.assert_equals_bill()


@every_provider
@pytest.mark.parametrize("chunks", [2, 12])
def test_a_barge_in_is_cancelled_estimated_and_stops_the_bill(gateway: Gateway, model: str, chunks: int) -> None:
    async def work() -> None:
        ours = inference.LLM(model)
        stream = ours.chat(chat_ctx=said(LONG))
        await read_some(stream, chunks)
        await stream.aclose()
        await ours.aclose()
        await until(lambda: gateway.sim.requests())

    run(work)
    line, billed = gateway.line(), gateway.sim.row("llm")
    assert line["status"] == "cancelled"
    assert gateway.sim.requests()[-1]["outcome"] == "cut"
    assert chunks <= billed["output_tokens"] < 60  # the whole answer has over a hundred
    if provider_of(model) == "openai":
        assert_close_estimate(line, billed)
    gateway.assert_equals_bill_but_for_cut_answers()
    assert line["cost_picos"] > 0


def test_a_chat_cut_before_any_answer_is_settled_with_unknown_units(gateway: Gateway) -> None:
    gateway.sim.fault("openai", "llm", "slow", value=5_000)

    async def work() -> None:
        ours = inference.LLM("openai/gpt-4.1-mini")
        stream = ours.chat(chat_ctx=said(LONG))
        await until(lambda: gateway.sim.meter())
        await stream.aclose()
        await ours.aclose()
        await until(lambda: gateway.sim.requests())

    run(work)
    line = gateway.line()
    assert line["status"] == "cancelled"
    assert (line["input_tokens"], line["output_tokens"], line["cost_picos"]) == (None, None, None)


@every_provider
@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_of_the_provider_is_retried_behind_the_gateway(swift: Gateway, model: str, status: int) -> None:
    swift.sim.fault(provider_of(model), "llm", "status", value=status)

    async def work() -> str:
        return await answer(inference.LLM(model), "Hi", conn_options=ONCE)

    assert run(work)
    refused, served = swift.lines()
    assert (refused["status"], refused["error_status"], refused["cost_picos"]) == ("error", status, 0)
    assert served["status"] == "success"
    assert refused["request_id"] == served["request_id"]
    swift.assert_equals_bill()


@every_provider
def test_an_answer_dropped_before_its_first_token_is_asked_for_again(swift: Gateway, model: str) -> None:
    swift.sim.fault(provider_of(model), "llm", "drop")

    async def work() -> str:
        return await answer(inference.LLM(model), "Hi", conn_options=ONCE)

    assert run(work)
    dropped, served = swift.lines()
    assert (dropped["status"], served["status"]) == ("error", "success")
    swift.assert_equals_bill_but_for_cut_answers()


@every_provider
@pytest.mark.parametrize("kind", ["drop", "error_frame"])
def test_an_answer_that_breaks_off_is_an_error_for_the_client_too(gateway: Gateway, model: str, kind: str) -> None:
    gateway.sim.fault(provider_of(model), "llm", kind, after_units=20)

    async def work() -> None:
        await answer(inference.LLM(model), LONG)

    # Words were passed on: another answer may not follow them.
    with pytest.raises(APIError):
        run(work)
    line = gateway.line()
    assert line["status"] == "error"
    gateway.assert_equals_bill_but_for_cut_answers()


def test_a_model_that_thinks_for_long_is_waited_for(gateway: Gateway) -> None:
    gateway.sim.fault("openai", "llm", "slow", value=6_000)
    patience = APIConnectOptions(max_retry=0, timeout=5.5)

    async def work() -> str:
        return await answer(inference.LLM("openai/gpt-4.1-mini"), "Hi", conn_options=patience)

    assert run(work)
    assert gateway.line()["ttfb_micros"] > 6_000_000
    gateway.assert_equals_bill()


def test_cached_prompt_tokens_are_booked_and_cheaper(swift: Gateway) -> None:
    async def work() -> None:
        for _ in range(2):
            await answer(inference.LLM("openai/gpt-4.1-mini"), "word " * 1500)

    run(work)
    first, second = swift.lines()
    assert (first["cached_input_tokens"], second["cached_input_tokens"]) == (0, 1408)
    assert second["cost_picos"] < first["cost_picos"]
    swift.assert_equals_bill()


def refusal_of(gateway: Gateway, ours: Any) -> APIStatusError:
    """The status error a chat ends with, at the first try."""

    async def work() -> None:
        await answer(ours, "Hi", conn_options=FINAL)

    with pytest.raises(APIStatusError) as raised:
        run(work)
    assert gateway.log.read_text().count("refused: ") == 1
    return raised.value


def test_a_bad_secret_is_refused_at_once(swift: Gateway) -> None:
    refused = refusal_of(swift, inference.LLM(MODELS[0], api_secret="not the secret"))
    assert refused.status_code == 401
    assert isinstance(refused.body, dict) and refused.body["message"]
    assert swift.lines() == []


@pytest.mark.parametrize("model", ["nobody/nothing", "deepgram/nova-3"])
def test_a_model_that_cannot_chat_is_refused_at_once(swift: Gateway, model: str) -> None:
    assert refusal_of(swift, inference.LLM(model)).status_code in (400, 404)
    assert swift.lines() == []


def test_a_token_without_the_grant_is_forbidden(swift: Gateway) -> None:
    pair = swift.livekit
    token = api.AccessToken(pair["LIVEKIT_INFERENCE_API_KEY"], pair["LIVEKIT_INFERENCE_API_SECRET"]).to_jwt()
    request = urllib.request.Request(f"{swift.url}/v1/models", headers={"Authorization": f"Bearer {token}"})
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=10)
    assert raised.value.code == 403
    raised.value.close()


def test_the_ids_of_the_job_reach_the_ledger(swift: Gateway) -> None:
    """The headers that LiveKit's clients send inside a job; outside of one they are set by hand."""
    headers = {"X-LiveKit-Room-ID": "RM_room", "X-LiveKit-Job-ID": "AJ_job"}

    async def work() -> None:
        for _ in range(2):
            await answer(inference.LLM(MODELS[0], extra_kwargs={"extra_headers": headers}), "Hi")

    run(work)
    first, second = swift.lines()
    assert first["session_id"] == second["session_id"]
    assert "RM_room" in json.dumps(first["metadata"]) + first["session_id"]
    swift.assert_equals_bill()


def test_nothing_of_what_was_said_is_kept(swift: Gateway) -> None:
    swift.sim.fault("openai", "llm", "drop", after_units=2, times=4)

    async def work() -> None:
        await answer(inference.LLM(MODELS[0]), "My secret is xyzzy.", conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    assert "xyzzy" not in json.dumps(swift.lines(), default=str)
    assert "xyzzy" not in swift.log.read_text()
