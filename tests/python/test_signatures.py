"""One changed import line is enough: signatures, classes and errors of ``voicegateway.inference``."""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import logging
import pathlib
import subprocess
import sys
import warnings
from typing import Any

import livekit.agents.inference as livekit_inference
import pytest
from booked import Stage, use
from conversing import answer, run
from livekit.agents import NOT_GIVEN, llm, stt, tts
from livekit.plugins import anthropic, cartesia, deepgram, openai
from simulator import voicegw

from voicegateway import inference, providers

#: The signatures of livekit-agents 1.8.9: name, kind, default.
POSITIONAL, KEYWORD = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
SIGNATURES: dict[str, list[tuple[str, Any, Any]]] = {
    "STT": [
        ("model", POSITIONAL, NOT_GIVEN),
        ("language", KEYWORD, NOT_GIVEN),
        ("base_url", KEYWORD, NOT_GIVEN),
        ("encoding", KEYWORD, NOT_GIVEN),
        ("sample_rate", KEYWORD, NOT_GIVEN),
        ("api_key", KEYWORD, NOT_GIVEN),
        ("api_secret", KEYWORD, NOT_GIVEN),
        ("http_session", KEYWORD, None),
        ("extra_kwargs", KEYWORD, NOT_GIVEN),
        ("fallback", KEYWORD, NOT_GIVEN),
        ("conn_options", KEYWORD, NOT_GIVEN),
        ("vad", KEYWORD, NOT_GIVEN),
    ],
    "LLM": [
        ("model", POSITIONAL, inspect.Parameter.empty),
        ("provider", KEYWORD, None),
        ("base_url", KEYWORD, None),
        ("api_key", KEYWORD, None),
        ("api_secret", KEYWORD, None),
        ("inference_class", KEYWORD, None),
        ("extra_kwargs", KEYWORD, None),
        ("prompt_cache_breakpoints", KEYWORD, "auto"),
    ],
    "TTS": [
        ("model", POSITIONAL, inspect.Parameter.empty),
        ("voice", KEYWORD, NOT_GIVEN),
        ("language", KEYWORD, NOT_GIVEN),
        ("encoding", KEYWORD, NOT_GIVEN),
        ("sample_rate", KEYWORD, NOT_GIVEN),
        ("base_url", KEYWORD, NOT_GIVEN),
        ("api_key", KEYWORD, NOT_GIVEN),
        ("api_secret", KEYWORD, NOT_GIVEN),
        ("http_session", KEYWORD, None),
        ("extra_kwargs", KEYWORD, NOT_GIVEN),
        ("fallback", KEYWORD, NOT_GIVEN),
        ("conn_options", KEYWORD, NOT_GIVEN),
    ],
}
FACTORIES = ("STT", "LLM", "TTS")
NEWEST = importlib.metadata.version("livekit-agents") == "1.8.9"

#: Every kind of object: factory, model string, plugin class.
OBJECTS = [
    ("STT", "deepgram/nova-3", deepgram.STT),
    ("STT", "deepgram/flux-general-en", deepgram.STTv2),
    ("STT", "openai/whisper-1", openai.STT),
    ("STT", "cartesia/ink-whisper", cartesia.STT),
    ("LLM", "openai/gpt-4.1-mini", openai.LLM),
    ("LLM", "anthropic/claude-sonnet-4-6", anthropic.LLM),
    ("TTS", "cartesia/sonic-3", cartesia.TTS),
    ("TTS", "deepgram/aura-2:thalia", deepgram.TTS),
    ("TTS", "openai/tts-1", openai.TTS),
]
every_object = pytest.mark.parametrize(("factory", "model", "plugin_class"), OBJECTS)


def parameters(callable_: Any, skipped: int = 0) -> list[tuple[str, Any, Any]]:
    found = list(inspect.signature(callable_).parameters.values())[skipped:]
    return [(each.name, each.kind, each.default) for each in found]


@pytest.mark.parametrize("name", FACTORIES)
def test_the_signature_is_that_of_livekit_1_8_9(name: str) -> None:
    assert parameters(getattr(inference, name)) == SIGNATURES[name]


@pytest.mark.parametrize("name", FACTORIES)
def test_the_signature_is_that_of_the_livekit_installed(name: str) -> None:
    theirs = parameters(getattr(livekit_inference, name).__init__, skipped=1)
    if NEWEST:
        assert SIGNATURES[name] == theirs
    # An older LiveKit has fewer parameters; each of them is ours too.
    ours = {each[0]: each for each in SIGNATURES[name]}
    assert [each for each in theirs if ours.get(each[0]) != each] == []


@pytest.mark.parametrize("name", FACTORIES)
def test_from_model_string_has_livekits_signature(name: str) -> None:
    ours = inspect.signature(getattr(inference, name).from_model_string)
    theirs = inspect.signature(getattr(livekit_inference, name).from_model_string)
    assert [(each.name, each.kind, each.default) for each in ours.parameters.values()] == [
        (each.name, each.kind, each.default) for each in theirs.parameters.values()
    ]


def test_every_name_of_livekits_module_resolves() -> None:
    for name in livekit_inference.__all__:
        found = getattr(inference, name)
        assert name in FACTORIES or found is getattr(livekit_inference, name), name
        assert name in dir(inference)
    with pytest.raises(AttributeError, match="Nonsense"):
        inference.Nonsense  # noqa: B018


def test_the_types_of_options_are_where_livekit_has_them() -> None:
    assert inference.stt is livekit_inference.stt
    assert inference.stt.DeepgramOptions is livekit_inference.stt.DeepgramOptions
    assert inference.tts.CartesiaOptions is livekit_inference.tts.CartesiaOptions
    assert inference.llm.ChatCompletionOptions is livekit_inference.llm.ChatCompletionOptions


@every_object
def test_every_object_offers_what_livekits_offers(
    quick: Stage, factory: str, model: str, plugin_class: type
) -> None:
    made = getattr(inference, factory)(model)
    offered = {name for name in dir(getattr(livekit_inference, factory)) if not name.startswith("_")}
    # A factory's method stays with the factory.
    assert {name for name in offered - {"from_model_string"} if not hasattr(made, name)} == set()
    base = {"STT": stt.STT, "LLM": llm.LLM, "TTS": tts.TTS}[factory]
    assert all(isinstance(getattr(base, name), property) for name in ("label", "model", "provider"))
    if factory != "LLM":
        assert made.capabilities == plugin_class(model=made.model, api_key="k").capabilities
    if factory == "TTS":
        assert (made.sample_rate, made.num_channels) == (24_000, 1)


def test_a_chat_takes_every_argument_of_livekits(quick: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def work(model: str) -> None:
        given = {"response_format": NOT_GIVEN, "inference_class": "priority", "tool_choice": "auto", "extra_kwargs": {}}
        assert await answer(inference.LLM(model), "Hi", **given)

    run(lambda: work("openai/gpt-4.1-mini"))
    run(lambda: work("anthropic/claude-sonnet-4-6"))
    assert "response_format" not in caplog.text
    run(lambda: answer(inference.LLM("anthropic/claude-sonnet-4-6"), "Hi", response_format={"type": "json_object"}))
    assert "response_format has no effect" in caplog.text
    quick.assert_equals_bill()


@every_object
def test_the_result_is_the_plugins_own(quick: Stage, factory: str, model: str, plugin_class: type) -> None:
    made = getattr(inference, factory)(model)
    base = {"STT": stt.STT, "LLM": llm.LLM, "TTS": tts.TTS}[factory]
    assert isinstance(made, plugin_class) and isinstance(made, base)
    assert isinstance(made, getattr(inference, factory))
    for other in set(FACTORIES) - {factory}:
        assert not isinstance(made, getattr(inference, other))
    assert not isinstance(object(), getattr(inference, factory))


@every_object
def test_its_label_and_name_are_the_plugins(quick: Stage, factory: str, model: str, plugin_class: type) -> None:
    made, plain = getattr(inference, factory)(model), plugin_class(api_key="k")
    assert made.label == plain.label
    assert made.provider == plain.provider or plain.provider.startswith("api.")
    assert type(made).__name__ == plugin_class.__name__
    assert type(made).__qualname__ == plugin_class.__qualname__
    assert type(made).__module__ == plugin_class.__module__
    assert type(made).__doc__ == plugin_class.__doc__


@every_object
def test_every_attribute_of_the_plugin_is_there_to_read_and_write(
    quick: Stage, factory: str, model: str, plugin_class: type
) -> None:
    made, plain = getattr(inference, factory)(model), plugin_class(api_key="k")
    for name in (each for each in dir(plain) if not each.startswith("__")):
        theirs, ours = getattr(plain, name, None), getattr(made, name, None)
        if callable(theirs) and not inspect.isclass(theirs):
            assert callable(ours), name
            if inspect.ismethod(theirs) and name not in ("chat", "stream", "synthesize", "recognize"):
                assert inspect.signature(ours) == inspect.signature(theirs) or name == "_recognize_impl", name
        else:
            assert isinstance(ours, type(theirs)) or name in ("_client", "_session"), name
    made.something_of_mine = 1
    assert made.something_of_mine == 1
    for name, value in list(vars(made).items()):
        setattr(made, name, value)
        assert getattr(made, name) is value


@every_object
def test_from_model_string_makes_the_same(quick: Stage, factory: str, model: str, plugin_class: type) -> None:
    made = getattr(inference, factory).from_model_string(model)
    assert isinstance(made, plugin_class)
    assert type(made) is type(getattr(inference, factory)(model))


def test_arguments_reach_the_plugin(quick: Stage) -> None:
    ears = inference.STT("deepgram/nova-3:de", sample_rate=8_000, extra_kwargs={"punctuate": False})
    assert (str(ears._opts.language), ears._opts.sample_rate, ears._opts.punctuate) == ("de", 8_000, False)
    assert str(inference.STT("deepgram/nova-3:de", language="fr")._opts.language) == "fr"
    voice = inference.TTS("cartesia/sonic-3:a-voice", language="de", sample_rate=16_000, encoding="pcm_s16le")
    assert (voice._opts.voice, voice.sample_rate) == ("a-voice", 16_000)
    assert inference.TTS("cartesia/sonic-3:a-voice", voice="other")._opts.voice == "other"
    assert inference.LLM("gpt-4.1", provider="openai", extra_kwargs={"temperature": 0.1})._opts.temperature == 0.1


def test_the_key_of_a_call_wins_over_the_configured_one(quick: Stage) -> None:
    assert inference.LLM("openai/gpt-4.1")._client.api_key == "key-of-openai"
    assert inference.LLM("openai/gpt-4.1", api_key="mine")._client.api_key == "mine"


@pytest.mark.parametrize("form", ["{}", "{}/", "{}/v1", "{}/v1/"])
def test_a_base_url_means_the_same_in_every_form(quick: Stage, form: str) -> None:
    url = form.format("http://127.0.0.1:9/openai")
    assert str(inference.LLM("openai/gpt-4.1", base_url=url)._client.base_url) == "http://127.0.0.1:9/openai/v1/"


def test_an_api_secret_has_no_effect_and_says_so(quick: Stage) -> None:
    for factory, model in (("STT", "deepgram/nova-3"), ("LLM", "openai/gpt-4.1"), ("TTS", "openai/tts-1")):
        with pytest.warns(UserWarning, match="api_secret has no effect") as caught:
            getattr(inference, factory)(model, api_secret="secret")
        # Objects that other tests left behind may warn now too.
        (warned,) = (warning for warning in caught if "api_secret" in str(warning.message))
        assert warned.filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inference.LLM("openai/gpt-4.1")


def test_settings_of_livekits_service_are_accepted(quick: Stage) -> None:
    assert inference.LLM("openai/gpt-4.1", inference_class="priority")


def test_a_missing_key_is_an_error_of_the_constructor_that_names_the_ways_out(quick: Stage) -> None:
    quick.config.write_text("")
    use(quick.config)
    with pytest.raises(inference.ConfigError) as raised:
        inference.TTS("cartesia/sonic-3")
    assert str(raised.value) == (
        "no API key for `cartesia` in project `default`: pass api_key=, set `providers.cartesia.api_key` or "
        "`projects.default.providers.cartesia.api_key` in voicegw.yaml, set the environment variable "
        "CARTESIA_API_KEY, or store one with the MCP tool `vg_add_provider`"
    )
    assert quick.sim.meter() == []


def test_a_key_of_the_environment_is_enough_without_any_file(
    quick: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("VOICEGW_CONFIG")
    monkeypatch.setenv("HOME", str(quick.folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(quick.folder / "nothing"))
    monkeypatch.setenv("VOICEGW_DB_PATH", str(quick.database))
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    monkeypatch.chdir(quick.folder)
    quick.config.unlink()
    use(None)
    with caplog.at_level(logging.INFO, "voicegateway"):
        made = inference.LLM("openai/gpt-4.1")
    assert made._client.api_key == "from-the-environment"
    assert len([record for record in caplog.records if record.name == "voicegateway"]) == 1


@pytest.mark.parametrize(
    ("model", "named"),
    [("deepgrm/nova-3", "deepgram"), ("nova-3", "nova-3"), ("", ""), ("deepgram/", "deepgram/")],
)
def test_a_model_that_leads_nowhere_is_named(quick: Stage, model: str, named: str) -> None:
    with pytest.raises(inference.ModelResolutionError) as raised:
        inference.STT(model)
    assert named in str(raised.value)
    assert isinstance(raised.value, ValueError)


def test_a_modality_the_provider_lacks_is_not_implemented(quick: Stage) -> None:
    with pytest.raises(NotImplementedError) as raised:
        inference.LLM("deepgram/nova-3")
    assert str(raised.value) == (
        "deepgram offers no llm; it offers stt, tts; llm is offered by openai, anthropic, groq, ollama"
    )
    with pytest.raises(NotImplementedError, match="cartesia"):
        inference.LLM("cartesia/sonic-3")


def test_a_provider_that_is_not_known_is_answered_with_who_offers_what(quick: Stage) -> None:
    with pytest.raises(inference.ModelResolutionError) as raised:
        inference.LLM("antropic/claude-sonnet-4-6")
    for part in ("deepgram (stt, tts)", "openai (stt, llm, tts)", "anthropic (llm)", "did you mean 'anthropic'"):
        assert part in str(raised.value)


def test_a_bad_config_names_file_line_column_and_what_was_meant(quick: Stage) -> None:
    quick.config.write_text("providers:\n  openai: {api_key: k}\nobservability: {cost_trakcing: on}\n")
    use(quick.config)
    with pytest.raises(inference.ConfigError) as raised:
        inference.LLM("openai/gpt-4.1")
    message = str(raised.value)
    assert f"{quick.config}:3:17" in message
    assert "cost_trakcing" in message and "did you mean" in message and "cost_tracking" in message


def test_a_config_that_is_named_and_missing_is_an_error(quick: Stage) -> None:
    missing = quick.folder / "elsewhere.yaml"
    use(missing)
    with pytest.raises(inference.ConfigError) as raised:
        inference.LLM("openai/gpt-4.1")
    assert str(missing) in str(raised.value)


def test_a_variable_that_is_not_set_is_an_error_when_it_is_needed(quick: Stage) -> None:
    quick.config.write_text("providers:\n  openai: {api_key: '${NO_SUCH_KEY}'}\n  cartesia: {api_key: k}\n")
    use(quick.config)
    assert inference.TTS("cartesia/sonic-3")
    with pytest.raises(inference.ConfigError, match="NO_SUCH_KEY"):
        inference.LLM("openai/gpt-4.1")


FRESH = """
import json, socket, sys

import voicegateway.cli
found = {"of the command line": [name for name in sys.modules if "livekit" in name]}

from voicegateway import inference
found["of the factories"] = [name for name in sys.modules if name.startswith("livekit.plugins.")]

def refuse(*arguments, **more):
    raise AssertionError("a connection was tried")

socket.socket.connect = socket.getaddrinfo = refuse
inference.LLM("openai/gpt-4.1")
inference.TTS("cartesia/sonic-3")
found["of the plugins used"] = sorted(name for name in sys.modules if name.count(".") == 2 and "livekit.plugins" in name)

sys.modules["livekit.plugins.deepgram"] = None
try:
    inference.STT("deepgram/nova-3")
except ImportError as error:
    found["missing"] = str(error)
print(json.dumps(found))
"""


def test_each_import_brings_no_more_than_it_needs_and_building_touches_no_network(quick: Stage) -> None:
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "of the command line": [],
        "of the factories": [],
        "of the plugins used": ["livekit.plugins.cartesia", "livekit.plugins.openai"],
        "missing": "the LiveKit plugin for deepgram is not installed; run: pip install \"voicegateway[deepgram]\"",
    }
    assert quick.sim.meter() == []


@pytest.mark.parametrize(
    ("factory", "model"),
    [("STT", "deepgram/nova-3"), ("LLM", "openai/gpt-4.1"), ("LLM", "anthropic/claude-sonnet-4-6"), ("TTS", "cartesia/sonic-3")],
)
def test_a_plugin_that_is_not_installed_is_named_with_its_extra(
    quick: Stage, monkeypatch: pytest.MonkeyPatch, factory: str, model: str
) -> None:
    provider = model.partition("/")[0]
    monkeypatch.setitem(sys.modules, providers.load(provider).PLUGIN, None)
    with pytest.raises(ImportError) as raised:
        getattr(inference, factory)(model)
    assert f'pip install "voicegateway[{provider}]"' in str(raised.value)


def test_the_module_is_the_command_line() -> None:
    module = [sys.executable, "-m", "voicegateway.cli", "--version"]
    said = [subprocess.run(each, capture_output=True, text=True, check=True).stdout for each in (module, [*voicegw(), "--version"])]
    assert said[0] == said[1] != ""


def test_every_extra_of_the_python_product_is_accepted() -> None:
    extras = importlib.metadata.metadata("voicegateway").get_all("Provides-Extra")
    assert extras is not None
    clouds = {"deepgram", "openai", "anthropic", "groq", "cartesia", "elevenlabs", "assemblyai"}
    others = {"whisper", "kokoro", "piper", "cloud", "local", "all", "openrtc", "dev"}
    assert set(extras) >= clouds | others | {"server", "dashboard", "mcp", "tui", "postgres"}
    needed = importlib.metadata.requires("voicegateway") or []
    of_groq = {each.partition(">")[0] for each in needed if each.endswith("extra == 'groq'")}
    assert of_groq == {"livekit-plugins-groq", "livekit-plugins-openai"}


def test_the_package_is_typed() -> None:
    import voicegateway

    assert pathlib.Path(voicegateway.__file__).with_name("py.typed").exists()
    assert pathlib.Path(voicegateway.__file__).with_name("_native.pyi").exists()
