"""An agent as LiveKit's documentation writes it: nothing in it knows of VoiceGateway.

Where its models run is said by its environment alone. Start a gateway on your providers' keys and try it:

    export DEEPGRAM_API_KEY=... OPENAI_API_KEY=... CARTESIA_API_KEY=...
    voicegw serve &
    voicegw keys create --livekit --project default

    export LIVEKIT_INFERENCE_URL=http://127.0.0.1:8080/v1
    export LIVEKIT_INFERENCE_API_KEY=...       # the key and the secret
    export LIVEKIT_INFERENCE_API_SECRET=...    # that were just printed
    python examples/gateway_agent.py console

Then ask what it cost: ``voicegw costs``.
"""

from __future__ import annotations

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, RunContext, cli, function_tool

server = AgentServer()


class Host(Agent):
    """Takes bookings for a small restaurant."""

    def __init__(self) -> None:
        super().__init__(instructions="You take bookings for a small restaurant. Be brief, and speak plainly.")

    @function_tool
    async def book_table(self, context: RunContext[None], name: str, guests: int, time: str) -> str:
        """Book a table.

        Args:
            name: Whose table it is.
            guests: How many come.
            time: When they come.
        """
        return f"A table for {guests} at {time} is booked for {name}."


def session() -> AgentSession[None]:
    """Models named by strings, which is what makes LiveKit ask its inference service, here the gateway, for them."""
    return AgentSession(
        stt="deepgram/nova-3",
        llm="openai/gpt-4.1-mini",
        tts="cartesia/sonic-3:9626c31c-bec5-4cca-baa8-f8ba9e84c8bc",
    )


@server.rtc_session()
async def talk(context: JobContext) -> None:
    """A conversation in a LiveKit room, or with the machine's own microphone in console mode."""
    await session().start(Host(), room=context.room)


if __name__ == "__main__":
    cli.run_app(server)
