"""Stand-ins for the official clients of providers, which OpenAI and Anthropic have made alike.

They sit where a plugin keeps its client, count what its calls say, and change nothing of it.
"""

from __future__ import annotations

import abc
import asyncio
from typing import TYPE_CHECKING, Any

from ._attempts import Booking

if TYPE_CHECKING:
    from collections.abc import Awaitable


async def sending(booking: Booking, call: Awaitable[Any], sdk: Any) -> Any:
    """Await a call of the client ``sdk``, and note how far it got if it fails."""
    try:
        return await call
    except sdk.APIStatusError as error:
        booking.native.refused(error.status_code)
        raise
    except sdk.APIConnectionError as error:
        # A connection that was never made carried nothing.
        if type(error.__cause__).__name__ not in ("ConnectError", "ConnectTimeout", "PoolTimeout"):
            booking.native.sent()
        raise
    except asyncio.CancelledError:
        booking.native.sent()
        raise


class Answer(abc.ABC):
    """Stands for the stream of a chat's answer, and reads along.

    It keeps the answer's text only until a usage message makes it needless.
    """

    def __init__(self, stream: Any, booking: Booking, request: dict[str, Any]) -> None:
        self._stream = stream
        self._next = stream.__anext__
        self._native = booking.native
        self._booking = booking
        self._request = request
        self._is_answered = False
        self.answer: list[str] = []
        booking.chat = self

    @property
    def messages(self) -> Any:
        """The request's messages, in OpenAI's form."""
        return self._request.get("messages")

    @property
    def tools(self) -> Any:
        """The request's tools, in OpenAI's form."""
        return self._request.get("tools") or None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def __aenter__(self) -> Any:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self._stream.__aexit__(*exc_info)

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        event = await self._next()
        if not self._is_answered:
            self._is_answered = True
            self._native.output()
        self._read(event)
        return event

    @abc.abstractmethod
    def _read(self, event: Any) -> None:
        """Take text and usage from an event of the answer."""

    def _keep(self, *texts: str | None) -> None:
        self.answer += [text for text in texts if text]

    def _has_usage(self) -> None:
        """The whole bill was reported: no estimate is needed."""
        self._booking.chat = None
