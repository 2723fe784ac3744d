"""What LiveKit itself says of a request, for plugins whose wire is not known here.

LiveKit's metrics are made of the same events, but come late and leave out what was interrupted; so the events are read
where the plugin hands them over. Every quantity is marked ``framework_reported``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .. import _native
    from ._attempts import Request


def watch(modality: str, stream: Any, request: Request) -> None:
    """Listen to what a stream hands over. Its task has not begun to run yet."""
    watching = _WATCHES[modality](stream, request)
    stream._event_ch = watching
    request.tell = watching.tell


class _Watch:
    """Stands for the channel that a stream sends its events on."""

    def __init__(self, stream: Any, request: Request) -> None:
        self._channel = stream._event_ch
        self._request = request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def send_nowait(self, event: Any) -> None:
        self._heard(event)
        self._channel.send_nowait(event)

    async def send(self, event: Any) -> None:
        self._heard(event)
        await self._channel.send(event)

    def _heard(self, event: Any) -> None:
        if (booking := self._request.latest) is not None:
            booking.native.output()

    def tell(self, native: _native.Attempt) -> None:
        """Book what was heard of this attempt."""


class _Chat(_Watch):
    """The last usage that came with a chunk."""

    _usage: Any = None

    def _heard(self, event: Any) -> None:
        super()._heard(event)
        self._usage = getattr(event, "usage", None) or self._usage

    def tell(self, native: _native.Attempt) -> None:
        usage, self._usage = self._usage, None
        if usage is not None:
            native.reported(
                input_tokens=usage.prompt_tokens,
                cached_input_tokens=usage.prompt_cached_tokens,
                output_tokens=usage.completion_tokens,
                by_framework=True,
            )


class _Hearing(_Watch):
    """The audio that usage events name."""

    _seconds: float | None = None

    def _heard(self, event: Any) -> None:
        usage = getattr(event, "recognition_usage", None)
        if usage is None:
            super()._heard(event)
        else:
            self._seconds = (self._seconds or 0.0) + usage.audio_duration

    def tell(self, native: _native.Attempt) -> None:
        seconds, self._seconds = self._seconds, None
        if seconds is not None:
            native.reported(audio_nanos=round(seconds * 1e9), by_framework=True)


class _Speaking(_Watch):
    """The text that was given to the plugin: an upper bound where it was interrupted."""

    def __init__(self, stream: Any, request: Request) -> None:
        super().__init__(stream, request)
        self._characters = len(getattr(stream, "input_text", ""))
        if hasattr(stream, "push_text"):
            push_text = stream.push_text

            def counted(token: str) -> None:
                push_text(token)
                self._characters += len(token)

            stream.push_text = counted

    def tell(self, native: _native.Attempt) -> None:
        native.reported(characters=self._characters, by_framework=True)


_WATCHES: dict[str, type[_Watch]] = {"llm": _Chat, "stt": _Hearing, "tts": _Speaking}


def audio_nanos(buffer: Any) -> int:
    """How much audio a recognition was given, in nanoseconds."""
    frames = buffer if isinstance(buffer, list) else [buffer]
    return sum(frame.samples_per_channel * 1_000_000_000 // frame.sample_rate for frame in frames)
