"""Chats with Anthropic: what its usage messages say, and not what its plugin adds up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from booked import Stage
from conversing import OLDEST, ONCE, TWICE, answer, read_some, run, said, until
from livekit.agents import APIConnectOptions, APIError, llm

from voicegateway import inference

LONG = "Can you tell me about the menu?"

needs_retries = pytest.mark.skipif(OLDEST, reason="that plugin cannot send a chat again: it awaits one call twice")


def model(**kwargs: Any) -> Any:
    return inference.LLM("anthropic/claude-sonnet-4-6", **kwargs)


def assert_close(line: dict[str, Any], billed: dict[str, Any]) -> None:
    """A cut answer: its prompt was reported when it began, and what was made of it is estimated from below."""
    assert line["sources"]["input_tokens"] == "provider_reported"
    assert line["input_tokens"] == billed["input_tokens"]
    assert line["sources"]["output_tokens"] == "estimated"
    assert 0 <= billed["output_tokens"] - line["output_tokens"] <= max(3, 0.05 * billed["output_tokens"])
    assert line["cost_picos"] > 0


def test_a_chat_is_one_line_with_the_last_counts_and_not_their_sum(quick: Stage) -> None:
    reported: list[Any] = []

    async def work() -> str:
        ours = model()
        ours.on("metrics_collected", reported.append)
        return await answer(ours, "My name is Ada Lovelace.")

    assert run(work).startswith("Thank you, Ada.")
    line = quick.line()
    assert (line["status"], line["provider"], line["model_id"]) == (
        "success",
        "anthropic",
        "anthropic/claude-sonnet-4-6",
    )
    assert line["sources"]["output_tokens"] == line["sources"]["input_tokens"] == "provider_reported"
    assert 0 < line["ttfb_micros"] <= line["latency_micros"]
    # USD 3 and 15 for a million tokens: https://platform.claude.com/docs/en/about-claude/pricing, read 2026-11.
    assert line["cost_picos"] == line["input_tokens"] * 3_000_000 + line["output_tokens"] * 15_000_000
    # The plugin counts the first tokens twice.
    assert reported[0].completion_tokens > line["output_tokens"]
    quick.assert_equals_bill()


def test_cached_tokens_are_part_of_the_input_and_written_once(quick: Stage) -> None:
    async def work() -> None:
        for _ in range(2):
            await answer(model(extra_kwargs={"caching": "ephemeral"}), "word " * 1500)

    run(work)
    first, second = quick.lines()
    assert (first["cached_input_tokens"], second["cached_input_tokens"]) == (0, first["cache_write_tokens"])
    assert second["cached_input_tokens"] > 1000
    assert first["input_tokens"] == second["input_tokens"] > second["cached_input_tokens"]
    assert second["cost_picos"] < first["cost_picos"]
    quick.assert_equals_bill()


def test_a_tool_call_and_the_answer_after_it_are_two_lines(quick: Stage) -> None:
    quick.sim.script(
        replies=[{"tool": {"name": "get_weather", "arguments": {"city": "Bonn"}}, "then": "It is sunny."}]
    )

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
    stage.sim.fault("anthropic", "llm", "drop", after_units=40)

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
    assert stage.line()["status"] == "error"
    assert_close(stage.line(), stage.sim.row("llm"))


@pytest.mark.parametrize("chunks", [2, 12])
def test_a_barge_in_is_cancelled_with_its_input_known_and_stops_the_bill(stage: Stage, chunks: int) -> None:
    async def work() -> None:
        stream = model().chat(chat_ctx=said(LONG))
        await read_some(stream, chunks)
        await stream.aclose()
        await until(lambda: stage.sim.requests())

    run(work)
    line, billed = stage.line(), stage.sim.row("llm")
    assert line["status"] == "cancelled"
    assert chunks <= billed["output_tokens"] < 60  # the whole answer has over a hundred
    assert_close(line, billed)


def test_a_chat_cut_before_any_answer_has_unknown_units(stage: Stage) -> None:
    async def work() -> None:
        stream = model().chat(chat_ctx=said(LONG))
        await until(lambda: stage.sim.meter())
        await stream.aclose()

    run(work)
    line = stage.line()
    assert line["status"] == "cancelled"
    assert (line["input_tokens"], line["output_tokens"], line["cost_picos"]) == (None, None, None)


@needs_retries
@pytest.mark.parametrize("status", [429, 529])
def test_a_refused_attempt_and_its_retry_are_two_lines_of_one_request(quick: Stage, status: int) -> None:
    quick.sim.fault("anthropic", "llm", "status", value=status)

    async def work() -> str:
        return await answer(model(), "Hi", conn_options=TWICE)

    assert run(work)
    refused, served = quick.lines()
    assert refused["request_id"] == served["request_id"]
    assert (refused["status"], refused["error_status"]) == ("error", status)
    assert refused["error_kind"] == ("rate_limited" if status == 429 else "upstream_failed")
    assert (refused["input_tokens"], refused["output_tokens"], refused["cost_picos"]) == (0, 0, 0)
    assert served["status"] == "success"
    quick.assert_equals_bill()


def test_a_bad_key_is_an_unauthenticated_line_that_costs_nothing(quick: Stage) -> None:
    async def work() -> None:
        await answer(model(api_key="invalid"), "Hi", conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    line = quick.line()
    assert (line["status"], line["error_kind"], line["error_status"]) == ("error", "unauthenticated", 401)
    assert line["cost_picos"] == 0


def test_an_error_event_in_mid_answer_is_booked_with_the_status_it_stands_for(stage: Stage) -> None:
    stage.sim.fault("anthropic", "llm", "error_frame", after_units=10)

    async def work() -> None:
        await answer(model(), LONG, conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    line = stage.line()
    # It came on an answer with the status 200.
    assert (line["status"], line["error_kind"], line["error_status"]) == ("error", "upstream_failed", 529)
    assert_close(line, stage.sim.row("llm"))


@pytest.mark.parametrize("kind", ["drop", "malformed"])
def test_an_answer_that_breaks_off_is_an_error_with_its_output_estimated(stage: Stage, kind: str) -> None:
    stage.sim.fault("anthropic", "llm", kind, after_units=20)

    async def work() -> None:
        await answer(model(), LONG, conn_options=ONCE)

    with pytest.raises(APIError):
        run(work)
    assert (stage.line()["status"], stage.line()["error_kind"]) == ("error", "upstream_failed")
    assert_close(stage.line(), stage.sim.row("llm"))


def test_a_stalled_answer_is_a_timeout(stage: Stage) -> None:
    stage.sim.fault("anthropic", "llm", "stall", after_units=3)

    async def work() -> None:
        await answer(model(), LONG, conn_options=APIConnectOptions(max_retry=0, timeout=0.7))

    with pytest.raises(APIError):
        run(work)
    assert (stage.line()["status"], stage.line()["error_kind"]) == ("error", "upstream_timeout")
    assert_close(stage.line(), stage.sim.row("llm"))


def test_an_answer_without_usage_messages_is_unknown(quick: Stage) -> None:
    quick.sim.fault("anthropic", "llm", "no_usage")

    async def work() -> None:
        await answer(model(), LONG, conn_options=ONCE)

    with pytest.raises(APIError):  # the plugin reads the first one unseen, and stumbles before any text
        run(work)
    line = quick.line()
    assert (line["status"], line["input_tokens"], line["output_tokens"]) == ("error", None, None)
    assert line["cost_picos"] is None


def test_a_conversation_that_ends_with_the_agent_is_asked_as_the_model_wants_it(quick: Stage) -> None:
    """Newer models take no answer that is begun for them; the plugin adds a word of the caller's."""

    async def work() -> None:
        context = said("Hi")
        context.add_message(role="assistant", content="Hello, how can I help?")
        async for _ in model().chat(chat_ctx=context):
            pass

    run(work)
    assert quick.line()["status"] == "success"
    quick.assert_equals_bill()


def test_every_option_of_the_plugin_passes_through(quick: Stage) -> None:
    ours = model(
        extra_kwargs={
            "temperature": 0.2,
            "top_k": 3,
            "max_tokens": 20,
            "tool_choice": "none",
            "parallel_tool_calls": False,
            "caching": "ephemeral",
        }
    )

    async def work() -> None:
        await answer(ours, LONG)

    run(work)
    options = ours._opts
    assert (options.temperature, options.top_k, options.max_tokens, options.caching) == (0.2, 3, 20, "ephemeral")
    assert (options.tool_choice, options.parallel_tool_calls) == ("none", False)
    assert quick.line()["output_tokens"] == 20
    quick.assert_equals_bill()


def test_a_client_of_the_owners_is_counted_too(quick: Stage) -> None:
    import anthropic

    async def work() -> None:
        own = anthropic.AsyncClient(api_key="mine", base_url=f"{quick.sim.url}/anthropic", max_retries=0)
        await answer(model(extra_kwargs={"client": own}), "Hi")

    run(work)
    assert quick.line()["status"] == "success"
    quick.assert_equals_bill()
