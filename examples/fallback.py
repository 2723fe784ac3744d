"""An agent that goes on when a provider fails.

VoiceGateway's objects are the plugins' own, so LiveKit's FallbackAdapter takes them as they are. Every try is a line of
the ledger: the one that failed, the one that served, and the probes by which LiveKit finds out that a provider is back.
"""

from __future__ import annotations

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli, llm, tts

from voicegateway import inference

server = AgentServer()


def session() -> AgentSession[None]:
    """Two providers for each voice, and two models for each thought."""
    return AgentSession(
        stt=inference.STT("deepgram/nova-3"),
        llm=llm.FallbackAdapter([inference.LLM("openai/gpt-4.1-mini"), inference.LLM("openai/gpt-4.1")]),
        tts=tts.FallbackAdapter([inference.TTS("cartesia/sonic-3"), inference.TTS("deepgram/aura-2:thalia")]),
    )


@server.rtc_session()
async def talk(context: JobContext) -> None:
    """A conversation that a failing provider does not end."""
    await session().start(Agent(instructions="You are a friendly host. Be brief."), room=context.room)


if __name__ == "__main__":
    cli.run_app(server)
