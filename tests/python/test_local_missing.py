"""A local model that is not there says what to do, before anything is loaded."""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys
from typing import Any

import pytest
from booked import Stage, use
from simulator import voicegw

from voicegateway import inference
from voicegateway.local import _models

BUILDS = {
    "whisper": (lambda: inference.STT("local/whisper-tiny"), "faster-whisper", "whisper/tiny"),
    "kokoro": (lambda: inference.TTS("local/kokoro"), "kokoro-onnx", "kokoro/kokoro-v1.0"),
    "piper": (lambda: inference.TTS("local/piper:de_DE-thorsten-low"), "piper-tts", "piper/de_DE-thorsten-low"),
}

each_runtime = pytest.mark.parametrize("runtime", list(BUILDS))


@each_runtime
def test_a_missing_extra_names_the_command(quick: Stage, runtime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build, package, _ = BUILDS[runtime]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError) as caught:
        build()
    assert f"{package}, which runs {runtime} on this machine, is not installed" in str(caught.value)
    assert f"pip install 'voicegateway[{runtime}]'" in str(caught.value)


@each_runtime
def test_a_missing_file_names_its_place_and_the_command(
    quick: Stage, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, _, name = BUILDS[runtime]
    folder = quick.folder / "nowhere"
    text = quick.config.read_text().replace("providers:\n", f"providers:\n  {runtime}: {{model_dir: '{folder}'}}\n")
    quick.config.write_text(text)
    use(None)
    monkeypatch.setattr(_models.Runtime, "require", lambda self: None)
    with pytest.raises(inference.ConfigError) as caught:
        build()
    assert str(folder) in str(caught.value)
    assert f"run: voicegw models pull {name}" in str(caught.value)
    assert quick.lines() == []


def test_places_are_names_in_the_folder_or_paths(tmp_path: pathlib.Path) -> None:
    def place(name: str, ending: str = "") -> pathlib.Path:
        return _models._place(name, tmp_path, ending)

    assert place("large-v3") == tmp_path / "large-v3"
    assert place("en_US-lessac-medium", ".onnx") == tmp_path / "en_US-lessac-medium.onnx"
    assert place("kokoro-v1.0.int8", ".onnx") == tmp_path / "kokoro-v1.0.int8.onnx"
    assert place("/models/whisper") == pathlib.Path("/models/whisper")
    assert place("~/voices/mine.onnx", ".onnx") == pathlib.Path.home() / "voices/mine.onnx"


def test_all_precisions_of_a_kokoro_share_its_voices() -> None:
    assert _models._kokoro_voices("kokoro-v1.0") == "voices-v1.0.bin"
    assert _models._kokoro_voices("kokoro-v1.0.int8") == "voices-v1.0.bin"
    assert _models._kokoro_voices("kokoro-v1.1-zh") == "voices-v1.1-zh.bin"
    assert _models._kokoro_voices("mine") == "voices-mine.bin"


def models(stage: Stage, *arguments: str) -> Any:
    command = [*voicegw(), "models", *arguments, "--config", str(stage.config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("local/nothing-like-it", "local/nothing-like-it"),
        ("deepgram/nova-3", "deepgram keeps its models itself"),
        ("ollama/qwen2.5:3b", "run: ollama pull qwen2.5:3b"),
    ],
)
def test_what_cannot_be_pulled_says_why(quick: Stage, name: str, said: str) -> None:
    done = models(quick, "pull", name)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr and "Traceback" not in done.stderr


def test_pull_without_the_runtime_names_the_extra(quick: Stage) -> None:
    done = models(quick, "pull", "local/piper:en_US-lessac-medium")
    assert done.returncode == 1
    assert "pip install 'voicegateway[piper]'" in done.stderr


def test_a_wrong_python_is_named(quick: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEGW_PYTHON", "/nowhere/python")
    done = models(quick, "list")
    assert done.returncode == 1
    assert "/nowhere/python" in done.stderr and "VOICEGW_PYTHON" in done.stderr
    monkeypatch.setenv("VOICEGW_PYTHON", sys.executable)
    assert models(quick, "list").returncode == 0
