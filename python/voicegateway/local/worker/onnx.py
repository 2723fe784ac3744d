"""An ONNX session whose run in progress another thread can stop."""

from __future__ import annotations

from typing import Any

import onnxruntime


class Stoppable:
    """Stands for an ``onnxruntime.InferenceSession``."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._options = onnxruntime.RunOptions()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, outputs: Any, inputs: Any) -> Any:
        return self._session.run(outputs, inputs, self._options)

    def allow(self) -> None:
        self._options = onnxruntime.RunOptions()

    def stop(self) -> None:
        self._options.terminate = True
