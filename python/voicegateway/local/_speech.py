"""Speaking, as both voices of this machine do it: a text goes to the worker, audio comes back as it is made."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import weakref
from typing import Any

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, tokenize, tts, utils

from ._process import Connection


class LocalTTS(tts.TTS[None]):
    """Speech made by a worker process, sentence by sentence."""

    def __init__(
        self, connection: Connection, sample_rate: int, tokenizer: tokenize.SentenceTokenizer | None
    ) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True), sample_rate=sample_rate, num_channels=1
        )
        self._connection = connection
        self._tokenizer = tokenizer or tokenize.blingfire.SentenceTokenizer()
        self._streams: weakref.WeakSet[_Stream | _Chunked] = weakref.WeakSet()
        #: What the next request is made with; a request keeps its own.
        self._opts: Any = None

    @property
    def provider(self) -> str:
        return self._connection.runtime

    @abc.abstractmethod
    def _asked(self, text: str, options: Any) -> dict[str, Any]:
        """A request's fields for the worker."""

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        made = _Chunked(self, text, conn_options)
        self._streams.add(made)
        return made

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> tts.SynthesizeStream:
        made = _Stream(self, conn_options)
        self._streams.add(made)
        return made

    def prewarm(self) -> None:
        """Start the worker and load the model ahead of need."""
        self._connection.start()

    async def aclose(self) -> None:
        """Stop what is being spoken, and the worker unless others use it."""
        for stream in list(self._streams):
            await stream.aclose()
        self._streams.clear()
        await self._connection.aclose()


async def _say(voice: LocalTTS, connection: Connection, text: str, options: Any, emitter: tts.AudioEmitter) -> None:
    request = connection.request(voice._asked(text, options))
    async with contextlib.aclosing(request):
        async for _, audio in request:
            if audio:
                emitter.push(audio)
    emitter.flush()


class _Chunked(tts.ChunkedStream):
    """One text, given whole."""

    def __init__(self, voice: LocalTTS, text: str, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=voice, input_text=text, conn_options=conn_options)
        self._voice, self._connection, self._opts = voice, voice._connection, voice._opts

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=utils.shortuuid(),
            sample_rate=self._voice.sample_rate,
            num_channels=1,
            mime_type="audio/pcm",
        )
        await _say(self._voice, self._connection, self._input_text, self._opts, output_emitter)


class _Stream(tts.SynthesizeStream):
    """A text that is still being written: each sentence is spoken as soon as it is whole."""

    def __init__(self, voice: LocalTTS, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=voice, conn_options=conn_options)
        self._voice, self._connection, self._opts = voice, voice._connection, voice._opts

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=utils.shortuuid(),
            sample_rate=self._voice.sample_rate,
            num_channels=1,
            mime_type="audio/pcm",
            stream=True,
        )
        output_emitter.start_segment(segment_id=utils.shortuuid())
        sentences = self._voice._tokenizer.stream()
        reading = asyncio.create_task(self._read(sentences))
        try:
            async for sentence in sentences:
                if text := sentence.token.strip():
                    self._mark_started()
                    await _say(self._voice, self._connection, text, self._opts, output_emitter)
        finally:
            await utils.aio.cancel_and_wait(reading)
            await sentences.aclose()

    async def _read(self, sentences: tokenize.SentenceStream) -> None:
        async for text in self._input_ch:
            if isinstance(text, self._FlushSentinel):
                sentences.flush()
            else:
                sentences.push_text(text)
        sentences.end_input()
