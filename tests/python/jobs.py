"""Jobs as LiveKit starts them: run as ``python jobs.py METHOD COUNT``, it prints what each job booked.

METHOD is ``forkserver``, with this module preloaded as an agent's would be, ``spawn``, ``fork`` or ``thread``. Each
job holds one chat and ends as a job does, without a word to VoiceGateway.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import threading
from typing import Any

from livekit.agents import llm

from voicegateway import inference
from voicegateway.inference._scope import ensure_session


def chat() -> str:
    """One answer, in a conversation of its own."""

    async def work() -> str:
        context = llm.ChatContext.empty()
        context.add_message(role="user", content="Hi")
        model = inference.LLM("openai/gpt-4.1-mini")
        async for _ in model.chat(chat_ctx=context):
            pass
        await model.aclose()
        return ensure_session()

    return asyncio.run(work())


def job(number: int) -> None:
    """The body of a job process; what it booked goes to a file, so that it can exit as it likes."""
    session = chat()
    with open(os.path.join(os.environ["JOBS_FOLDER"], str(number)), "w") as file:
        json.dump({"pid": os.getpid(), "session": session}, file)


def minted_before_the_fork() -> None:
    """An engine that is open, an id, a conversation and a line, all made before any job is."""
    inference.start_session()
    chat()


# Only the fork server imports this module by its name.
if __name__ == "jobs":
    minted_before_the_fork()


def run_processes(method: str, count: int) -> list[int]:
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["jobs"])
    if method == "fork":
        minted_before_the_fork()
    running: list[Any] = []
    codes: list[int] = []
    for number in range(count):
        process = context.Process(target=job, args=(number,))
        process.start()
        running.append(process)
        if len(running) == 4:
            codes.append(_ended(running.pop(0)))
    return codes + [_ended(process) for process in running]


def _ended(process: Any) -> int:
    process.join(240)
    return int(process.exitcode)


def run_threads(count: int) -> list[int]:
    """As in ``console``: jobs are threads, and the plugin is first imported in one of them."""
    assert not [name for name in sys.modules if name.startswith("livekit.plugins.")]
    failed: list[BaseException] = []

    def body(number: int) -> None:
        try:
            job(number)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=body, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for error in failed:
        print(repr(error), file=sys.stderr)
    from livekit.agents import Plugin

    assert [plugin.package for plugin in Plugin.registered_plugins] == ["livekit.plugins.openai"]
    return [len(failed)]


if __name__ == "__main__":
    method, count = sys.argv[1], int(sys.argv[2])
    codes = run_threads(count) if method == "thread" else run_processes(method, count)
    print(json.dumps(codes))
