"""Anthropic: its plugin speaks through the official client, so stand-ins for that client's calls do the counting.

The plugin's own sum is not the bill: it adds the output counted when the answer began to the count at its end, which
holds it already.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from ..inference._attempts import current
from ..inference._client import Answer, sending
from ..inference._wire import StandIn
from . import Asked

if TYPE_CHECKING:
    from .. import _native

PLUGIN = "livekit.plugins.anthropic"


def plugin_class(plugin: Any, modality: str, model: str) -> type:
    """Its chat is all there is."""
    return plugin.LLM  # type: ignore[no-any-return]


def arguments(modality: str, target: _native.Target, asked: Asked) -> dict[str, Any]:
    """The constructor's arguments."""
    return {"api_key": target.api_key, "base_url": target.base_url, "model": target.model or None}


def listen(built: Any) -> None:
    """Puts a stand-in where the plugin keeps its client."""
    built._client = _Client(built._client)


class _Client(StandIn):
    """Stands for ``anthropic.AsyncClient``, and for its ``beta``, which tools that are Anthropic's own go through."""

    @functools.cached_property
    def messages(self) -> _Messages:
        return _Messages(self._real.messages)

    @functools.cached_property
    def beta(self) -> _Client:
        return _Client(self._real.beta)


class _Messages(StandIn):
    """Stands for ``client.messages``."""

    async def create(self, **kwargs: Any) -> Any:
        booking = current.get()
        if booking is None:
            return await self._real.create(**kwargs)
        import anthropic

        stream = await sending(booking, self._real.create(**kwargs), anthropic)
        booking.native.sent()
        return _Events(stream, booking, kwargs)


class _Events(Answer):
    """Stands for the events of an answer."""

    #: What the usage messages said so far.
    _counts: dict[str, int]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._counts = {}

    @property
    def messages(self) -> Any:
        """Anthropic has the system's words beside the conversation."""
        return [{"role": "system", "content": self._request.get("system")}, *self._request["messages"]]

    @property
    def tools(self) -> Any:
        """Anthropic's word for a tool's parameters is ``input_schema``."""
        return [{**tool, "parameters": tool.get("input_schema")} for tool in self._request.get("tools") or []] or None

    async def __anext__(self) -> Any:
        import anthropic

        try:
            return await super().__anext__()
        except anthropic.APIStatusError as error:
            # An error in the middle of an answer comes with the status of the answer.
            self._native.frame_received(None, json.dumps(error.body))
            raise

    def _read(self, event: Any) -> None:
        if event.type == "content_block_delta":
            delta = event.delta
            self._keep(
                getattr(delta, "text", None), getattr(delta, "partial_json", None), getattr(delta, "thinking", None)
            )
        elif event.type == "content_block_start":
            self._keep(getattr(event.content_block, "name", None))
        elif event.type == "message_start":
            self._report(event.message.usage)
        elif event.type == "message_delta":
            self._report(event.usage, is_last=True)

    def _report(self, usage: Any, *, is_last: bool = False) -> None:
        """Report what a usage message says.

        Each counts from the beginning, so the last one holds. The output in the first one is that of the first
        moment: if no other comes, the estimate is nearer to the truth.
        """
        if usage is None:
            return
        for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"):
            if (count := getattr(usage, name, None)) is not None:
                self._counts[name] = count
        self._native.reported(
            # What was read from the cache and written to it stands beside the input, not in it.
            input_tokens=sum(self._counts.values()) if "input_tokens" in self._counts else None,
            cached_input_tokens=self._counts.get("cache_read_input_tokens"),
            cache_write_tokens=self._counts.get("cache_creation_input_tokens"),
            output_tokens=usage.output_tokens if is_last else None,
            reasoning_tokens=_thinking_tokens(usage) if is_last else None,
        )
        if is_last:
            self._has_usage()


def _thinking_tokens(usage: Any) -> int | None:
    return getattr(getattr(usage, "output_tokens_details", None), "thinking_tokens", None)
