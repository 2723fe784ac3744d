"""The native module: the engine and the command line, in Rust."""

from typing import Any, TypeAlias, final

__all__ = [
    "Attempt",
    "BudgetExceeded",
    "ConfigError",
    "Desk",
    "Engine",
    "LatencyUnknown",
    "MiddlewareError",
    "ModelResolutionError",
    "Target",
    "__version__",
    "load_configuration",
    "parse_model",
    "run_cli",
]

__version__: str

def run_cli(arguments: list[str], environment: dict[str, str]) -> int:
    """Runs the command line and returns its exit code."""

def load_configuration(environment: dict[str, str], file: str | None = None) -> str:
    """The configuration of a file, or of the one that is found, as JSON without a secret."""

def parse_model(text: str, modality: str) -> tuple[str, str, str | None]:
    """Takes a model string apart: provider, model, and what follows the last colon in this modality."""

class ConfigError(Exception):
    """The configuration is missing or invalid, or lacks a key that is needed."""

class ModelResolutionError(ValueError):
    """A model string that leads to no provider of this installation."""

class MiddlewareError(Exception):
    """A request that VoiceGateway itself refuses, not its provider."""

class BudgetExceeded(MiddlewareError):
    """No models of the project's rosters are predicted to be fast enough, and `fallback_to_fastest` is false."""

class LatencyUnknown(ModelResolutionError):
    """Nothing is known of how fast any candidate of a modality is."""

#: What routing chose for a conversation: stt, llm, tts, the budget in milliseconds, whether it is overrun.
_Routed: TypeAlias = tuple[str | None, str | None, str | None, int, bool]

@final
class Engine:
    """The engine of this process. A forked child must not use its parent's; it opens its own."""

    @staticmethod
    def open(environment: dict[str, str], file: str | None = None, *, collects: bool = False) -> Engine: ...
    def reload(self) -> None: ...
    @property
    def desk(self) -> Desk: ...
    def take_rows(self) -> list[str]: ...
    @property
    def default_project(self) -> str: ...
    @property
    def logs_requests(self) -> bool: ...
    @property
    def durable_lines(self) -> int: ...
    @property
    def has_log(self) -> bool: ...
    def mint_session_id(self) -> str: ...
    def resolve(
        self,
        modality: str,
        model: str | None,
        *,
        project: str,
        provider: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        language: str | None = None,
        voice: str | None = None,
    ) -> Target: ...
    def chain(
        self,
        modality: str,
        model: str | None,
        *,
        project: str,
        provider: str | None = None,
        routed: str | None = None,
    ) -> tuple[str, str, list[str]]: ...
    def routed_modalities(self, project: str) -> list[str]: ...
    def fallbacks(self, modality: str, project: str) -> list[str]: ...
    def stack(self, project: str, name: str | None) -> list[str | None]: ...
    @property
    def walks_chains_in_mid_call(self) -> bool: ...
    def adopt(
        self, modality: str, provider: str, model: str, *, project: str, base_url: str | None = None
    ) -> Target: ...
    def take_over(self, target: Target) -> Target: ...
    def flush(self, seconds: float) -> int: ...
    def close(self, seconds: float) -> int: ...
    def before_fork(self, seconds: float) -> None: ...
    def after_fork(self) -> None: ...
    def drain_log(self) -> list[tuple[int, str]]: ...

@final
class Desk:
    """The questions of the desk, answered as JSON. Every method blocks for the time of a few reads."""

    @property
    def ledger(self) -> str | None: ...
    def configuration(self) -> str: ...
    def status(self, project: str | None = None) -> str: ...
    def costs(self, period: str, project: str | None = None) -> str: ...
    def latency(self, period: str, project: str | None = None) -> str: ...
    def projects(self) -> str: ...
    def route(
        self, project: str, *, stt: str | None = None, llm: str | None = None, tts: str | None = None
    ) -> tuple[str, str, str, float, bool, int]: ...
    def budget(self, project: str) -> str: ...

@final
class Target:
    """One model at one provider for one project, frozen."""

    @property
    def provider(self) -> str: ...
    @property
    def model_id(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def billed_model(self) -> str: ...
    @property
    def project(self) -> str: ...
    @property
    def api_key(self) -> str | None: ...
    @property
    def base_url(self) -> str | None: ...
    @property
    def language(self) -> str | None: ...
    @property
    def voice(self) -> str | None: ...
    @property
    def extra(self) -> dict[str, Any]: ...
    @property
    def settings(self) -> dict[str, Any]: ...
    def context_of(self, frame: str, *, sent: bool) -> str | None: ...
    def begin(
        self,
        *,
        session_id: str | None = None,
        tenant_id: str | None = None,
        agent_id: str | None = None,
        turn: int | None = None,
        request_id: bytes | None = None,
        probe: bool = False,
        fallback_from: str | None = None,
        routed: _Routed | None = None,
        model: str | None = None,
        language: str | None = None,
        voice: str | None = None,
        streaming: bool = True,
    ) -> Attempt: ...

@final
class Attempt:
    """One try of one request at one provider. Every method returns at once."""

    @property
    def id(self) -> bytes: ...
    @property
    def request_id(self) -> bytes: ...
    @property
    def is_settled(self) -> bool: ...
    def sent(self) -> None: ...
    def sent_text(self, characters: int) -> None: ...
    def sent_body_audio(self, nanos: int) -> None: ...
    def socket_opened(self) -> None: ...
    def audio_socket_opened(self, bytes_per_second: int) -> int: ...
    def audio_socket_closed(self, socket: int) -> None: ...
    def audio_sent(self, socket: int, bytes: int) -> None: ...
    def frame_sent(self, socket: int | None, text: str) -> None: ...
    def frame_received(self, socket: int | None, text: str) -> None: ...
    def output(self) -> None: ...
    def refused(self, status: int) -> None: ...
    @property
    def refusal(self) -> int | None: ...
    def reported(
        self,
        *,
        input_tokens: int | None = None,
        cached_input_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        input_audio_tokens: int | None = None,
        output_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        output_audio_tokens: int | None = None,
        audio_nanos: int | None = None,
        characters: int | None = None,
        by_framework: bool = False,
    ) -> None: ...
    def settle(
        self,
        status: str,
        error_kind: str | None = None,
        error_status: int | None = None,
        error_message: str | None = None,
        messages: str | None = None,
        tools: str | None = None,
        answer: str | None = None,
    ) -> None: ...
    def summary(self) -> str: ...
