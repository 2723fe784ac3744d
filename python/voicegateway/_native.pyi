"""The native module: the engine and the command line, in Rust."""

from typing import Any, final

__all__ = ["Attempt", "ConfigError", "Engine", "ModelResolutionError", "Target", "__version__", "run_cli"]

__version__: str

def run_cli(arguments: list[str], environment: dict[str, str]) -> int:
    """Runs the command line and returns its exit code."""

class ConfigError(Exception):
    """The configuration is missing or invalid, or lacks a key that is needed."""

class ModelResolutionError(ValueError):
    """A model string that leads to no provider of this installation."""

@final
class Engine:
    """The engine of this process. A forked child must not use its parent's; it opens its own."""

    @staticmethod
    def open(environment: dict[str, str]) -> Engine: ...
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
    def flush(self, seconds: float) -> int: ...
    def close(self, seconds: float) -> int: ...
    def drain_log(self) -> list[tuple[int, str]]: ...

@final
class Target:
    """One model at one provider for one project, frozen."""

    @property
    def provider(self) -> str: ...
    @property
    def model(self) -> str: ...
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
    def begin(
        self,
        *,
        session_id: str | None = None,
        tenant_id: str | None = None,
        turn: int | None = None,
        request_id: bytes | None = None,
        probe: bool = False,
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
    @property
    def is_slow(self) -> bool: ...
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
    def slow_warning(self) -> str: ...
