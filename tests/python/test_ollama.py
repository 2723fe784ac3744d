"""Ollama, by OpenAI's plugin and counted by OpenAI's stand-ins."""

from __future__ import annotations

from typing import Any

import pytest
from booked import Stage, use
from conversing import ONCE, answer, read_some, run, said
from livekit.agents import APIConnectionError, APIStatusError
from livekit.plugins import openai

from voicegateway import inference

MODEL = "gpt-4.1-mini"


@pytest.fixture
def ollama(quick: Stage) -> Stage:
    """OpenAI's simulator, where Ollama would be: the two speak the same."""
    quick.config.write_text(
        f"providers:\n  ollama: {{base_url: '{quick.sim.url}/openai'}}\ncost_tracking:\n  db_path: '{quick.database}'\n"
    )
    use(None)
    return quick


def assert_tokens_equal_the_bill(stage: Stage) -> dict[str, Any]:
    line, row = stage.line(), stage.sim.row("llm")
    assert (line["input_tokens"], line["output_tokens"]) == (row["input_tokens"], row["output_tokens"])
    assert line["sources"]["output_tokens"] == "provider_reported"
    return line


def test_it_is_openais_plugin_with_ollamas_address_and_no_key(quick: Stage) -> None:
    model = inference.LLM("ollama/qwen2.5:3b")
    assert isinstance(model, openai.LLM) and isinstance(model, inference.LLM)
    assert model.model == "qwen2.5:3b"
    assert str(model._client.base_url) == "http://localhost:11434/v1/"
    assert model._client.api_key == "ollama"
    assert model._client.timeout.read == 120.0


def test_a_chat_is_free_and_its_tokens_are_the_bills(ollama: Stage) -> None:
    async def work() -> None:
        model = inference.LLM(f"ollama/{MODEL}")
        assert await answer(model, "Hi")
        await model.aclose()

    run(work)
    line = assert_tokens_equal_the_bill(ollama)
    assert (line["status"], line["provider"], line["model_id"]) == ("success", "ollama", f"ollama/{MODEL}")
    assert (line["cost_picos"], line["pricing_source"]) == (0, "voicegateway-local")


def test_a_cut_answer_is_cancelled_and_free(ollama: Stage) -> None:
    async def work() -> None:
        model = inference.LLM(f"ollama/{MODEL}")
        stream = model.chat(chat_ctx=said("Tell me a long story"))
        await read_some(stream, 1)
        await stream.aclose()
        await model.aclose()

    ollama.sim.script(replies=["Once upon a time there was a long story that went on and on and never ended. " * 20])
    run(work)
    line = ollama.line()
    assert (line["status"], line["cost_picos"]) == ("cancelled", 0)
    assert line["sources"]["output_tokens"] == "estimated"


def test_a_refusal_is_an_error_line(ollama: Stage) -> None:
    ollama.sim.fault("openai", "llm", "status", value=404)

    async def work() -> None:
        await answer(inference.LLM(f"ollama/{MODEL}"), "Hi", conn_options=ONCE)

    with pytest.raises(APIStatusError):
        run(work)
    line = ollama.line()
    assert (line["status"], line["error_kind"], line["cost_picos"]) == ("error", "not_found", 0)


def test_no_ollama_is_a_connection_error(quick: Stage) -> None:
    async def work() -> None:
        model = inference.LLM(f"ollama/{MODEL}", base_url="http://127.0.0.1:9")
        await answer(model, "Hi", conn_options=ONCE)

    with pytest.raises(APIConnectionError):
        run(work)
    line = quick.line()
    assert (line["status"], line["error_kind"], line["cost_picos"]) == ("error", "upstream_failed", 0)


def test_a_model_that_is_still_loading_is_waited_for(ollama: Stage) -> None:
    """LiveKit's patience is ten seconds by default; here it is made shorter than the first answer takes."""
    ollama.sim.fault("openai", "llm", "slow", value=3_000)

    async def work() -> None:
        assert await answer(inference.LLM(f"ollama/{MODEL}"), "Hi", conn_options=ONCE)

    run(work)
    assert ollama.line()["ttfb_micros"] > 2_000_000
