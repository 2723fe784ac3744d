"""``attach``: sessions of plain plugins are metered exactly as sessions of the factories, and nothing twice."""

from __future__ import annotations

import asyncio
import logging
import pickle
from types import SimpleNamespace
from typing import Any

import agents
import pytest
from agents import INSTRUCTIONS, Speaker, two_barge_ins
from booked import Stage, use
from conversing import RATE, answer, frames, heard, listen, run, said, say, silence, tone, until
from livekit import rtc
from livekit.agents import Agent, AgentSession, llm, stt, tts
from livekit.plugins import cartesia, deepgram, openai

from voicegateway import attach, inference
from voicegateway.openrtc import VoiceGatewayObserver


class Plain:
    """Plugins as their users build them, without VoiceGateway."""

    def __init__(self, stage: Stage) -> None:
        self.origin = stage.sim.url

    def deepgram_stt(self) -> Any:
        return deepgram.STT(model="nova-3", api_key="key-of-deepgram", base_url=f"{self.origin}/deepgram/v1/listen")

    def deepgram_tts(self) -> Any:
        url = f"{self.origin}/deepgram/v1/speak"
        return deepgram.TTS(model="aura-2-thalia-en", api_key="key-of-deepgram", base_url=url)

    def openai_llm(self) -> Any:
        return openai.LLM(model="gpt-4.1-mini", api_key="key-of-openai", base_url=f"{self.origin}/openai/v1")

    def openai_stt(self) -> Any:
        return openai.STT(model="whisper-1", api_key="key-of-openai", base_url=f"{self.origin}/openai/v1")

    def openai_tts(self) -> Any:
        return openai.TTS(model="tts-1", api_key="key-of-openai", base_url=f"{self.origin}/openai/v1")

    def cartesia_tts(self) -> Any:
        return cartesia.TTS(model="sonic-3", api_key="key-of-cartesia", base_url=f"{self.origin}/cartesia")


def session_of(**models: Any) -> AgentSession[Any]:
    return agents.agent_session(**{"stt": None, "llm": None, "tts": None, **models})


def metered(part: Any, **words: Any) -> Any:
    """A plain object after a session that holds it was attached."""
    kind = "stt" if isinstance(part, stt.STT) else "llm" if isinstance(part, llm.LLM) else "tts"
    attach(session_of(**{kind: part}), **words)
    return part


def test_a_conversation_of_plain_plugins_is_booked_as_it_is_billed(stage: Stage) -> None:
    async def work() -> tuple[str, list[Any]]:
        plain = Plain(stage)
        parts = [plain.deepgram_stt(), plain.openai_llm(), plain.cartesia_tts()]
        labels = [part.label for part in parts]
        session = session_of(stt=parts[0], llm=parts[1], tts=parts[2])
        conversation = attach(session, project="shop", agent_id="front-desk", tenant_id="acme")
        assert [part.label for part in parts] == labels
        assert isinstance(parts[0], deepgram.STT) and isinstance(parts[0], inference.STT)
        await two_barge_ins(session, stage.sim)
        return conversation, parts

    conversation, _ = run(work)
    lines = stage.lines()
    assert {line["session_id"] for line in lines} == {conversation}
    assert {(line["project"], line["agent_id"], line["tenant_id"]) for line in lines} == {("shop", "front-desk", "acme")}
    assert {line["modality"] for line in lines} == {"stt", "llm", "tts"}
    assert "cancelled" in [line["status"] for line in lines if line["modality"] == "llm"]
    sources = {line["sources"]["characters"] for line in lines if line["modality"] == "tts" and line["characters"]}
    assert sources == {"wire_measured"}
    stage.assert_equals_bill_but_for_cut_answers()


def test_plain_plugins_of_every_kind_are_counted_on_the_wire(quick: Stage) -> None:
    async def work() -> None:
        plain = Plain(quick)
        await listen(metered(plain.deepgram_stt()).stream(), silence(0.3) + tone(1.0))
        whole = rtc.combine_audio_frames(list(frames(tone(1.2))))
        await metered(plain.openai_stt()).recognize(whole)
        await metered(plain.deepgram_stt()).recognize(whole)
        await answer(metered(plain.openai_llm()), "Hi")
        for voice in (plain.cartesia_tts(), plain.deepgram_tts()):
            await say(metered(voice), "Hello there. How are you?")
            await heard(voice.synthesize("And once more."))
            await voice.aclose()
        await heard(metered(plain.openai_tts()).synthesize("Hello."))

    run(work)
    lines = quick.lines()
    assert [line["status"] for line in lines] == ["success"] * len(lines)
    assert {line["provider"] for line in lines} == {"deepgram", "openai", "cartesia"}
    assert all(line["cost_picos"] for line in lines)
    assert "framework_reported" not in {source for line in lines for source in line["sources"].values()}
    quick.assert_equals_bill()


def test_a_socket_opened_ahead_of_need_is_not_used_unseen(quick: Stage) -> None:
    async def work() -> None:
        voice = Plain(quick).cartesia_tts()
        voice.prewarm()
        await until(lambda: voice._pool._connections)
        await say(metered(voice), "Hello there.")
        await voice.aclose()

    run(work)
    assert (quick.line()["status"], quick.line()["sockets"]) == ("success", 1)
    quick.assert_equals_bill()


def test_what_the_factories_made_is_not_counted_twice(quick: Stage) -> None:
    async def work() -> None:
        model = inference.LLM("openai/gpt-4.1-mini")
        session = session_of(llm=model, tts=Plain(quick).cartesia_tts())
        for _ in range(2):
            attach(session, project="shop")
        await answer(model, "Hi")
        await heard(session.tts.synthesize("Hello."))  # type: ignore[union-attr]

    run(work)
    assert sorted((line["modality"], line["project"]) for line in quick.lines()) == [("llm", "default"), ("tts", "shop")]
    quick.assert_equals_bill()


def test_members_of_livekits_adapters_are_metered(quick: Stage) -> None:
    quick.sim.fault("openai", "llm", "status", value=500)

    async def work() -> None:
        plain = Plain(quick)
        chain = llm.FallbackAdapter([plain.openai_llm(), plain.openai_llm()], max_retry_per_llm=0)
        voice = tts.StreamAdapter(tts=plain.openai_tts())
        attach(session_of(llm=chain, tts=voice))
        assert await answer(chain, "Hi")
        await until(lambda: len(quick.sim.requests()) == 3)
        await say(voice, "Hello there.")

    run(work)
    lines = quick.lines()
    assert [line["status"] for line in lines if line["modality"] == "llm"].count("error") == 1
    assert any(line["modality"] == "tts" for line in lines)
    quick.assert_equals_bill()


def test_an_agents_own_models_are_metered_before_they_are_used(quick: Stage) -> None:
    async def work() -> None:
        plain = Plain(quick)
        session = session_of(tts=plain.cartesia_tts())
        session.output.audio = Speaker()
        attach(session, agent_id="a")
        await session.start(Agent(instructions=INSTRUCTIONS, llm=plain.openai_llm()), record=False)
        await session.generate_reply(user_input="Hi")
        session.update_agent(Agent(instructions=INSTRUCTIONS, llm=plain.openai_llm()))
        await until(lambda: session._activity is not None and session._activity.agent is session.current_agent)
        await session.generate_reply(user_input="Hi again")
        await session.aclose()

    run(work)
    answered = [line for line in quick.lines() if line["modality"] == "llm" and line["status"] == "success"]
    assert len(answered) == 2
    quick.assert_equals_bill()


def test_a_session_attached_after_its_start_is_booked_from_then_on(quick: Stage) -> None:
    async def work() -> str:
        plain = Plain(quick)
        session = session_of(stt=plain.deepgram_stt(), llm=plain.openai_llm(), tts=plain.cartesia_tts())
        session.input.audio, session.output.audio = caller, speaker = agents.Caller(), Speaker()
        await session.start(Agent(instructions=INSTRUCTIONS), record=False)
        conversation = attach(session)
        await caller.say(1.5)
        await asyncio.wait_for(speaker.finished.wait(), 90)
        await session.aclose()
        return conversation

    conversation = run(work)
    lines = quick.lines()
    assert {line["session_id"] for line in lines} == {conversation}
    (heard_line,) = [line for line in lines if line["modality"] == "stt"]
    assert heard_line["sources"]["audio_nanos"] == "framework_reported"
    assert {line["status"] for line in lines if line["modality"] == "llm"} == {"success"}


class UnknownLLM(llm.LLM):
    """A plugin that VoiceGateway has never heard of, over the wire of one it has."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self._inner_model = SimpleNamespace(inner=inner)

    @property
    def model(self) -> str:
        return "their-model"

    def chat(self, **kwargs: Any) -> Any:
        options = {name: kwargs[name] for name in ("chat_ctx", "tools", "conn_options") if name in kwargs}
        return UnknownStream(self, **{"tools": [], "conn_options": agents_options(), **options})


def agents_options() -> Any:
    from livekit.agents import DEFAULT_API_CONNECT_OPTIONS

    return DEFAULT_API_CONNECT_OPTIONS


class UnknownStream(llm.LLMStream):
    async def _run(self) -> None:
        async with self._llm._inner_model.inner.chat(chat_ctx=self._chat_ctx) as stream:  # type: ignore[attr-defined]
            async for chunk in stream:
                self._event_ch.send_nowait(chunk)


def test_an_unknown_plugin_is_booked_with_what_livekit_reports_and_without_a_price(quick: Stage) -> None:
    async def work() -> None:
        await answer(metered(UnknownLLM(Plain(quick).openai_llm())), "Hi")

    run(work)
    line, billed = quick.line(), quick.sim.row("llm")
    assert (line["status"], line["provider"]) == ("success", "test_attach")
    for name in ("input_tokens", "output_tokens"):
        assert (line[name], line["sources"][name]) == (billed[name], "framework_reported")
    assert line["cost_picos"] is None and "not known" in line["metadata"]["unpriced"]


def test_a_service_that_only_speaks_openais_language_is_not_booked_as_openai(quick: Stage) -> None:
    text = quick.config.read_text().replace(f"{quick.sim.url}/openai", "http://elsewhere.example")
    quick.config.write_text(text)
    use(quick.config)

    async def work() -> None:
        await answer(metered(Plain(quick).openai_llm()), "Hi")

    run(work)
    line = quick.line()
    assert (line["provider"], line["model_id"]) == ("127.0.0.1", "127.0.0.1/gpt-4.1-mini")
    assert line["cost_picos"] is None and line["output_tokens"] > 0


def test_attach_session_binds_id_and_tenant_and_names_what_has_no_effect(
    quick: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        session = session_of(llm=inference.LLM("openai/gpt-4.1-mini"), tts=inference.TTS("cartesia/sonic-3"))
        session.output.audio = Speaker()
        with pytest.raises(ValueError, match="1 to 128"):
            inference.attach_session(session, tenant_id="x" * 129)
        found = inference.attach_session(session, session_id="call-7", tenant_id="acme", turn_tracker=object())
        assert found == "call-7"
        await session.start(Agent(instructions=INSTRUCTIONS), record=False)
        await session.generate_reply(user_input="Hi")
        await session.aclose()

    with caplog.at_level(logging.WARNING, "voicegateway"):
        run(work)
    assert any("turn_tracker: accepted, without effect" in record.getMessage() for record in caplog.records)
    assert {(line["session_id"], line["tenant_id"]) for line in quick.lines()} == {("call-7", "acme")}


def test_openrtcs_observer_is_pickled_and_shares_one_ledger_among_its_sessions(quick: Stage) -> None:
    observer = pickle.loads(pickle.dumps(VoiceGatewayObserver(project="fleet", db_path=str(quick.folder / "o.db"))))

    async def work() -> None:
        async def call(agent: str, tenant: str | None) -> None:
            plain = Plain(quick)
            session = session_of(llm=plain.openai_llm(), tts=inference.TTS("cartesia/sonic-3"))
            session.output.audio = Speaker()
            info = SimpleNamespace(agent_name=agent, metadata={"tenant": tenant} if tenant else {})
            await observer.on_session_start(info, session)
            await session.start(Agent(instructions=INSTRUCTIONS), record=False)
            await session.generate_reply(user_input="Hi")
            await session.aclose()
            await observer.on_session_end(info, None)

        await asyncio.gather(call("sales", "acme"), call("support", None))

    run(work)
    quick.database = quick.folder / "o.db"
    lines = quick.lines()
    assert {(line["agent_id"], line["tenant_id"]) for line in lines} == {("sales", "acme"), ("support", None)}
    assert {line["project"] for line in lines if line["modality"] == "llm"} == {"fleet"}
    assert len({line["session_id"] for line in lines}) == 2
    quick.assert_equals_bill()
