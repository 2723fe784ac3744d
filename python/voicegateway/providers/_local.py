"""What the local runtimes share: they are asked over a pipe, and a stand-in for that connection does the counting."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from ..inference._attempts import current
from ..inference._wire import StandIn

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .. import _native
    from ..local._process import Connection
    from ..local.worker.frames import Frame

PLUGIN = "voicegateway.local"


def settings(target: _native.Target, **names: str) -> dict[str, Any]:
    """The owner's settings of the provider that the constructor takes, each by the constructor's name for it."""
    found = target.settings
    return {name: found.get(key) for name, key in names.items()}


def listen(built: Any) -> None:
    """Puts the stand-in where the object keeps its connection."""
    built._connection = Metered(built._connection)


class Metered(StandIn):
    """Stands for a ``Connection``. What a request asks for is counted when the runtime begins on it."""

    _real: Connection

    async def request(self, fields: dict[str, Any], payload: bytes = b"") -> AsyncGenerator[Frame, None]:
        booking = current.get()
        frames = self._real.request(fields, payload)
        async with contextlib.aclosing(frames):
            if booking is None:
                async for frame in frames:
                    yield frame
                return
            native = booking.native
            text = fields.get("text")
            if text is not None:
                # The wait for the voice runs from here, through the loading of its model.
                native.frame_sent(None, "")
            async for frame in frames:
                if "begun" not in frame[0]:
                    native.output()
                elif text is not None:
                    native.frame_sent(None, text)
                else:
                    native.sent_body_audio(fields["audio_nanos"])
                yield frame
