"""An agent that thinks on your own machine, and hears and speaks in the cloud.

    ollama pull qwen2.5:3b
    pip install 'voicegateway[deepgram,ollama,cartesia]'
    export DEEPGRAM_API_KEY=... CARTESIA_API_KEY=...
    python examples/hybrid.py console

What runs at home costs exactly 0 and is in the ledger all the same: ``voicegw costs`` shows both.
"""

from __future__ import annotations

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli

from voicegateway import inference

server = AgentServer()


def session() -> AgentSession[None]:
    """Any member may be local or not: they are the same kind of object."""
    return AgentSession(
        stt=inference.STT("deepgram/nova-3"),
        llm=inference.LLM("ollama/qwen2.5:3b"),
        tts=inference.TTS("cartesia/sonic-3"),
    )


@server.rtc_session()
async def talk(context: JobContext) -> None:
    """A conversation whose words are thought about at home."""
    await session().start(Agent(instructions="You are a friendly host. Be brief."), room=context.room)


if __name__ == "__main__":
    cli.run_app(server)
