"""The files of local models: where they are looked for, what to say when one is missing, how one is fetched.

Nothing here loads a runtime or touches the network, but for the ``pull`` functions, which the user calls.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator

from ..errors import ConfigError

_Path = str | os.PathLike[str]

#: What faster-whisper reads of a model's folder. Without the tokenizer it would ask the network for one.
_WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json")

#: Where the runtime's authors publish Kokoro's files, as the error messages of kokoro-onnx 0.6.1 say.
_KOKORO_RELEASES = "https://github.com/thewh1teagle/kokoro-onnx/releases/download"
_KOKORO_NAME = re.compile(r"kokoro-(?P<version>v\d+\.\d+)(?P<variant>-zh)?")

_DOWNLOAD_WHISPER = "import sys, faster_whisper as w; w.download_model(sys.argv[1], output_dir=sys.argv[2])"


class PullError(Exception):
    """A model could not be fetched."""


@dataclasses.dataclass(frozen=True)
class Runtime:
    """A runtime of this machine."""

    #: Its name, which is its extra's too.
    name: str
    #: What Python imports.
    module: str
    #: What pip installs.
    package: str
    #: The model, or voice, that is used when none is named.
    default: str
    #: Where its models are kept, unless the user says otherwise.
    folder: str

    def require(self) -> None:
        """Raises ``ImportError`` that says what to install. The runtime itself is only loaded by its worker."""
        if importlib.util.find_spec(self.module) is None:
            raise ImportError(
                f"{self.package}, which runs {self.name} on this machine, is not installed; "
                f"run: pip install 'voicegateway[{self.name}]'",
                name=self.module,
            )


WHISPER = Runtime("whisper", "faster_whisper", "faster-whisper", "large-v3", "~/.local/share/voicegateway/whisper")
KOKORO = Runtime("kokoro", "kokoro_onnx", "kokoro-onnx", "kokoro-v1.0", "~/.local/share/voicegateway/kokoro")
PIPER = Runtime("piper", "piper", "piper-tts", "en_US-lessac-medium", "~/.local/share/piper-voices")

RUNTIMES = {runtime.name: runtime for runtime in (WHISPER, KOKORO, PIPER)}


def whisper_folder(model: str, model_dir: _Path = WHISPER.folder) -> pathlib.Path:
    """The folder of a converted model; raises ``ConfigError`` when a file it needs is not there."""
    folder = _place(model, model_dir, "")
    _check(WHISPER, model, [folder / name for name in _WHISPER_FILES])
    return folder


def kokoro_files(model: str, model_dir: _Path = KOKORO.folder) -> tuple[pathlib.Path, pathlib.Path]:
    """The model and its voices; raises ``ConfigError`` when one is not there."""
    graph = _place(model, model_dir, ".onnx")
    voices = graph.with_name(_kokoro_voices(graph.stem))
    _check(KOKORO, model, [graph, voices])
    return graph, voices


def _kokoro_voices(model: str) -> str:
    """All precisions of a model share one file of voices."""
    match = _KOKORO_NAME.match(model)
    return f"voices-{match['version']}{match['variant'] or ''}.bin" if match else f"voices-{model}.bin"


def piper_voice(voice: str, model_dir: _Path = PIPER.folder) -> pathlib.Path:
    """The voice's model, whose configuration lies beside it; raises ``ConfigError`` when one is not there."""
    graph = _place(voice, model_dir, ".onnx")
    _check(PIPER, voice, [graph, _piper_config(graph)])
    return graph


def _piper_config(graph: pathlib.Path) -> pathlib.Path:
    return graph.with_name(f"{graph.name}.json")


def piper_rate(graph: pathlib.Path) -> int:
    """Samples a second of a voice, from its configuration."""
    config = _piper_config(graph)
    try:
        return int(json.loads(config.read_text("utf-8"))["audio"]["sample_rate"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"`{config}` is not a configuration of a Piper voice ({type(error).__name__}: {error}); "
            "delete it and pull the voice again"
        ) from error


def _place(name: str, model_dir: _Path, ending: str) -> pathlib.Path:
    """A path as it is, a name within the folder of models."""
    path = pathlib.Path(name).expanduser()
    if path.is_absolute() or len(path.parts) > 1 or (ending and path.suffix == ending):
        return path.absolute()
    return pathlib.Path(model_dir).expanduser().absolute() / f"{name}{ending}"


def _check(runtime: Runtime, name: str, files: list[pathlib.Path]) -> None:
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise ConfigError(
            f"the {runtime.name} model `{name}` is not on this machine: there is no `{missing}`; "
            f"run: voicegw models pull {runtime.name}/{name}"
        )


def installed(runtime: Runtime, model_dir: _Path) -> Iterator[tuple[str, int]]:
    """The models in a folder that are whole, by name, and how many bytes they take."""
    folder = pathlib.Path(model_dir).expanduser()
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        try:
            if runtime is WHISPER:
                whole = [file for file in whisper_folder(str(entry.absolute())).rglob("*") if file.is_file()]
            elif entry.suffix != ".onnx":
                continue
            elif runtime is KOKORO:
                whole = list(kokoro_files(str(entry.absolute())))
            else:
                whole = [entry, _piper_config(piper_voice(str(entry.absolute())))]
        except ConfigError:
            continue
        yield (entry.name if runtime is WHISPER else entry.stem), sum(file.stat().st_size for file in whole)


def pull_whisper(model: str, model_dir: _Path) -> pathlib.Path:
    """Have faster-whisper download a model; returns its folder."""
    WHISPER.require()
    folder = _place(model, model_dir, "")
    _run(WHISPER, [sys.executable, "-c", _DOWNLOAD_WHISPER, model, str(folder)])
    return whisper_folder(str(folder))


def pull_piper(voice: str, model_dir: _Path) -> pathlib.Path:
    """Have Piper download a voice; returns its model."""
    PIPER.require()
    graph = _place(voice, model_dir, ".onnx")
    graph.parent.mkdir(parents=True, exist_ok=True)
    # Piper takes half a file for a whole one, so only what it finished is put in place.
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=graph.parent) as beside:
        download = [sys.executable, "-m", "piper.download_voices", "--download-dir", beside, graph.stem]
        _run(PIPER, download)
        done = pathlib.Path(beside) / graph.name
        for file in (_piper_config(done), done):
            file.replace(graph.with_name(file.name))
    return piper_voice(str(graph))


def pull_kokoro(model: str, model_dir: _Path) -> pathlib.Path:
    """Download a model and its voices, which kokoro-onnx leaves to its user; returns the model."""
    KOKORO.require()
    graph = _place(model, model_dir, ".onnx")
    match = _KOKORO_NAME.match(graph.stem)
    if match is None:
        raise PullError(f"no Kokoro model is published as `{graph.stem}`; the usual one is `{KOKORO.default}`")
    graph.parent.mkdir(parents=True, exist_ok=True)
    for file in (graph.with_name(_kokoro_voices(graph.stem)), graph):
        if not file.is_file():
            _download(f"{_KOKORO_RELEASES}/model-files-{match['version']}/{file.name}", file)
    return kokoro_files(str(graph))[0]


def _run(runtime: Runtime, command: list[str]) -> None:
    if (code := subprocess.run(command).returncode) != 0:
        raise PullError(f"the download by {runtime.package} failed with exit code {code}; its own words are above")


def _download(url: str, file: pathlib.Path) -> None:
    part = file.with_name(f"{file.name}.part")
    try:
        with urllib.request.urlopen(url) as answer, part.open("wb") as sink:
            shutil.copyfileobj(answer, sink)
    except (urllib.error.URLError, OSError) as error:
        part.unlink(missing_ok=True)
        raise PullError(f"`{url}` could not be downloaded: {error}") from error
    part.replace(file)
