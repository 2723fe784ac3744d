"""What ``from voicegateway import inference`` adds to an agent that has LiveKit loaded; printed as JSON.

Import time and resident memory beyond ``livekit.agents`` and the plugin; then the engine opened, a price looked up and
the tokenizer used, so that everything lazy is loaded; and a factory beyond the plugin's own constructor.
"""

from __future__ import annotations

import json
import os
import tempfile
import time


def resident_kib() -> int:
    """Resident memory of this process, and its private part (not shared with other processes)."""
    fields = {}
    with open("/proc/self/smaps_rollup") as file:
        for line in file:
            name, _, value = line.partition(":")
            fields[name] = int(value.split()[0]) if value.strip().endswith("kB") else 0
    return fields["Rss"]


def median_micros(make: object, times: int = 50) -> float:
    """The median time of a call."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        make()  # type: ignore[operator]
        taken.append(time.perf_counter() - started)
    return sorted(taken)[times // 2] * 1e6


def main() -> None:
    folder = tempfile.mkdtemp()
    os.environ["VOICEGW_DB_PATH"] = os.path.join(folder, "ledger.db")
    os.environ["OPENAI_API_KEY"] = "k"
    import livekit.agents  # noqa: F401
    from livekit.plugins import openai

    openai.LLM(model="gpt-4.1-mini")
    before = resident_kib()
    started = time.perf_counter()
    from voicegateway import inference

    imported = time.perf_counter() - started
    after_import = resident_kib()
    inference.LLM("openai/gpt-4.1-mini")
    from voicegateway.inference._engine import engine

    target = engine().resolve("llm", "openai/gpt-4.1-mini", project="default")
    attempt = target.begin()
    attempt.output()
    attempt.settle("cancelled", messages='[{"role": "user", "content": "Hello there"}]', answer="Good evening!")
    engine().flush(5.0)
    after_use = resident_kib()
    plugin = median_micros(lambda: openai.LLM(model="gpt-4.1-mini"))
    factory = median_micros(lambda: inference.LLM("openai/gpt-4.1-mini"))
    print(
        json.dumps(
            {
                "import_ms": imported * 1e3,
                "import_kib": after_import - before,
                "in_use_kib": after_use - before,
                "plugin_constructor_us": plugin,
                "factory_us": factory,
            }
        )
    )


if __name__ == "__main__":
    main()
