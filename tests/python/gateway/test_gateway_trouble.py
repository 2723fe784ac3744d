"""Kills: of the client, of the server, of the provider; and an orderly end in the middle of a call."""

from __future__ import annotations

import asyncio
import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from booked import wait_for
from conversing import OLDEST, ONCE, answer, feed, heard, read_some, run, said, say, silence, tone, until
from livekit.agents import APIConnectOptions, APIError, inference, stt
from serving import Gateway

HERE = pathlib.Path(__file__).parent
LONG = "Can you tell me about the menu?"
SPEECH = "This is a rather long sentence that will be cut off. And another long one follows right after it. " * 3

#: The client's patience with a server that is away for a while.
PATIENT = APIConnectOptions(max_retry=5, retry_interval=0.2, timeout=5.0)


def test_a_client_killed_in_the_middle_of_a_call_is_cancelled_and_settled(gateway: Gateway) -> None:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    agent = subprocess.Popen([sys.executable, str(HERE / "calling.py")], stdout=subprocess.PIPE, env=environment, text=True)
    assert agent.stdout
    try:
        assert agent.stdout.readline() == "speaking\n"
    finally:
        agent.kill()
        agent.wait(10)
        agent.stdout.close()
    # The providers are hung up on at once, and what they billed by then is booked without the server's end.
    wait_for(lambda: len(gateway.sim.requests()) == 3, 5)
    lines = wait_for(lambda: len(lines := gateway.lines_so_far()) == 3 and lines, 5)
    assert {line["modality"]: line["status"] for line in lines} == {
        "stt": "cancelled",
        "llm": "cancelled",
        "tts": "cancelled",
    }
    gateway.assert_equals_bill_but_for_cut_answers()


def test_what_is_settled_survives_a_server_killed_in_mid_call(gateway: Gateway) -> None:
    async def work() -> str:
        ours = inference.LLM("openai/gpt-4.1-mini")
        for _ in range(3):
            await answer(ours, "Hi")
        await until(lambda: len(gateway.lines_so_far()) == 3)
        stream = ours.chat(chat_ctx=said(LONG), conn_options=ONCE)
        await read_some(stream, 3)
        gateway.kill()
        with pytest.raises(APIError):
            async for _ in stream:
                pass
        await stream.aclose()
        # The client that asks again finds the server that was started again.
        gateway.start()
        return await answer(ours, "Hi", conn_options=PATIENT)

    assert run(work)
    lines = gateway.lines()
    assert len({line["attempt_id"] for line in lines}) == len(lines) >= 4
    assert [line["status"] for line in lines].count("success") == 4
    complete = [entry for entry in gateway.sim.requests() if entry["outcome"] == "complete"]
    done = [line for line in lines if line["status"] == "success"]
    assert sum(line["output_tokens"] for line in done) == sum(entry["output_tokens"] for entry in complete)


def test_a_listener_reconnects_to_a_server_that_was_killed(gateway: Gateway) -> None:
    async def work() -> list[str]:
        texts: list[str] = []
        stream = inference.STT("deepgram/nova-3").stream(conn_options=PATIENT)

        async def collect() -> None:
            async for event in stream:
                if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
                    texts.append(event.alternatives[0].text)

        collecting = asyncio.create_task(collect())
        await feed(stream, tone(1.0) + silence(1.0), speed=1.0)
        await until(lambda: len(texts) == 1)
        gateway.kill()
        gateway.start()
        await feed(stream, tone(1.0) + silence(1.0), speed=1.0)
        stream.end_input()
        await asyncio.wait_for(collecting, 15)
        await stream.aclose()
        return texts

    assert len(run(work)) == 2


@pytest.mark.skipif(OLDEST, reason="its client sends no text again when it tries again")
def test_a_pooled_socket_of_a_killed_server_is_replaced(gateway: Gateway) -> None:
    async def work() -> None:
        voice = inference.TTS("cartesia/sonic-3:a-voice")
        assert await say(voice, "One.") > 0.1
        gateway.kill()
        gateway.start()
        assert await say(voice, "Two.", conn_options=PATIENT) > 0.1
        await voice.aclose()

    run(work)
    assert [line["status"] for line in gateway.lines()][-1] == "success"


def test_a_speaker_is_told_when_the_server_dies(gateway: Gateway) -> None:
    async def work() -> None:
        voice = inference.TTS("cartesia/sonic-3:a-voice")
        stream = voice.stream(conn_options=ONCE)
        stream.push_text(SPEECH)
        stream.end_input()
        with pytest.raises(APIError) as raised:
            async for _ in stream:
                if gateway.process:
                    gateway.kill()
        assert raised.value.retryable
        await stream.aclose()
        await voice.aclose()

    run(work)


def test_an_orderly_end_lets_a_call_finish_and_takes_no_new_one(gateway: Gateway) -> None:
    refused: list[BaseException] = []

    async def work() -> tuple[str, float]:
        voice = inference.TTS("cartesia/sonic-3:a-voice")
        speaking = asyncio.create_task(say(voice, "This is said to its end, whatever comes. It is no long story."))
        writing = asyncio.create_task(answer(inference.LLM("openai/gpt-4.1-mini"), LONG))
        await until(lambda: len(gateway.sim.meter()) == 2)
        process = gateway.process
        assert process
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        try:
            await answer(inference.LLM("openai/gpt-4.1-mini"), "Hi", conn_options=ONCE)
        except APIError as error:
            refused.append(error)
        text, seconds = await writing, await speaking
        await voice.aclose()
        assert await until(lambda: process.poll() is not None, 15)
        assert process.returncode == 0
        return text, seconds

    text, seconds = run(work)
    assert text.endswith("farms nearby.")
    assert seconds > 2
    assert len(refused) == 1
    assert sorted(line["status"] for line in gateway.lines()) == ["success", "success"]
    gateway.assert_equals_bill()


def test_an_orderly_end_does_not_wait_for_a_socket_that_does_nothing(gateway: Gateway) -> None:
    async def work() -> float:
        voice = inference.TTS("cartesia/sonic-3:a-voice")
        assert await say(voice, "One.") > 0.1
        started = time.monotonic()
        await asyncio.get_running_loop().run_in_executor(None, gateway.stop)
        took = time.monotonic() - started
        await voice.aclose()
        return took

    assert run(work) < 5
    assert [line["modality"] for line in gateway.lines()] == ["tts"]


def test_a_server_without_its_providers_is_an_error_within_the_clients_patience(
    gateway: Gateway, tmp_path: pathlib.Path
) -> None:
    gateway.stop()
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace(gateway.sim.url, "http://127.0.0.1:9"))
    gateway.start()

    async def work() -> Any:
        with pytest.raises(APIError):
            await answer(inference.LLM("openai/gpt-4.1-mini"), "Hi", conn_options=ONCE)
        voice = inference.TTS("cartesia/sonic-3:a-voice")
        with pytest.raises(APIError):
            await heard(voice.synthesize("Hi", conn_options=ONCE))
        await voice.aclose()

    run(work)
    lines = gateway.lines()
    assert lines and {(line["status"], line["cost_picos"]) for line in lines} == {("error", 0)}
