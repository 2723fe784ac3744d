"""``voicegw.yaml`` as Python sees it, and model strings taken apart."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from . import _native

__all__ = ["GatewayConfig", "ModelId"]


@dataclass(frozen=True)
class GatewayConfig:
    """The checked configuration: variables put in, defaults filled in, secrets masked. Its keys are the file's."""

    #: The file it came from; ``None`` when there is none and the defaults hold.
    file: str | None
    default_project: str
    providers: dict[str, Any]
    models: dict[str, dict[str, Any]]
    stacks: dict[str, dict[str, str | None]]
    fallbacks: dict[str, list[str]]
    projects: dict[str, dict[str, Any]]
    observability: dict[str, bool]
    cost_tracking: dict[str, Any]
    latency: dict[str, Any]

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> GatewayConfig:
        """Read a file, or the one that is found; raises ``ConfigError`` with every problem in it.

        Without any file the defaults hold: keys come from the environment, the project is ``default``.
        """
        file = None if path is None else os.fspath(path)
        return cls(**json.loads(_native.load_configuration(dict(os.environ), file)))


@dataclass(frozen=True)
class ModelId:
    """``provider/model[:variant]``. The variant is a language (STT) or a voice (TTS)."""

    provider: str
    model: str
    variant: str | None = None

    @classmethod
    def parse(cls, text: str, modality: str = "tts") -> ModelId:
        """Take a model string apart at the first ``/`` and the last ``:``; raises ``ModelResolutionError``.

        The colons of an LLM belong to its name: ``ModelId.parse("ollama/qwen2.5:3b", "llm")`` has no variant.
        """
        return cls(*_native.parse_model(text, modality))

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}" + (f":{self.variant}" if self.variant else "")
