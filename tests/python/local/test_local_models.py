"""Fetching and listing models, through the command line of the wheel."""

from __future__ import annotations

import http.server
import pathlib
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from machine import LocalStage
from simulator import voicegw

from voicegateway import inference
from voicegateway.errors import ConfigError
from voicegateway.local import _models


def models(local: LocalStage, *arguments: str) -> Any:
    command = [*voicegw(), "models", *arguments, "--config", str(local.config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def published(local: LocalStage, tmp_path: pathlib.Path) -> Iterator[str]:
    """A server that has Kokoro's files where its authors publish them."""
    release = tmp_path / "www" / "model-files-v1.0"
    release.mkdir(parents=True)
    for name in ("kokoro-v1.0.onnx", "voices-v1.0.bin"):
        (release / name).write_bytes((local.toys.kokoro / name).read_bytes())

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path / "www"))

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_models_on_this_machine_are_listed(local: LocalStage) -> None:
    (local.toys.piper / "half.onnx").write_bytes(b"")
    done = models(local, "list")
    (local.toys.piper / "half.onnx").unlink()
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "whisper/slow",
        "whisper/tiny",
        "kokoro/kokoro-v1.0",
        "kokoro/kokoro-v1.0.slow",
        "piper/en_US-lessac-medium",
        "piper/slow",
    ]
    assert str(local.toys.whisper) in done.stdout


def test_kokoro_is_fetched_whole_or_not_at_all(
    local: LocalStage, published: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_models, "_KOKORO_RELEASES", published)
    folder = tmp_path / "fetched"
    with pytest.raises(ConfigError, match="voicegw models pull kokoro/kokoro-v1.0"):
        _models.kokoro_files("kokoro-v1.0", folder)
    assert _models.pull_kokoro("kokoro-v1.0", folder) == folder / "kokoro-v1.0.onnx"
    assert sorted(file.name for file in folder.iterdir()) == ["kokoro-v1.0.onnx", "voices-v1.0.bin"]
    with pytest.raises(_models.PullError, match="404"):
        _models.pull_kokoro("kokoro-v1.0.int8", folder)
    assert sorted(file.name for file in folder.iterdir()) == ["kokoro-v1.0.onnx", "voices-v1.0.bin"]
    with pytest.raises(_models.PullError, match="no Kokoro model is published as `mine`"):
        _models.pull_kokoro("mine", folder)


@pytest.mark.parametrize(
    ("name", "said"),
    [("whisper/no-such-size", "Invalid model size"), ("piper/nonsense", "did not match pattern")],
)
def test_the_runtimes_own_downloader_is_the_one_that_runs(local: LocalStage, name: str, said: str) -> None:
    """Names their downloaders refuse before they go to the network."""
    before = sorted(local.toys.piper.iterdir())
    done = models(local, "pull", name)
    assert done.returncode == 1
    assert said in done.stderr
    assert "failed with exit code 1; its own words are above" in done.stderr
    assert sorted(local.toys.piper.iterdir()) == before


def test_an_alias_leads_to_its_model(local: LocalStage) -> None:
    local.write_config(
        "models:\n  stt: { ears: { provider: whisper, model: tiny, decoding: { beam_size: 1 } } }\n"
        "  tts: { mouth: { provider: piper, default_voice: en_US-lessac-medium, speed: 1.5 } }\n"
    )
    from booked import use

    use(None)
    assert inference.STT("ears")._decoding == {"beam_size": 1}
    assert inference.TTS("mouth")._opts.speed == 1.5


def test_a_broken_configuration_of_a_voice_is_told_at_once(local: LocalStage, tmp_path: pathlib.Path) -> None:
    voice = tmp_path / "broken.onnx"
    voice.write_bytes(b"")
    voice.with_name("broken.onnx.json").write_text("{}")
    with pytest.raises(ConfigError, match="is not a configuration of a Piper voice"):
        inference.TTS("local/piper", voice=str(voice))
