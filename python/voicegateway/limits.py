"""What a request over a provider's rate limit is refused with."""

from __future__ import annotations

from typing import Any

from livekit.agents import APIStatusError

from .errors import MiddlewareError

__all__ = ["RateLimitExceeded"]


class RateLimitExceeded(MiddlewareError, APIStatusError):
    """The provider's ``requests_per_minute`` are used up. LiveKit tries it again."""

    def __init__(self, provider: str, requests_per_minute: int) -> None:
        words = (
            f"{provider} is limited to {requests_per_minute} requests a minute; raise "
            f"rate_limits.{provider}.requests_per_minute in voicegw.yaml, or wait"
        )
        APIStatusError.__init__(self, words, status_code=429, retryable=True)
        self.provider = provider
        self.requests_per_minute = requests_per_minute

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.provider, self.requests_per_minute)
