"""An agent that needs nobody: no key, no network, no cost.

    pip install 'voicegateway[local,ollama]'
    voicegw models pull local/whisper-small
    voicegw models pull local/kokoro
    ollama pull qwen2.5:3b
    python examples/local_only.py console

docs/local.md says more, also how to use servers that run these models.
"""

from __future__ import annotations

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli

from voicegateway import inference

server = AgentServer()


def session() -> AgentSession[None]:
    """Whisper hears whole utterances, which the session's voice detector cuts out."""
    return AgentSession(
        stt=inference.STT("local/whisper-small"),
        llm=inference.LLM("ollama/qwen2.5:3b"),
        tts=inference.TTS("local/kokoro"),
    )


@server.rtc_session()
async def talk(context: JobContext) -> None:
    """A conversation that leaves nothing outside of this machine."""
    await session().start(Agent(instructions="You are a friendly host. Be brief."), room=context.room)


if __name__ == "__main__":
    cli.run_app(server)
