"""The smallest agent: VoiceGateway's models where LiveKit's would stand.

    pip install 'voicegateway[deepgram,openai,cartesia]'
    export DEEPGRAM_API_KEY=... OPENAI_API_KEY=... CARTESIA_API_KEY=...
    python examples/basic.py console

Then ask what it cost: ``voicegw costs``, and ``voicegw logs`` for each request.
"""

from __future__ import annotations

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli

from voicegateway import inference  # the one line that changes: it was "from livekit.agents import inference"

server = AgentServer()


def session() -> AgentSession[None]:
    """Each model is ``provider/model``; a language or a voice may follow a colon."""
    return AgentSession(
        stt=inference.STT("deepgram/nova-3:en"),
        llm=inference.LLM("openai/gpt-4.1-mini"),
        tts=inference.TTS("cartesia/sonic-3"),
    )


@server.rtc_session()
async def talk(context: JobContext) -> None:
    """A conversation in a LiveKit room, or with the machine's own microphone in console mode."""
    await session().start(Agent(instructions="You are a friendly host. Be brief."), room=context.room)


if __name__ == "__main__":
    cli.run_app(server)
