"""The gateway under a mixed load for a minute, or for as long as ``SOAK_SECONDS`` says: ``pytest soak.py``.

Callers speak, are answered, barge in, hang up and call again, while providers fail now and then. At the end memory
and descriptors must have stayed flat, and the ledger must equal the bill.

The callers speak LiveKit's wire themselves: its client would cost more than the server it is to load.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import pathlib
import random
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jwt
import pytest
from booked import BILLED
from conversing import silence, tone
from serving import Gateway
from simulator import Simulator

SECONDS = float(os.environ.get("SOAK_SECONDS", 60))
#: Conversations at a time.
CALLS = int(os.environ.get("SOAK_CALLS", 12))

#: What the server may grow by over the measured time, as a line fitted to its resident memory says.
GROWTH_MIB = 4.0
#: The same for an hour, which is enough for allocators to settle and for leaks to show.
GROWTH_MIB_PER_HOUR = 16.0
#: Idle connections to providers that may be open at the end beyond those at the start, and files.
DESCRIPTORS = 40

STT = ["deepgram/nova-3", "deepgram/flux-general-en", "cartesia/ink-whisper", "cartesia/ink-2"]
LLM = ["openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5"]
TTS = ["cartesia/sonic-3:a-voice", "deepgram/aura-2:thalia", "openai/tts-1:alloy"]

#: What happens to providers, and how often relative to each other.
FAULTS = [("status", 6), ("drop", 2), ("error_frame", 2), ("slow", 4)]


def frames(pcm: bytes) -> list[str]:
    """``input_audio`` messages of 50 ms."""
    return [
        json.dumps({"type": "input_audio", "audio": base64.b64encode(pcm[start : start + 1600]).decode()})
        for start in range(0, len(pcm), 1600)
    ]


SPOKEN, PAUSE = frames(tone(1.2)), frames(silence(1.0))


class Caller:
    """One agent after another, each with a caller of its own."""

    def __init__(self, gateway: Gateway, http: aiohttp.ClientSession, seed: int) -> None:
        self.gateway = gateway
        self.http = http
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()

    @property
    def headers(self) -> dict[str, str]:
        pair, now = self.gateway.livekit, int(time.time())
        claims = {"inference": {"perform": True}, "iss": pair["LIVEKIT_INFERENCE_API_KEY"], "nbf": now, "exp": now + 600}
        token = jwt.encode(claims, pair["LIVEKIT_INFERENCE_API_SECRET"], "HS256")
        room = f"RM_{self.random.randrange(10**6)}"
        return {"Authorization": f"Bearer {token}", "X-LiveKit-Room-ID": room, "X-LiveKit-Job-ID": room}

    async def call_until(self, end: float) -> None:
        while time.monotonic() < end:
            try:
                await asyncio.wait_for(self.call(min(self.random.uniform(4, 20), end - time.monotonic() + 2)), 90)
            except (aiohttp.ClientError, ConnectionError, Cut) as problem:
                self.done[f"ended early: {type(problem).__name__}"] += 1

    async def call(self, seconds: float) -> None:
        """A conversation of about that length."""
        self.done["calls"] += 1
        async with contextlib.AsyncExitStack() as stack:
            ears = await stack.enter_async_context(self.socket("stt", self.random.choice(STT)))
            mouth = await stack.enter_async_context(self.socket("tts", self.random.choice(TTS)))
            model = self.random.choice(LLM)
            turns: asyncio.Queue[str] = asyncio.Queue()
            listening = asyncio.create_task(self.listen(ears, turns))
            talking = asyncio.create_task(self.talk(ears, seconds))
            try:
                while not (listening.done() or talking.done() and turns.empty()):
                    with contextlib.suppress(asyncio.TimeoutError):
                        heard = await asyncio.wait_for(turns.get(), 1.0)
                        await self.answer(model, heard, mouth)
                await talking
                if self.random.random() < 0.8:
                    # An orderly end; otherwise the socket is dropped.
                    await ears.send_str('{"type":"session.finalize"}')
                    await asyncio.wait_for(listening, 20)
            finally:
                for task in (listening, talking):
                    task.cancel()
                await asyncio.gather(listening, talking, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def socket(self, kind: str, model: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        name, _, voice = model.partition(":")
        url = f"{self.gateway.url}/v1/{kind}?model={name}"
        create: dict[str, Any] = {"type": "session.create", "model": name}
        if kind == "stt":
            create["settings"] = {"sample_rate": "16000", "encoding": "pcm_s16le", "extra": {}}
        else:
            create |= {"sample_rate": "24000", "encoding": "pcm_s16le", "extra": {}, "voice": voice}
        async with self.http.ws_connect(url, headers=self.headers) as opened:
            await opened.send_json(create)
            yield opened

    async def talk(self, ears: aiohttp.ClientWebSocketResponse, seconds: float) -> None:
        """Speak and pause in real time."""
        began, sent = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            for frame in itertools.chain(SPOKEN, PAUSE * self.random.randrange(1, 4)):
                sent += 1
                await asyncio.sleep(max(0.0, began + sent * 0.05 - time.monotonic()))
                await ears.send_str(frame)

    async def listen(self, ears: aiohttp.ClientWebSocketResponse, turns: asyncio.Queue[str]) -> None:
        async for message in ears:
            said = json.loads(message.data)
            if said["type"] == "final_transcript":
                self.done["utterances"] += 1
                turns.put_nowait(said["transcript"])
            elif said["type"] == "error":
                raise Cut(said)

    async def answer(self, model: str, heard: str, mouth: aiohttp.ClientWebSocketResponse) -> None:
        """Think of an answer and speak it; now and then be interrupted in either."""
        patience = self.random.choice([None, None, None, 0, 3, 12])
        body = {
            "model": model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [{"role": "system", "content": "You are a waiter."}, {"role": "user", "content": heard}],
        }
        text, pieces = "", 0
        async with self.http.post(
            f"{self.gateway.url}/v1/chat/completions", json=body, headers=self.headers
        ) as response:
            if response.status != 200:
                self.done[f"llm {response.status}"] += 1
                return
            async for line in response.content:
                if patience is not None and pieces >= patience:
                    self.done["llm cut"] += 1
                    response.close()
                    return
                if line.startswith(b"data: {"):
                    chunk = json.loads(line[6:])
                    if "error" in chunk:
                        self.done["llm broken off"] += 1
                        return
                    for choice in chunk["choices"]:
                        text += choice["delta"].get("content") or ""
                        pieces += 1
        self.done["answers"] += 1
        await self.speak(mouth, text)

    async def speak(self, mouth: aiohttp.ClientWebSocketResponse, text: str) -> None:
        for sentence in text.split(". "):
            await mouth.send_json({"type": "input_transcript", "transcript": f"{sentence}. ", "extra": {}})
        await mouth.send_json({"type": "session.flush"})
        patience = self.random.choice([None, None, None, 0, 2])
        heard = 0
        async for message in mouth:
            said = json.loads(message.data)
            if said["type"] == "done":
                self.done["replies"] += 1
                return
            if said["type"] == "error":
                raise Cut(said)
            heard += said["type"] == "output_audio"
            if patience is not None and heard > patience:
                # As LiveKit's clients do: the socket is dropped without a word.
                raise Cut("barge-in")
        raise Cut("closed")


class Cut(Exception):
    """The conversation ends here."""


async def trouble(gateway: Gateway, end: float) -> Counter[str]:
    """Have a provider fail every other second."""
    dice, ordered = random.Random(2), Counter[str]()
    kinds, weights = zip(*FAULTS, strict=True)
    served = [("deepgram", "stt"), ("cartesia", "stt"), ("openai", "llm"), ("anthropic", "llm"), ("cartesia", "tts")]
    while time.monotonic() < end - 5:
        await asyncio.sleep(dice.uniform(1, 3))
        (provider, modality), (kind,) = dice.choice(served), dice.choices(kinds, weights)
        more = {"status": {"value": dice.choice([429, 500, 503])}, "slow": {"value": 600}}.get(kind, {})
        after = {} if kind == "status" else {"after_units": dice.choice([0, 5, 40])}
        await asyncio.get_running_loop().run_in_executor(
            None, lambda: gateway.sim.fault(provider, modality, kind, **more, **after)
        )
        ordered[kind] += 1
    return ordered


class Gauge:
    """What the operating system says of the server, once a second."""

    def __init__(self, pid: int) -> None:
        self.folder = pathlib.Path(f"/proc/{pid}")
        self.samples: list[tuple[float, float, int]] = []

    def look(self) -> tuple[float, float, int]:
        """The time, MiB of resident memory, open descriptors."""
        status = (self.folder / "status").read_text()
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return time.monotonic(), int(resident.split()[1]) / 1024, len(os.listdir(self.folder / "fd"))

    async def watch(self, end: float) -> None:
        while time.monotonic() < end:
            self.samples.append(self.look())
            await asyncio.sleep(1)

    def growth(self) -> tuple[float, float]:
        """MiB and descriptors that the fitted lines rise by, after the first quarter."""
        settled = self.samples[len(self.samples) // 4 :]
        times = [at for at, _, _ in settled]
        length = times[-1] - times[0]
        return tuple(  # type: ignore[return-value]
            statistics.linear_regression(times, [sample[column] for sample in settled]).slope * length
            for column in (1, 2)
        )


@pytest.fixture
def served(real_time: Simulator, tmp_path: pathlib.Path) -> Any:
    real_time.reset()
    gateway = Gateway(real_time, tmp_path)
    try:
        yield gateway
    finally:
        if gateway.process:
            gateway.kill()


async def load(gateway: Gateway, gauge: Gauge) -> tuple[Counter[str], Counter[str]]:
    end = time.monotonic() + SECONDS
    connections = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connections, timeout=aiohttp.ClientTimeout(total=60)) as http:
        callers = [Caller(gateway, http, seed) for seed in range(CALLS)]
        watching = asyncio.create_task(gauge.watch(end))
        failing = asyncio.create_task(trouble(gateway, end))
        await asyncio.gather(*(caller.call_until(end) for caller in callers))
        await watching
        return sum((caller.done for caller in callers), Counter()), await failing


def test_memory_and_descriptors_stay_flat_and_the_ledger_equals_the_bill(
    served: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert served.process
    gauge = Gauge(served.process.pid)
    _, rested_mib, rested = gauge.look()
    done, faults = asyncio.run(load(served, gauge))
    # Clients are gone: what stays open is files, and connections to providers that wait for more.
    time.sleep(1)
    _, _, descriptors = gauge.look()
    mib, _ = gauge.growth()
    lines = served.lines()
    statuses = Counter(f"{line['modality']} {line['status']}" for line in lines)
    with capsys.disabled():
        print(f"\nsoak of {SECONDS:.0f} s, {CALLS} calls at a time: {dict(sorted(done.items()))}")
        print(f"faults {dict(faults)}, lines {dict(sorted(statuses.items()))}")
        print(
            f"resident memory {rested_mib:.1f} MiB at rest, {gauge.samples[-1][1]:.1f} MiB under load, growing by "
            f"{mib:+.1f} MiB; descriptors {rested} before, {max(n for *_, n in gauge.samples)} at most, {descriptors} after"
        )
    assert done["replies"] > 0 and done["llm cut"] > 0
    assert mib <= max(GROWTH_MIB, GROWTH_MIB_PER_HOUR * SECONDS / 3600)
    assert descriptors <= rested + DESCRIPTORS
    assert "panicked" not in served.log.read_text()
    assert_equals_bill(served)


def assert_equals_bill(gateway: Gateway) -> None:
    """Equal, but for what nobody can know: what an attempt that failed had on its way, and the tokens of an answer
    that was cut off."""
    differences = gateway.differences()
    lines, requests = gateway.lines(), gateway.sim.requests()
    for (provider, model, modality), of_model in differences.items():
        key = (provider, model, modality)
        own = [line for line in lines if (line["provider"], gateway.billed_model(line), line["modality"]) == key]
        unfinished = [
            entry
            for entry in requests
            if (entry["provider"], entry["model"], entry["modality"]) == key and entry["outcome"] != "complete"
        ]
        for column, difference in of_model.items():
            name = next(name for name, known in BILLED.items() if known == column)
            failed = [line for line in own if line["status"] == "error"]
            if modality == "stt":
                # A tenth of a second of audio for each connection that broke.
                low, high = 0.0, 1e8 * len(failed)
            elif modality == "tts":
                # A text is sent again, and counted once, when a socket kept from before ends before it spoke: nobody
                # can tell whether the provider had gone by then. Such requests have no line of their own.
                asked = sum(
                    1
                    for entry in requests
                    if (entry["provider"], entry["model"], entry["modality"]) == key
                    and (entry["sent_characters"] or entry["outcome"] == "refused")
                )
                told = sum(1 for line in own if line["sent_characters"])
                repeated = sorted((entry[name] for entry in unfinished), reverse=True)
                low = -float(sum(repeated[: max(0, asked - told)]))
                high = float(sum(line["sent_characters"] or 0 for line in failed))
            else:
                estimated = [line for line in own if line["sources"][column] == "estimated"]
                high = sum(max(3.0, 0.05 * line[column]) for line in estimated)
                # Broken off before it said anything: its tokens were never told (by us, or by an error frame that
                # the ledger takes for a refusal, as which it costs nothing).
                untold = sum(1 for line in own if not line[column] and line["status"] != "success")
                refused = sum(1 for entry in unfinished if entry["outcome"] == "refused")
                billed = sorted((entry[name] for entry in unfinished), reverse=True)
                low = -high - sum(billed[: max(0, untold - refused)])
            assert low <= difference <= high, (provider, model, modality, column, difference, low, high)
