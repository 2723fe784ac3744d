"""OpenAI: its plugin speaks through the official client, so stand-ins for that client's calls do the counting."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..inference._attempts import Booking, current
from ..inference._client import Answer, sending
from ..inference._wire import Session, StandIn, audio_nanos_of_wav
from . import Asked

if TYPE_CHECKING:
    from .. import _native

PLUGIN = "livekit.plugins.openai"

#: OpenAI's words for what LiveKit's own service calls otherwise.
_FORMATS = {"pcm_s16le": "pcm"}


def plugin_class(plugin: Any, modality: str, model: str) -> type:
    """One class for each modality."""
    return getattr(plugin, modality.upper())  # type: ignore[no-any-return]


def arguments(modality: str, target: _native.Target, asked: Asked) -> dict[str, Any]:
    """The constructor's arguments."""
    common = {"api_key": target.api_key, "base_url": target.base_url, "model": target.model or None}
    if modality == "llm":
        return common
    if modality == "tts":
        return {**common, "voice": asked.voice, "response_format": _FORMATS.get(asked.encoding or "", asked.encoding)}
    return {**common, "language": asked.language, "vad": asked.vad}


def listen(built: Any) -> None:
    """Puts the stand-ins where the plugin keeps its client and, for realtime transcription, its session."""
    built._client = _Client(built._client)
    if hasattr(built, "_ensure_session"):
        built._session = Session(built._session)


class _Client(StandIn):
    """Stands for ``openai.AsyncClient``."""

    def __init__(self, real: Any) -> None:
        super().__init__(real)
        self.__dict__["chat"] = _Namespace(completions=_Completions(real))
        self.__dict__["audio"] = _Namespace(
            speech=_Namespace(with_streaming_response=_Speech(real)), transcriptions=_Transcriptions(real)
        )


class _Namespace:
    """A step of the client's path, such as ``client.chat``."""

    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)


async def _sending(booking: Booking, call: Any) -> Any:
    import openai

    return await sending(booking, call, openai)


class _Completions(StandIn):
    """Stands for ``client.chat.completions``."""

    def __init__(self, client: Any) -> None:
        super().__init__(client.chat.completions)

    async def create(self, **kwargs: Any) -> Any:
        booking = current.get()
        if booking is None:
            return await self._real.create(**kwargs)
        stream = await _sending(booking, self._real.create(**kwargs))
        booking.native.sent()
        return _Chunks(stream, booking, kwargs)


class _Chunks(Answer):
    """Stands for the chunks of an answer."""

    def _read(self, chunk: Any) -> None:
        for choice in chunk.choices:
            self._keep(choice.delta.content)
            for call in choice.delta.tool_calls or ():
                if call.function is not None:
                    self._keep(call.function.name, call.function.arguments)
        if (usage := chunk.usage or _usage_beside(chunk)) is not None:
            self._has_usage()
            _report_completion(self._native, usage)


def _usage_beside(chunk: Any) -> Any:
    """Groq's finishing chunk has the usage in a field of its own; whether OpenAI's message follows differs."""
    told = (getattr(chunk, "x_groq", None) or {}).get("usage")
    if told is None:
        return None
    from openai.types import CompletionUsage

    return CompletionUsage.construct(**told)


def _report_completion(native: _native.Attempt, usage: Any) -> None:
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    native.reported(
        input_tokens=usage.prompt_tokens,
        cached_input_tokens=getattr(prompt, "cached_tokens", None),
        cache_write_tokens=getattr(prompt, "cache_write_tokens", None),
        input_audio_tokens=getattr(prompt, "audio_tokens", None),
        output_tokens=usage.completion_tokens,
        reasoning_tokens=getattr(completion, "reasoning_tokens", None),
        output_audio_tokens=getattr(completion, "audio_tokens", None),
    )


class _Transcriptions(StandIn):
    """Stands for ``client.audio.transcriptions``: the plugin drops the usage that OpenAI sends with the text."""

    def __init__(self, client: Any) -> None:
        super().__init__(client.audio.transcriptions)

    async def create(self, **kwargs: Any) -> Any:
        booking = current.get()
        answer = self._real.create(**kwargs)
        if booking is None:
            return await answer
        nanos = audio_nanos_of_wav(kwargs["file"][1])
        if nanos is not None:
            booking.native.sent_body_audio(nanos)
        answer = await _sending(booking, answer)
        booking.native.output()
        if (usage := getattr(answer, "usage", None)) is not None:
            _report_transcription(booking.native, usage)
        return answer


def _report_transcription(native: _native.Attempt, usage: Any) -> None:
    seconds = getattr(usage, "seconds", None)
    if seconds is not None:
        native.reported(audio_nanos=round(seconds * 1e9))
        return
    details = getattr(usage, "input_token_details", None)
    native.reported(
        input_tokens=usage.input_tokens,
        input_audio_tokens=getattr(details, "audio_tokens", None),
        output_tokens=usage.output_tokens,
    )


class _Speech(StandIn):
    """Stands for ``client.audio.speech.with_streaming_response``."""

    def __init__(self, client: Any) -> None:
        super().__init__(client.audio.speech.with_streaming_response)

    def create(self, **kwargs: Any) -> Any:
        return _Speaking(self._real.create(**kwargs), kwargs["input"])


class _Speaking:
    """Stands for the context manager of a speech answer, and for the answer itself."""

    def __init__(self, manager: Any, text: str) -> None:
        self._manager = manager
        self._text = text
        self._answer: Any = None
        self._booking: Booking | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answer, name)

    async def __aenter__(self) -> Any:
        self._booking = current.get()
        if self._booking is None:
            return await self._manager.__aenter__()
        self._answer = await _sending(self._booking, self._manager.__aenter__())
        self._booking.native.sent_text(len(self._text))
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self._manager.__aexit__(*exc_info)

    async def iter_bytes(self, *args: Any) -> Any:
        async for part in self._answer.iter_bytes(*args):
            self._output()
            yield part

    async def iter_lines(self) -> Any:
        async for line in self._answer.iter_lines():
            self._output()
            # The plugin reads this event too, but reports it only for a whole answer.
            if line.startswith("data: ") and "speech.audio.done" in line[:200]:
                self._report(line)
            yield line

    def _output(self) -> None:
        if self._booking is not None:
            self._booking.native.output()

    def _report(self, line: str) -> None:
        usage = json.loads(line[6:]).get("usage") or {}
        if self._booking is not None and "output_tokens" in usage:
            made = usage["output_tokens"]
            self._booking.native.reported(
                input_tokens=usage.get("input_tokens"), output_tokens=made, output_audio_tokens=made
            )
