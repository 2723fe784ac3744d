"""Stand-ins that count what passes on a plugin's connection, and change nothing of it.

Each looks up the attempt at the moment something passes: a pooled socket serves many attempts, and one opened ahead
of need (prewarm) serves none yet. On a socket that several attempts share at the same time, what passes says whose it is.
"""

from __future__ import annotations

import asyncio
import functools
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
from livekit.agents.utils import http_context

from ._attempts import Booking, current, running

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from .. import _native

    #: Bytes one second of audio takes on a socket opened with this URL; ``None`` for a socket without audio frames.
    AudioRate = Callable[[str], int | None]
    #: Told once about a request with a body: the keyword arguments it was posted with.
    CountBody = Callable[[Booking, dict[str, Any]], None]
    #: Takes from these what is to be counted, before sending uses it up.
    KeepBody = Callable[[dict[str, Any]], dict[str, Any]]
    #: Reads usage from a whole JSON answer.
    ReadAnswer = Callable[[Booking, Any], None]
    #: Reads usage from the headers of an answer.
    ReadHeaders = Callable[[Booking, Mapping[str, str]], None]

_METER = "_voicegateway"


class StandIn:
    """Passes every attribute, read or written, to the object it stands for."""

    def __init__(self, real: Any) -> None:
        self.__dict__["_real"] = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)


class Sharing:
    """How attempts share a socket: every frame names a context, and every stream knows its own.

    The plugin's loops that send and receive are made once for a socket and keep the context variables of the stream
    that opened it, so these do not tell whose a frame is.
    """

    __slots__ = ("context_of", "target")

    def __init__(self, target: _native.Target, context_of: Callable[[Any], str | None]) -> None:
        #: Reads the context out of a frame.
        self.target = target
        #: Reads it off a stream.
        self.context_of = context_of


class Session:
    """Stands for the ``aiohttp.ClientSession`` of a plugin: the one given, else the one of LiveKit's job."""

    def __init__(
        self,
        given: aiohttp.ClientSession | None = None,
        *,
        audio_rate: AudioRate | None = None,
        count_body: CountBody | None = None,
        keep_body: KeepBody | None = None,
        read_answer: ReadAnswer | None = None,
        read_headers: ReadHeaders | None = None,
        sharing: Sharing | None = None,
    ) -> None:
        self._given = given
        self._sharing = sharing
        self._audio_rate = audio_rate
        self._keep_body = keep_body
        self._reading = _Reading(count_body, read_answer, read_headers)

    @property
    def _real(self) -> aiohttp.ClientSession:
        return self._given or http_context.http_session()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def ws_connect(self, url: Any, **kwargs: Any) -> _Connecting:
        return _Connecting(self._connect(url, kwargs))

    async def _connect(self, url: Any, kwargs: dict[str, Any]) -> Any:
        booking = current.get()
        try:
            socket = await self._real.ws_connect(url, **kwargs)
        except aiohttp.WSServerHandshakeError as error:
            if booking is not None:
                booking.native.refused(error.status)
            raise
        meter: _SocketMeter
        if self._sharing is not None:
            meter = _SharedSocketMeter(booking, self._sharing)
        else:
            meter = _SocketMeter(booking, self._audio_rate(str(url)) if self._audio_rate else None)
        made_as: Any = type(socket)
        socket.__class__ = _metered_socket(made_as)
        socket.__dict__[_METER] = meter
        return socket

    def post(self, *args: Any, **kwargs: Any) -> _Posting:
        sent = kwargs if self._keep_body is None else self._keep_body(kwargs)
        return _Posting(self._real.post(*args, **kwargs), sent, self._reading)


class _Connecting:
    """What ``ws_connect`` returns: may be awaited, or entered with ``async with``."""

    def __init__(self, connect: Any) -> None:
        self._connect = connect
        self._socket: Any = None

    def __await__(self) -> Generator[Any, None, Any]:
        return (yield from self._connect.__await__())

    async def __aenter__(self) -> Any:
        self._socket = await self._connect
        return self._socket

    async def __aexit__(self, *exc_info: object) -> None:
        await self._socket.close()


class _SocketMeter:
    """What a socket needs to count: for an audio socket, the attempt that opened it and its number there."""

    __slots__ = ("audio", "number")

    def __init__(self, opener: Booking | None, audio_rate: int | None) -> None:
        self.audio: Booking | None = None
        self.number: int | None = None
        if opener is None:
            return
        if audio_rate is None:
            opener.native.socket_opened()
        else:
            self.audio = opener
            self.number = opener.native.audio_socket_opened(audio_rate)

    def close(self) -> None:
        """The socket is closed, from whichever side."""
        if self.audio is not None and self.number is not None:
            self.audio.native.audio_socket_closed(self.number)

    def bookings(self, frame: str | None, *, sent: bool) -> Iterable[Booking]:
        """The attempts a frame belongs to: an audio socket is its opener's for life."""
        booking = self.audio or current.get()
        return () if booking is None else (booking,)


class _SharedSocketMeter(_SocketMeter):
    """The same for a socket that several attempts share at the same time."""

    __slots__ = ("contexts", "sharing")

    def __init__(self, opener: Booking | None, sharing: Sharing) -> None:
        super().__init__(opener, None)
        self.sharing = sharing
        #: Whose contexts passed here, until their attempt is over.
        self.contexts: dict[str, Booking] = {}

    def bookings(self, frame: str | None, *, sent: bool) -> Iterable[Booking]:
        context = None if frame is None else self.sharing.target.context_of(frame, sent=sent)
        if context is None:
            return ()
        if not context:  # what concerns no context concerns them all
            return [booking for booking in self.contexts.values() if not booking.native.is_settled]
        known = self.contexts.get(context)
        # A stream may try again under the same name.
        if sent and (known is None or known.native.is_settled):
            known = next((one for one in running if self.sharing.context_of(one.stream) == context), None)
            if known is None:
                return ()
            going_on = {name: one for name, one in self.contexts.items() if not one.native.is_settled}
            self.contexts = {**going_on, context: known}
        return () if known is None else (known,)


@functools.cache
def _metered_socket(base: Any) -> Any:
    """The WebSocket class ``base``, counting frames after they were really sent."""

    class MeteredSocket(base):  # type: ignore[misc]
        async def send_str(self, data: str, *args: Any, **kwargs: Any) -> None:
            await super().send_str(data, *args, **kwargs)
            meter: _SocketMeter = self.__dict__[_METER]
            for booking in meter.bookings(data, sent=True):
                booking.native.frame_sent(meter.number, data)

        async def send_bytes(self, data: bytes, *args: Any, **kwargs: Any) -> None:
            await super().send_bytes(data, *args, **kwargs)
            meter: _SocketMeter = self.__dict__[_METER]
            if meter.audio is not None and meter.number is not None:
                meter.audio.native.audio_sent(meter.number, len(data))

        async def receive(self, *args: Any, **kwargs: Any) -> aiohttp.WSMessage:
            message: aiohttp.WSMessage = await super().receive(*args, **kwargs)
            meter: _SocketMeter = self.__dict__[_METER]
            if message.type is aiohttp.WSMsgType.TEXT:
                for booking in meter.bookings(message.data, sent=False):
                    booking.native.frame_received(meter.number, message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                for booking in meter.bookings(None, sent=False):
                    booking.native.output()
            else:
                meter.close()
            return message

        async def close(self, *args: Any, **kwargs: Any) -> bool:
            try:
                return await super().close(*args, **kwargs)  # type: ignore[no-any-return]
            finally:
                self.__dict__[_METER].close()

    MeteredSocket.__module__, MeteredSocket.__qualname__ = base.__module__, base.__qualname__
    MeteredSocket.__name__ = base.__name__
    return MeteredSocket


class _Reading(NamedTuple):
    """What is read of a request with a body and of its answer."""

    body: CountBody | None
    answer: ReadAnswer | None
    headers: ReadHeaders | None


class _Posting:
    """What ``post`` returns, entered with ``async with``: counts the body once it has left."""

    def __init__(self, posting: Any, sent: dict[str, Any], reading: _Reading) -> None:
        self._posting = posting
        self._sent = sent
        self._reading = reading

    def __await__(self) -> Generator[Any, None, Any]:
        return self._begin(self._posting).__await__()

    async def __aenter__(self) -> Any:
        return await self._begin(self._posting.__aenter__())

    async def __aexit__(self, *exc_info: Any) -> None:
        await self._posting.__aexit__(*exc_info)

    async def _begin(self, posting: Any) -> Any:
        booking = current.get()
        if booking is None:
            return await posting
        try:
            answer = await posting
        except aiohttp.ClientConnectorError:
            raise  # nothing left this machine
        except (aiohttp.ClientError, asyncio.TimeoutError, asyncio.CancelledError):
            self._count(booking)
            raise
        self._count(booking)
        if answer.status >= 400:
            booking.native.refused(answer.status)
        else:
            booking.native.output()
            if self._reading.headers is not None:
                self._reading.headers(booking, answer.headers)
            if self._reading.answer is not None:
                await answer.read()  # kept by aiohttp for whoever reads it next
                self._reading.answer(booking, await answer.json())
        return answer

    def _count(self, booking: Booking) -> None:
        if self._reading.body is not None:
            self._reading.body(booking, self._sent)


def audio_nanos_of_wav(body: bytes) -> int | None:
    """How much audio a WAV body holds, in nanoseconds; ``None`` when it is not PCM in a WAV container."""
    if len(body) < 44 or body[:4] != b"RIFF" or body[8:12] != b"WAVE":
        return None
    position, byte_rate = 12, 0
    size: int
    while position + 8 <= len(body):
        name, size = struct.unpack_from("<4sI", body, position)
        if name == b"fmt ":
            byte_rate = int(struct.unpack_from("<I", body, position + 16)[0])
        elif name == b"data" and byte_rate > 0:
            return min(size, len(body) - position - 8) * 1_000_000_000 // byte_rate
        position += 8 + size + size % 2
    return None
