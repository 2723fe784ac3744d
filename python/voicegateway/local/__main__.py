"""``python -m voicegateway.local pull NAME | list``: what ``voicegw models`` runs, in the Python with the runtimes."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys

from .. import _native
from ..errors import ConfigError, ModelResolutionError
from . import _models

#: Which modality a local runtime's names belong to; one that runs chat models keeps them itself.
_MODALITIES = ("stt", "tts", "llm")


def pull(engine: _native.Engine, name: str) -> pathlib.Path:
    """Fetch the files of a model string, alias or bare runtime, as the configuration leads it; returns the model's."""
    target = _resolve(engine, name)
    settings = {**target.settings, **target.extra}
    runtime = _models.RUNTIMES.get(target.provider)
    if runtime is None:
        command = f"; run: ollama pull {target.model}" if target.provider == "ollama" else ""
        raise _models.PullError(f"{target.provider} keeps its models itself{command}")
    model_dir = settings.get("model_dir", runtime.folder)
    if runtime is _models.WHISPER:
        return _models.pull_whisper(target.model or settings.get("model_path", runtime.default), model_dir)
    if runtime is _models.KOKORO:
        return _models.pull_kokoro(target.model or settings.get("model", runtime.default), model_dir)
    voice = target.voice or target.model or settings.get("default_voice", runtime.default)
    return _models.pull_piper(voice, model_dir)


def _resolve(engine: _native.Engine, name: str) -> _native.Target:
    if name in ("kokoro", "piper"):
        name = f"local/{name}"
    error: Exception | None = None
    for modality in _MODALITIES:
        try:
            return engine.resolve(modality, name, project=engine.default_project)
        except (ModelResolutionError, NotImplementedError) as refused:
            error = error or refused
    assert error is not None
    raise error


def show(engine: _native.Engine) -> None:
    """Print every model that is there: its model string, its size, its folder."""
    found = []
    for runtime in _models.RUNTIMES.values():
        # Any name leads to the runtime's settings.
        folder = _resolve(engine, f"{runtime.name}/{runtime.default}").settings.get("model_dir", runtime.folder)
        found += [(f"{runtime.name}/{name}", size, folder) for name, size in _models.installed(runtime, folder)]
    if not found:
        print("no local models yet; fetch one with: voicegw models pull local/whisper-small", file=sys.stderr)
    width = max((len(name) for name, _, _ in found), default=0)
    for name, size, folder in found:
        print(f"{name:{width}}  {size / 1e6:8.1f} MB  {folder}")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m voicegateway.local")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("pull", help="download a model").add_argument("name")
    commands.add_parser("list", help="show the models on this machine")
    asked = parser.parse_args(arguments)
    try:
        engine = _native.Engine.open(dict(os.environ))
        if asked.command == "list":
            show(engine)
        else:
            print(f"{asked.name} is at {pull(engine, asked.name)}")
    except KeyboardInterrupt:
        return 130
    except (ConfigError, ModelResolutionError, _models.PullError, ImportError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
