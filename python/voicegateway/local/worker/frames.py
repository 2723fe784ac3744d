"""What passes on the pipe, both ways: a small JSON object, and bytes beside it.

To the worker: ``{"load": {...}}`` once, then requests ``{"id": n, ...}`` and ``{"cancel": n}``.
From the worker: ``{"ready": {...}}`` or ``{"failed": "why"}`` once, then for each request ``{"id": n, "begun": true}``,
any number of ``{"id": n, ...}`` with what was made, and ``{"id": n, "end": true}`` or ``{"id": n, "error": "why"}``.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

_SIZES = struct.Struct(">II")

Frame = tuple[dict[str, Any], bytes]


def encode(fields: dict[str, Any], payload: bytes = b"") -> bytes:
    """A frame as it passes."""
    text = json.dumps(fields).encode()
    return _SIZES.pack(len(text), len(payload)) + text + payload


def write(descriptor: int, data: bytes) -> None:
    """Write all of it; raises ``OSError`` when nobody reads any more."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read(descriptor: int) -> Frame | None:
    """The next frame; ``None`` at the end."""
    sizes = _exactly(descriptor, _SIZES.size)
    if sizes is None:
        return None
    text_size, payload_size = _SIZES.unpack(sizes)
    text, payload = _exactly(descriptor, text_size), _exactly(descriptor, payload_size)
    return None if text is None or payload is None else (json.loads(text), payload)


def _exactly(descriptor: int, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(descriptor, min(size - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)
