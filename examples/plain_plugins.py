"""An agent that stays as it is: its plugins are LiveKit's own, and one line has them metered.

For code that cannot change how its models are built. ``attach`` counts on the provider's wire, exactly as the factories
do. With ``collector_url=`` (or ``VOICEGW_COLLECTOR_URL``) the lines go to a VoiceGateway elsewhere.
"""

from __future__ import annotations

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.plugins import cartesia, deepgram, openai

from voicegateway import attach

server = AgentServer()


def session() -> AgentSession[None]:
    """Nothing in it knows of VoiceGateway."""
    return AgentSession(stt=deepgram.STT(model="nova-3"), llm=openai.LLM(model="gpt-4.1-mini"), tts=cartesia.TTS())


@server.rtc_session()
async def talk(context: JobContext) -> None:
    """Attached before it starts, so that its first request is booked too."""
    conversation = session()
    attach(conversation, project="restaurant", agent_id="host")
    await conversation.start(Agent(instructions="You are a friendly host. Be brief."), room=context.room)


if __name__ == "__main__":
    cli.run_app(server)
