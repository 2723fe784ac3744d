"""``voicegw reconcile`` over the traffic of real clients: the ledger against the bill of the provider's own meter."""

from __future__ import annotations

import datetime
import json
import pathlib
import subprocess
import urllib.request
from typing import Any

from booked import Stage, use
from conversing import OLDEST, ONCE, answer, heard, listen, run, say, silence, tone
from simulator import voicegw

from voicegateway import inference

#: What each provider's bill is asked for.
BILLS = {
    "openai": ("kind=cost", "kind=usage", "kind=usage&endpoint=audio_speeches"),
    "anthropic": ("kind=cost&format=json", "kind=usage&format=json"),
    "deepgram": ("kind=cost&format=json", "kind=usage&format=json"),
    "elevenlabs": ("kind=usage&format=json",),
    "cartesia": ("kind=usage&format=json",),
    "groq": ("kind=summary",),
    "assemblyai": ("kind=summary",),
}
MENU = "Here is the menu. Today we have grilled sea bass."
#: The providers whose bill has an API.
ASKED = ("openai", "anthropic", "deepgram", "elevenlabs", "cartesia")
ADMIN_KEYS = {"openai": "sk-admin-1", "anthropic": "sk-ant-admin01-1", "cartesia": "sk_car_admin_1"}


def section(stage: Stage) -> str:
    """The ``reconcile`` section that leads to the simulators."""
    providers = {
        name: {"base_url": f"{stage.sim.url}/{name}", "admin_key": ADMIN_KEYS.get(name, "a-key")} for name in ASKED
    }
    providers["cartesia"]["usd_per_credit"] = "0.00005"
    providers["elevenlabs"]["usd_per_credit"] = "0.0001"
    return f"reconcile: {json.dumps({'providers': providers})}\n"


async def converse() -> None:
    """Some of everything: whole, cut in the middle, refused."""
    for model in ("openai/gpt-4.1-mini", "anthropic/claude-haiku-4-5", "groq/llama-3.3-70b-versatile"):
        for _ in range(3):
            assert await answer(inference.LLM(model), "What is on the menu?")
    assert await heard(inference.TTS("openai/tts-1:alloy", extra_kwargs={"response_format": "pcm"}).synthesize(MENU)) > 1
    for voice in ("deepgram/aura-2:thalia", "cartesia/sonic-3", "elevenlabs/eleven_flash_v2_5:a-voice"):
        speaking = inference.TTS(voice, **({"encoding": "pcm_24000"} if voice.startswith("elevenlabs") else {}))
        assert await say(speaking, MENU) > 1
        # A barge-in: the rest of a long sentence is not spoken.
        stream = speaking.stream()
        stream.push_text("And then there are the desserts, which I shall read to you one by one. ")
        stream.end_input()
        async for _ in stream:
            break
        await stream.aclose()
        await speaking.aclose()
    for ears in ("deepgram/nova-3", "assemblyai/universal-streaming-english"):
        hearing = inference.STT(ears)
        assert await listen(hearing.stream(conn_options=ONCE), silence(0.3) + tone(1.5) + silence(1.5))
        await hearing.aclose()


def reconcile(stage: Stage, provider: str, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """The command's exit code, its JSON, and what it said besides."""
    today = datetime.datetime.now(datetime.UTC).date()
    days = ("--start", str(today - datetime.timedelta(days=1)), "--end", str(today))
    command = [*voicegw(), "reconcile", "--provider", provider, *days, "--format", "json", "--config", str(stage.config)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def download(stage: Stage, provider: str, folder: pathlib.Path) -> list[str]:
    """A provider's bill, as somebody would download it."""
    today = datetime.datetime.now(datetime.UTC).date()
    files = []
    for number, query in enumerate(BILLS[provider]):
        days = f"&start={today - datetime.timedelta(days=1)}&end={today}"
        with urllib.request.urlopen(f"{stage.sim.url}/__bill/{provider}?{query}{days}", timeout=60) as response:
            path = folder / f"{provider}-{number}"
            path.write_bytes(response.read())
            files.append(str(path))
    return files


def assert_nothing_is_unexplained(code: int, report: dict[str, Any], said: str) -> None:
    assert report.get("rows"), said
    causes = {cause["cause"] for cause in report["causes"]}
    assert causes <= {"rounding"}, (report["causes"], report["rows"], said)
    assert {row["state"] for row in report["rows"]} == {"reconciled"}, report["rows"]
    assert (code, report["unexplained_usd"], report["flagged_count"], report["one_sided_count"]) == (0, "0", 0, 0)


def test_the_ledger_of_real_clients_is_what_every_provider_bills(quick: Stage, tmp_path: pathlib.Path) -> None:
    quick.write_config(section(quick))
    use(quick.config)
    quick.sim.fault("openai", "llm", "status", value=429)
    # The oldest LiveKit has no text left to say when it tries a stream again.
    if not OLDEST:
        quick.sim.fault("deepgram", "tts", "status", value=503)
    run(converse)
    quick.lines()
    for provider in BILLS:
        files = download(quick, provider, tmp_path)
        assert_nothing_is_unexplained(*reconcile(quick, provider, "--check", "--provider-usage-file", *files))
    for provider in ASKED:
        assert_nothing_is_unexplained(*reconcile(quick, provider, "--check", "--fetch"))


def test_another_client_on_the_key_is_found(quick: Stage) -> None:
    quick.write_config(section(quick))
    use(quick.config)

    async def work() -> None:
        assert await answer(inference.LLM("openai/gpt-4.1-mini"), "Hello?")

    run(work)
    quick.lines()
    body = json.dumps({"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hi"}]}).encode()
    headers = {"authorization": "Bearer key-of-openai", "content-type": "application/json"}
    request = urllib.request.Request(f"{quick.sim.url}/openai/v1/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        usage = json.load(response)["usage"]
    code, report, _ = reconcile(quick, "openai", "--fetch", "--check")
    (cause,) = report["causes"]
    assert (code, cause["cause"], cause["model"], cause["requests"]) == (3, "only_at_provider", "gpt-4.1-mini", 1)
    assert cause["units"] == usage["prompt_tokens"] + usage["completion_tokens"]
    picodollars = 400_000 * usage["prompt_tokens"] + 1_600_000 * usage["completion_tokens"]
    assert round(float(cause["amount_usd"]) * 1e12) == picodollars


def test_an_ordinary_key_is_told_which_one_is_needed(quick: Stage) -> None:
    quick.write_config(section(quick).replace("sk-admin-1", "sk-ordinary"))
    code, _, said = reconcile(quick, "openai", "--fetch")
    assert code != 0
    assert "admin" in said and "sk-ordinary" not in said


def test_a_bill_is_fetched_in_spite_of_a_limit(quick: Stage) -> None:
    quick.write_config(section(quick))
    quick.sim.fault("openai", "billing", "status", value=429)
    code, report, said = reconcile(quick, "openai", "--fetch")
    assert (code, report["rows"]) == (0, []), said
