"""Price calculations a second of the Python library voice-prices, on the calls that ``price_bench`` makes too."""

from __future__ import annotations

import json
import time
from decimal import Decimal

from voice_prices import Usage, calc_price

CALLS = {
    "llm": (Usage(input_tokens=1200, cache_read_tokens=1024, output_tokens=64), "gpt-4o", "openai"),
    "stt": (Usage(audio_input_seconds=Decimal("12.34")), "nova-3", "deepgram"),
    "tts": (Usage(characters=120), "sonic-3", "cartesia"),
}
SECONDS = 1.0


def main() -> None:
    rates = {}
    for name, (usage, model, provider) in CALLS.items():
        calc_price(usage, model, provider_id=provider)
        calls, started = 0, time.perf_counter()
        while time.perf_counter() - started < SECONDS:
            for _ in range(100):
                calc_price(usage, model, provider_id=provider)
            calls += 100
        rates[name] = calls / (time.perf_counter() - started)
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
