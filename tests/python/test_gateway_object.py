"""``Gateway``, the configuration, budgets, kept import paths: what programs use beside the factories."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import pathlib
import pickle
import re
import subprocess
import sys
import urllib.request
from typing import Any

import pytest
from booked import Stage, use
from conversing import answer, heard, listen, run, tone
from livekit.agents import APIStatusError
from livekit.plugins import cartesia, deepgram, openai
from simulator import voicegw

import voicegateway
from voicegateway import Gateway, GatewayConfig, ModelId, inference
from voicegateway.budget import BudgetExceededError, BudgetThrottleSignal
from voicegateway.errors import ConfigError, MiddlewareError, ModelResolutionError

PROJECTS = "projects:\n  shop: {name: Shop, daily_budget: 2.5, tags: [production]}\n  lab: {name: Lab}\n"


def chat(project: str | None = None, times: int = 1, **kwargs: Any) -> None:
    async def work() -> None:
        model = Gateway().llm("openai/gpt-4.1-mini", project=project, **kwargs)
        for _ in range(times):
            assert await answer(model, "Hi")

    run(work)


def cli(stage: Stage, *arguments: str) -> Any:
    done = subprocess.run(
        [*voicegw(), *arguments, "--config", str(stage.config), "--json"], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


class Server:
    """``voicegw serve`` with the same configuration."""

    def __init__(self, stage: Stage) -> None:
        command = [*voicegw(), "serve", "--port", "0", "--config", str(stage.config)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self._process.stdout
        found = (re.search(r"http://[\d.]+:\d+", line) for line in self._process.stdout)
        self._url = next(address[0] for address in found if address)

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def stop(self) -> list[str]:
        """End it; returns what it said meanwhile."""
        self._process.terminate()
        said = self._process.communicate(timeout=60)[0]
        return said.splitlines()


def served(stage: Stage, *paths: str) -> list[Any]:
    """What the server answers."""
    server = Server(stage)
    try:
        return [server.ask(path) for path in paths]
    finally:
        server.stop()


def test_the_package_exports_its_six_names() -> None:
    assert set(voicegateway.__all__) == {"inference", "attach", "Gateway", "GatewayConfig", "ModelId", "__version__"}
    assert all(getattr(voicegateway, name) is not None for name in voicegateway.__all__)


def test_a_gateway_builds_the_factories_objects_and_leaves_the_project_alone(quick: Stage) -> None:
    quick.write_config(PROJECTS)
    use(quick.config)

    async def work() -> None:
        inference.set_project("lab")
        gateway = Gateway()
        ears = gateway.stt("deepgram/nova-3", project="shop", language="es")
        model = await gateway.allm("openai/gpt-4.1-mini", project="shop")
        voice = gateway.tts("cartesia/sonic-3")
        assert isinstance(ears, deepgram.STT) and isinstance(ears, inference.STT)
        assert isinstance(model, openai.LLM) and isinstance(voice, cartesia.TTS)
        assert inference.get_active_project() == "lab"
        await answer(model, "Hi")
        await heard(voice.synthesize("Hello."))
        await voice.aclose()

    run(work)
    assert {line["modality"]: line["project"] for line in quick.lines()} == {"llm": "shop", "tts": "lab"}
    quick.assert_equals_bill()


def test_costs_status_and_projects_are_what_the_command_line_and_the_server_say(quick: Stage) -> None:
    quick.write_config(PROJECTS)
    use(quick.config)
    chat("shop", times=2)
    chat("lab")
    gateway = Gateway()
    costs, projects, latency = gateway.costs(), gateway.list_projects(), gateway.latency()
    assert costs == cli(quick, "costs")
    assert gateway.costs("month", "shop") == cli(quick, "costs", "--month", "--project", "shop")
    assert gateway.status() == cli(quick, "status")["providers"]
    over_http = served(quick, "/v1/costs", "/v1/projects", "/v1/latency", "/v1/costs?period=all&project=lab")
    assert over_http == [costs, {"projects": projects, "stats": over_http[1]["stats"]}, latency, gateway.costs("all", "lab")]
    picos = sum(line["cost_picos"] for line in quick.lines())
    assert costs["total"] == pytest.approx(picos / 1e12, abs=1e-15) and costs["by_project"]["shop"]["requests"] == 2
    shop = next(project for project in projects if project["id"] == "shop")
    assert (shop["accent"], shop["source"], shop["budget_status"]) == ("green", "yaml", "ok")
    assert shop["today_spend"] == costs["by_project"]["shop"]["cost"]
    assert [project["id"] for project in projects] == ["shop", "lab", "default"]
    assert set(latency["openai/gpt-4.1-mini"]["ttfb_percentiles"]) == {"p50", "p95", "p99"}


def test_every_method_is_safe_inside_a_running_loop_and_has_its_twin(quick: Stage) -> None:
    use(quick.config)

    async def work() -> None:
        gateway = Gateway()
        await answer(await gateway.allm("openai/gpt-4.1-mini"), "Hi")
        assert gateway.costs() == await gateway.acosts()
        assert gateway.costs()["total"] > 0
        assert gateway.status() == await gateway.astatus()
        assert gateway.list_projects() == await gateway.alist_projects()
        assert isinstance(await gateway.astt("deepgram/nova-3"), deepgram.STT)
        assert isinstance(await gateway.atts("cartesia/sonic-3"), cartesia.TTS)

    run(work)


def test_without_a_ledger_there_are_zeros_and_no_storage(quick: Stage) -> None:
    text = quick.config.read_text().replace("cost_tracking:", "cost_tracking:\n  enabled: false")
    quick.config.write_text(text + PROJECTS)
    use(quick.config)
    chat("shop")
    gateway = Gateway()
    assert gateway.storage is None
    found = gateway.costs()
    assert (found["total"], found["by_provider"], found["by_model"]) == (0.0, {}, {})
    assert gateway.latency() == {}
    assert {project["today_spend"] for project in gateway.list_projects()} == {0.0}
    assert asyncio.run(inference.check_budget("shop"))["status"] == "ok"
    assert not quick.database.exists()


def test_a_gateway_with_a_file_of_its_own_has_its_own_ledger(quick: Stage, tmp_path: pathlib.Path) -> None:
    use(quick.config)
    other = tmp_path / "other.yaml"
    text = quick.config.read_text().replace("ledger.db", "other.db")
    other.write_text(text + "default_project: elsewhere\nprojects: {elsewhere: {name: Elsewhere}}\n")
    gateway = Gateway(other)

    async def work() -> None:
        await answer(gateway.llm("openai/gpt-4.1-mini"), "Hi")
        await answer(inference.LLM("openai/gpt-4.1-mini"), "Hi")
        assert await inference.flush() == 0

    run(work)
    assert gateway.storage is not None and gateway.storage.url == f"sqlite://{tmp_path / 'other.db'}"
    assert list(gateway.costs()["by_project"]) == ["elsewhere"]
    assert list(Gateway().costs()["by_project"]) == ["default"]
    assert gateway.config.default_project == "elsewhere"
    assert gateway.cost_tracker.costs() == gateway.costs()


def test_refresh_config_is_followed_by_what_is_built_next(quick: Stage) -> None:
    use(quick.config)
    gateway = Gateway()
    with pytest.raises(ModelResolutionError):
        gateway.llm("fast")
    quick.write_config("models: {llm: {fast: {provider: openai, model: gpt-4.1-mini}}}\n" + PROJECTS)
    asyncio.run(gateway.refresh_config())
    assert gateway.llm("fast").model == "gpt-4.1-mini"
    assert [project["id"] for project in gateway.list_projects()] == ["shop", "lab", "default"]


def test_a_period_that_is_none_is_refused_with_the_words(quick: Stage) -> None:
    use(quick.config)
    with pytest.raises(ValueError, match="today, week, month, all, not `year`"):
        Gateway().costs("year")


def test_a_configuration_is_loaded_without_its_secrets(quick: Stage) -> None:
    quick.write_config(PROJECTS + "fallbacks: {llm: [openai/gpt-4.1]}\n")
    config = GatewayConfig.load(quick.config)
    assert config == GatewayConfig.load()
    assert config.providers["openai"]["api_key"] == "key-...enai"
    assert config.projects["shop"]["daily_budget"] == 2.5
    assert config.fallbacks["llm"] == ["openai/gpt-4.1"]
    assert config.latency["percentiles"] == [50.0, 95.0, 99.0]
    quick.write_config("projcts: {}\n")
    with pytest.raises(ConfigError, match="did you mean 'projects'"):
        GatewayConfig.load(quick.config)
    with pytest.raises(ConfigError, match="nowhere.yaml"):
        Gateway(quick.folder / "nowhere.yaml")


def test_model_ids_are_taken_apart() -> None:
    parsed = ModelId.parse("cartesia/sonic-3:a-voice")
    assert (parsed.provider, parsed.model, parsed.variant) == ("cartesia", "sonic-3", "a-voice")
    assert str(parsed) == "cartesia/sonic-3:a-voice"
    assert ModelId.parse("ollama/qwen2.5:3b", "llm") == ModelId("ollama", "qwen2.5:3b")
    with pytest.raises(ModelResolutionError):
        ModelId.parse("gpt-4.1")


def budget(action: str, limit: float) -> str:
    return f"projects: {{shop: {{name: Shop, daily_budget: {limit:.12f}, budget_action: {action}}}}}\n"


def spend(stage: Stage) -> float:
    use(stage.config)
    chat("shop")
    return float(Gateway().costs(project="shop")["total"])


def test_a_budget_is_ok_then_a_warning_from_four_fifths_then_exceeded(quick: Stage) -> None:
    spent = spend(quick)
    for limit, status in ((spent * 2, "ok"), (spent * 1.2, "warning"), (spent, "exceeded")):
        quick.write_config(budget("warn", limit))
        use(quick.config)
        found = asyncio.run(inference.check_budget("shop"))
        assert (found["project"], found["status"], found["action"]) == ("shop", status, "warn")
        assert (found["spent_usd"], found["budget_usd"]) == (spent, pytest.approx(limit, abs=1e-12))


@pytest.mark.parametrize(("action", "error"), [("block", BudgetExceededError), ("throttle", BudgetThrottleSignal)])
def test_an_exceeded_budget_raises_what_its_action_says(quick: Stage, action: str, error: type[Exception]) -> None:
    spent = spend(quick)
    quick.write_config(budget(action, spent / 2))
    use(quick.config)

    async def work() -> None:
        inference.set_project("shop")
        await inference.check_budget()

    with pytest.raises(error, match="raise projects.shop.daily_budget") as caught:
        run(work)
    raised: Any = caught.value
    assert isinstance(raised, MiddlewareError)
    assert (raised.project, raised.spent_usd) == ("shop", spent)
    copied = pickle.loads(pickle.dumps(raised))
    assert (copied.project, copied.spent_usd, copied.budget_usd) == ("shop", spent, raised.budget_usd)
    if action == "block":
        assert isinstance(raised, APIStatusError)
        assert (raised.status_code, raised.retryable) == (402, False)


def test_an_exceeded_budget_that_only_warns_is_logged(quick: Stage, caplog: pytest.LogCaptureFixture) -> None:
    spent = spend(quick)
    quick.write_config(budget("warn", spent / 2))
    use(quick.config)
    with caplog.at_level(logging.WARNING, "voicegateway"):
        assert asyncio.run(inference.check_budget("shop"))["status"] == "exceeded"
    assert any("'shop' spent" in record.getMessage() for record in caplog.records)


def test_the_import_paths_of_the_first_product_still_lead_somewhere() -> None:
    for module, names in {
        "core.active_project": ("set_project", "get_active_project", "reset_project"),
        "core.config": ("ConfigError", "GatewayConfig"),
        "core.model_resolution": ("ModelResolutionError",),
        "middleware.budget_enforcer": ("BudgetExceededError", "BudgetThrottleSignal"),
        "middleware.budget_enforcer_middleware": ("BudgetExceededError", "BudgetThrottleSignal"),
        "inference.session": ("start_session", "attach_session", "set_tenant", "current_tenant"),
        "openrtc": ("VoiceGatewayObserver",),
    }.items():
        loaded = importlib.import_module(f"voicegateway.{module}")
        assert all(hasattr(loaded, name) for name in names), module


@pytest.mark.parametrize(("module", "words"), [("cli", "Usage: voicegw"), ("server.main", "Usage: voicegw serve")])
def test_the_modules_run_the_command_line_without_loading_livekit(module: str, words: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", f"voicegateway.{module}", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert words in done.stdout
    assert "livekit" not in done.stderr


def test_a_stream_that_listens_is_never_called_slow(quick: Stage, caplog: pytest.LogCaptureFixture) -> None:
    quick.write_config("latency: {ttfb_warning_ms: 1}\n")
    use(quick.config)

    async def work() -> None:
        await listen(inference.STT("deepgram/nova-3").stream(), tone(1.0))
        await answer(inference.LLM("openai/gpt-4.1-mini"), "Hi")

    run(work)
    warned = [record.getMessage() for record in caplog.records if "ttfb_warning_ms" in record.getMessage()]
    assert [message.split()[0] for message in warned] == ["llm"]


def test_a_server_warns_of_a_slow_first_token_too(quick: Stage) -> None:
    quick.write_config("latency: {ttfb_warning_ms: 100}\n")
    quick.sim.fault("openai", "llm", "slow", value=300)
    server = Server(quick)
    try:
        body = {"model": "openai/gpt-4.1-mini", "messages": [{"role": "user", "content": "Hi"}]}
        for _ in range(2):
            server.ask("/v1/chat/completions", body)
    finally:
        said = server.stop()
    warned = [line for line in said if "ttfb_warning_ms" in line]
    assert len(warned) == 1 and "llm openai/gpt-4.1-mini took " in warned[0]


def test_a_gateway_builds_stacks_and_chains(quick: Stage) -> None:
    quick.write_config(
        "stacks:\n  premium: {stt: deepgram/nova-3, llm: openai/gpt-4.1}\n"
        "fallbacks:\n  llm: [anthropic/claude-sonnet-4-5, openai/gpt-4.1-mini]\n"
        "projects:\n  shop: {name: Shop, fallbacks: {tts: [cartesia/sonic-3]}}\n"
    )
    text = quick.config.read_text().replace("anthropic: {", "anthropic: {enabled: false, ")
    quick.config.write_text(text)
    use(quick.config)
    gateway = Gateway()
    hearing, thinking, speaking = gateway.stack("premium")
    assert isinstance(hearing, deepgram.STT) and thinking.model == "gpt-4.1" and speaking is None
    # The head of the chain is switched off.
    assert gateway.llm_with_fallback().model == "gpt-4.1-mini"
    assert gateway.tts_with_fallback(project="shop").model == "sonic-3"
    with pytest.raises(ValueError, match=r"fallbacks\.tts"):
        gateway.tts_with_fallback()
    with pytest.raises(ValueError, match="unheard"):
        gateway.stack("unheard")
