"""LangGraph behind the gateway: the example, with the real libraries."""

from __future__ import annotations

import asyncio

import pytest
from serving import Gateway
from simulator import ROOT

pytest.importorskip("langgraph")
pytest.importorskip("langchain_openai")


def test_a_langgraph_agent_thinks_through_the_gateway_and_is_booked_as_billed(
    swift: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    monkeypatch.setenv("OPENAI_BASE_URL", f"{swift.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", swift.openai["api_key"])
    import langgraph_agent

    assert asyncio.run(langgraph_agent.ask("Do you have a table for two?"))
    line = swift.line()
    assert (line["status"], line["project"], line["model_id"]) == ("success", "shop", "openai/gpt-4.1-mini")
    swift.assert_equals_bill()
