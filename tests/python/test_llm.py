"""Chats: every attempt is a line, and the lines add up to what OpenAI bills."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any

import pytest
from booked import Stage, assert_close_estimate
from conversing import ONCE, TWICE, answer, read_some, run, said, until
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, llm

from voicegateway import inference

LONG = "Can you tell me about the menu?"


def model() -> Any:
    return inference.LLM("openai/gpt-4.1-mini")


def test_a_chat_is_one_line_with_the_tokens_openai_reports(quick: Stage) -> None:
    async def work() -> str:
        return await answer(model(), "My name is Ada Lovelace.")

    assert run(work).startswith("Thank you, Ada.")
    line = quick.line()
    assert (line["status"], line["provider"], line["model_id"]) == ("success", "openai", "openai/gpt-4.1-mini")
    assert (line["modality"], line["project"], line["sockets"], line["probe"]) == ("llm", "default", 0, 0)
    assert line["sources"]["output_tokens"] == line["sources"]["input_tokens"] == "provider_reported"
    assert line["session_id"].startswith("vg-")
    assert 0 < line["ttfb_micros"] <= line["latency_micros"]
    assert line["cost_picos"] == line["input_tokens"] * 400_000 + line["output_tokens"] * 1_600_000
    assert line["pricing_source"].startswith("voice-prices@")
    quick.assert_equals_bill()


def test_three_chats_of_one_object_are_three_requests(quick: Stage) -> None:
    async def work() -> None:
        ours = model()
        for text in ("One.", "Two.", "Three."):
            await answer(ours, text)

    run(work)
    lines = quick.lines()
    assert [line["status"] for line in lines] == ["success"] * 3
    assert len({line["request_id"] for line in lines}) == 3
    assert len({line["attempt_id"] for line in lines}) == 3
    assert len({line["session_id"] for line in lines}) == 1
    quick.assert_equals_bill()


def test_parallel_chats_do_not_mix(quick: Stage) -> None:
    async def work() -> None:
        ours = model()
        await asyncio.gather(*(answer(ours, f"Question {n}") for n in range(12)), answer(ours, LONG))

    run(work)
    assert len(quick.lines()) == 13
    quick.assert_equals_bill()


def test_cached_prompt_tokens_are_booked_and_cheaper(quick: Stage) -> None:
    async def work() -> None:
        for _ in range(2):
            await answer(model(), "word " * 1500)

    run(work)
    first, second = quick.lines()
    assert (first["cached_input_tokens"], second["cached_input_tokens"]) == (0, 1408)
    assert second["cost_picos"] < first["cost_picos"]
    quick.assert_equals_bill()


def test_a_tool_call_and_the_answer_after_it_are_two_lines(quick: Stage) -> None:
    call = {"tool": {"name": "get_weather", "arguments": {"city": "Bonn"}}, "then": "It is sunny."}
    quick.sim.script(replies=[call])

    @llm.function_tool
    async def get_weather(city: str) -> str:
        """Tells the weather.

        Args:
            city: Where.
        """
        return "sun"

    async def work() -> tuple[str, str]:
        ours, context = model(), said("What is the weather?")
        calls: list[Any] = []
        async for chunk in ours.chat(chat_ctx=context, tools=[get_weather]):
            calls += chunk.delta.tool_calls if chunk.delta else []
        made = calls[0]
        context.items.append(llm.FunctionCall(call_id=made.call_id, name=made.name, arguments=made.arguments))
        context.items.append(
            llm.FunctionCallOutput(call_id=made.call_id, name=made.name, output="sun", is_error=False)
        )
        text = ""
        async for chunk in ours.chat(chat_ctx=context, tools=[get_weather]):
            text += (chunk.delta.content or "") if chunk.delta else ""
        return made.arguments, text

    arguments, text = run(work)
    assert (json.loads(arguments), text) == ({"city": "Bonn"}, "It is sunny.")
    assert [line["status"] for line in quick.lines()] == ["success", "success"]
    quick.assert_equals_bill()


def test_a_cut_tool_call_is_estimated_with_its_arguments(stage: Stage) -> None:
    call = {"tool": {"name": "book_table", "arguments": {"notes": "a quiet table by the window, " * 10}}}
    stage.sim.script(replies=[call])
    stage.sim.fault("openai", "llm", "drop", after_units=40)

    @llm.function_tool
    async def book_table(notes: str) -> str:
        """Books a table.

        Args:
            notes: Wishes.
        """
        return notes

    async def work() -> None:
        async for _ in model().chat(chat_ctx=said("Book a table."), tools=[book_table], conn_options=ONCE):
            pass

    with pytest.raises(APIError):
        run(work)
    line, billed = stage.line(), stage.sim.row("llm")
    assert line["status"] == "error"
    assert_close_estimate(line, billed)


@pytest.mark.parametrize("chunks", [2, 12])
def test_a_barge_in_is_cancelled_and_estimated_and_stops_the_bill(stage: Stage, chunks: int) -> None:
    async def work() -> None:
        stream = model().chat(chat_ctx=said(LONG))
        await read_some(stream, chunks)
        await stream.aclose()
        await until(lambda: stage.sim.requests())

    run(work)
    line, billed = stage.line(), stage.sim.row("llm")
    assert line["status"] == "cancelled"
    assert stage.sim.requests()[-1]["outcome"] == "cut"
    assert chunks <= billed["output_tokens"] < 60  # the whole answer has over a hundred
    assert_close_estimate(line, billed)
    assert line["cost_picos"] > 0


def test_a_cancelled_task_is_a_cancelled_line(stage: Stage) -> None:
    async def work() -> None:
        seen = 0

        async def talk() -> None:
            nonlocal seen
            async with model().chat(chat_ctx=said(LONG)) as stream:
                async for _ in stream:
                    seen += 1

        task = asyncio.create_task(talk())
        await until(lambda: seen > 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: stage.sim.requests())

    run(work)
    line = stage.line()
    assert line["status"] == "cancelled"
    assert_close_estimate(line, stage.sim.row("llm"))


def test_a_chat_closed_before_it_began_is_no_request(stage: Stage) -> None:
    async def work() -> None:
        await model().chat(chat_ctx=said("Hi")).aclose()

    run(work)
    assert [line["modality"] for line in stage.lines()] == []
    assert stage.sim.meter() == []


def test_a_chat_cut_before_any_answer_has_unknown_units(stage: Stage) -> None:
    async def work() -> None:
        stream = model().chat(chat_ctx=said(LONG))
        await until(lambda: stage.sim.meter())
        await stream.aclose()

    run(work)
    line = stage.line()
    assert line["status"] == "cancelled"
    for name in ("input_tokens", "output_tokens", "cost_picos", "ttfb_micros"):
        assert line[name] is None, name
    assert set(line["sources"].values()) == {None}
    assert "unpriced" in line["metadata"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_refused_attempt_and_its_retry_are_two_lines_of_one_request(quick: Stage, status: int) -> None:
    quick.sim.fault("openai", "llm", "status", value=status)

    async def work() -> str:
        return await answer(model(), "Hi", conn_options=TWICE)

    assert run(work)
    refused, served = quick.lines()
    assert refused["request_id"] == served["request_id"]
    assert refused["attempt_id"] != served["attempt_id"]
    assert (refused["status"], refused["error_status"]) == ("error", status)
    assert refused["error_kind"] == ("rate_limited" if status == 429 else "upstream_failed")
    assert (refused["input_tokens"], refused["output_tokens"], refused["cost_picos"]) == (0, 0, 0)
    assert served["status"] == "success"
    quick.assert_equals_bill()


def test_a_bad_key_is_an_unauthenticated_line_that_costs_nothing(quick: Stage) -> None:
    async def work() -> None:
        await answer(inference.LLM("openai/gpt-4.1-mini", api_key="invalid"), "Hi", conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    line = quick.line()
    assert (line["status"], line["error_kind"], line["error_status"]) == ("error", "unauthenticated", 401)
    assert line["cost_picos"] == 0


def test_a_stalled_answer_is_a_timeout(stage: Stage) -> None:
    stage.sim.fault("openai", "llm", "stall", after_units=3)

    async def work() -> None:
        await answer(model(), LONG, conn_options=APIConnectOptions(max_retry=0, timeout=0.7))

    with pytest.raises(APIError):
        run(work)
    line = stage.line()
    assert (line["status"], line["error_kind"]) == ("error", "upstream_timeout")
    assert_close_estimate(line, stage.sim.row("llm"))


def test_a_dropped_answer_is_an_error_with_its_tokens_estimated(stage: Stage) -> None:
    stage.sim.fault("openai", "llm", "drop", after_units=20)

    async def work() -> None:
        await answer(model(), LONG, conn_options=ONCE)

    with pytest.raises(APIConnectionError):
        run(work)
    line = stage.line()
    assert (line["status"], line["error_kind"]) == ("error", "upstream_failed")
    assert_close_estimate(line, stage.sim.row("llm"))


def test_an_answer_dropped_before_its_headers_is_unknown(quick: Stage) -> None:
    quick.sim.fault("openai", "llm", "drop")

    async def work() -> None:
        await answer(model(), "Hi", conn_options=ONCE)

    with pytest.raises(APIConnectionError):
        run(work)
    line = quick.line()
    assert line["status"] == "error"
    assert (line["input_tokens"], line["output_tokens"], line["cost_picos"]) == (None, None, None)


@pytest.mark.parametrize("kind", ["malformed", "error_frame"])
def test_an_answer_that_breaks_off_is_an_error_with_its_tokens_estimated(stage: Stage, kind: str) -> None:
    stage.sim.fault("openai", "llm", kind, after_units=10)

    async def work() -> None:
        await answer(model(), LONG, conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    line = stage.line()
    assert line["status"] == "error"
    assert_close_estimate(line, stage.sim.row("llm"))


def test_an_answer_without_a_usage_message_is_estimated_and_marked(quick: Stage) -> None:
    quick.sim.fault("openai", "llm", "no_usage")

    async def work() -> None:
        await answer(model(), LONG)

    run(work)
    line = quick.line()
    assert line["status"] == "success"
    assert_close_estimate(line, quick.sim.row("llm"))


def test_a_slow_answer_shows_in_its_latency(quick: Stage) -> None:
    quick.sim.fault("openai", "llm", "slow", value=400)

    async def work() -> None:
        await answer(model(), "Hi")

    run(work)
    assert quick.line()["ttfb_micros"] > 400_000
    quick.assert_equals_bill()


def test_a_fallback_books_every_member_it_tried_and_the_probe_that_found_one_well(quick: Stage) -> None:
    quick.sim.fault("openai", "llm", "status", value=500)

    async def work() -> None:
        chain = llm.FallbackAdapter(
            [inference.LLM("openai/gpt-4.1-mini"), inference.LLM("openai/gpt-4.1")], max_retry_per_llm=0
        )
        assert await answer(chain, "Hi")
        await until(lambda: len(quick.sim.requests()) == 3 and chain._status[0].available)

    run(work)
    lines = quick.lines()
    found = [(line["model_id"].removeprefix("openai/"), line["status"], line["probe"]) for line in lines]
    assert sorted(found) == [("gpt-4.1", "fallback", 0), ("gpt-4.1-mini", "error", 0), ("gpt-4.1-mini", "success", 1)]
    quick.assert_equals_bill()


def test_another_model_set_on_the_object_is_the_one_booked(quick: Stage) -> None:
    async def work() -> None:
        ours = model()
        ours._opts.model = "gpt-4.1-nano"
        await answer(ours, "Hi")

    run(work)
    assert quick.line()["model_id"] == "openai/gpt-4.1-nano"
    quick.assert_equals_bill()


def test_the_ledger_holds_nothing_of_what_was_said(quick: Stage) -> None:
    quick.sim.fault("openai", "llm", "drop", after_units=2)

    async def work() -> None:
        await answer(model(), "My secret is xyzzy.", conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    assert "xyzzy" not in str(quick.line())
    found = subprocess.run(["grep", "-rlF", "xyzzy", str(quick.folder)], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (1, "")
