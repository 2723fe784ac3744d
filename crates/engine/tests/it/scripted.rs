//! Providers that do as they are told, where a test must rule the clock. What real ones do is tested with the
//! simulators.

use crate::House;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use vg_core::{
    Modality, Quantity, Source, Usage,
    call::{
        ChatPiece, ChatRequest, Failure, Heard, ListenInput, ListenRequest, SpeakRequest, Spoken,
        SynthesizeRequest, TranscribeRequest, Transcription,
    },
};
use vg_engine::{Candidate, Patience, Plan};
use vg_providers::client::{
    Call, ChatStream, Clients, Listening, LlmClient, Speaking, SttClient, Synthesized, TtsClient,
};

/// What a provider does next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Nothing, for so many milliseconds.
    Wait(u64),
    /// Refuse the call, before any answer.
    Refuse(u16),
    /// A piece without output.
    Role,
    /// A piece with output.
    Say(&'static str),
    /// The usage message.
    Usage(u64, u64),
    /// Break down.
    Fail,
    /// Something heard.
    Hear(Heard),
    /// Wait until so many bytes of audio came.
    Until(usize),
    /// Wait until no more audio or text comes.
    Finished,
    /// So many milliseconds of speech.
    Audio(u64),
    /// So many texts are done.
    Done(usize),
    /// Wait until so many texts were said.
    Texts(usize),
}

/// A provider with a script for each call, and what it was sent in each.
#[derive(Debug, Clone, Default)]
pub struct Provider(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    scripts: Mutex<VecDeque<Vec<Step>>>,
    sent: Mutex<Vec<Vec<String>>>,
}

impl Provider {
    pub fn new(scripts: impl IntoIterator<Item = Vec<Step>>) -> Provider {
        let scripts = Mutex::new(scripts.into_iter().collect());
        Provider(Arc::new(Inner { scripts, sent: Mutex::default() }))
    }

    /// The script of the next call, and the number under which what it is sent is kept.
    fn script(&self) -> (VecDeque<Step>, usize) {
        let mut sent = self.0.sent.lock().unwrap();
        sent.push(Vec::new());
        let script = self.0.scripts.lock().unwrap().pop_front().unwrap_or_default();
        (script.into(), sent.len() - 1)
    }

    fn note(&self, call: usize, what: String) {
        self.0.sent.lock().unwrap()[call].push(what);
    }

    /// What it was sent, call by call.
    pub fn sent(&self) -> Vec<Vec<String>> {
        self.0.sent.lock().unwrap().clone()
    }

    fn clients(&self) -> Clients {
        let leaked: &'static Provider = Box::leak(Box::new(self.clone()));
        Clients { stt: Some(leaked), llm: Some(leaked), tts: Some(leaked) }
    }
}

/// A plan over scripted providers, under real model ids. Patience is short.
pub fn plan(house: &House, modality: Modality, providers: &[(&str, &Provider)]) -> Plan {
    let candidate = |(model, provider): &(&str, &Provider)| Candidate {
        target: house.target(modality, model),
        clients: provider.clients(),
        extra: None,
    };
    let candidates: Vec<_> = providers.iter().map(candidate).collect();
    Plan {
        asked: Arc::clone(&candidates[0].target.model_id),
        candidates,
        patience: Patience {
            connect: Duration::from_secs(1),
            first_token: Duration::from_secs(2),
            first_audio: Duration::from_secs(2),
            transcript: Duration::from_secs(2),
            hedge: None,
            retries: 1,
        },
    }
}

/// Waits as the script says before its next step.
async fn pause(script: &mut VecDeque<Step>) {
    while let Some(Step::Wait(millis)) = script.front() {
        tokio::time::sleep(Duration::from_millis(*millis)).await;
        script.pop_front();
    }
}

async fn accept(script: &mut VecDeque<Step>) -> Result<(), Failure> {
    pause(script).await;
    match script.front() {
        Some(Step::Refuse(status)) => Err(Failure::refused(*status, "scripted")),
        _ => Ok(()),
    }
}

impl LlmClient for Provider {
    fn chat(&self, call: Call, _: Arc<ChatRequest>) -> BoxFuture<'static, Result<ChatStream, Failure>> {
        let (mut script, _) = self.script();
        async move {
            call.tap.sent();
            accept(&mut script).await.inspect_err(|failure| call.tap.refused(failure.status.unwrap()))?;
            let pieces = stream::unfold((script, call), async |(mut script, call)| {
                let piece = |is_output, json: String| Ok(ChatPiece { json: Bytes::from(json), is_output });
                let next = loop {
                    match script.pop_front()? {
                        Step::Wait(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
                        Step::Role => break piece(false, "role".to_owned()),
                        Step::Say(text) => {
                            call.tap.output_text(text);
                            break piece(true, text.to_owned());
                        }
                        Step::Usage(input, output) => {
                            let usage = Usage::UNKNOWN
                                .with(Quantity::InputTokens, input, Source::ProviderReported)
                                .with(Quantity::OutputTokens, output, Source::ProviderReported);
                            call.tap.reported(&usage);
                            break piece(false, "usage".to_owned());
                        }
                        Step::Fail => break Err(Failure::dropped("scripted")),
                        other => panic!("a chat does not {other:?}"),
                    }
                };
                Some((next, (script, call)))
            });
            Ok(pieces.boxed())
        }
        .boxed()
    }
}

impl SttClient for Provider {
    fn listen(
        &self,
        call: Call,
        request: ListenRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Listening>, Failure>> {
        let (mut script, number) = self.script();
        let provider = self.clone();
        async move {
            let refused = |failure: &Failure| call.tap.refused(failure.status.unwrap());
            accept(&mut script).await.inspect_err(refused)?;
            provider.note(number, format!("rate {}", request.sample_rate));
            let socket = call.tap.audio_socket_opened(32_000);
            Ok(Box::new(Ear { provider, number, script, call, socket, bytes: 0, is_finished: false })
                as Box<dyn Listening>)
        }
        .boxed()
    }

    fn transcribe(
        &self,
        _: Call,
        _: TranscribeRequest,
    ) -> BoxFuture<'static, Result<Transcription, Failure>> {
        async { Err(Failure::unsupported("scripted")) }.boxed()
    }
}

struct Ear {
    provider: Provider,
    number: usize,
    script: VecDeque<Step>,
    call: Call,
    socket: usize,
    bytes: usize,
    is_finished: bool,
}

impl Listening for Ear {
    fn send(&mut self, input: ListenInput) -> BoxFuture<'_, Result<(), Failure>> {
        let what = match &input {
            ListenInput::Audio(audio) => {
                self.bytes += audio.len();
                self.call.tap.sent_audio(self.socket, audio.len() as u64);
                format!("audio {}", audio.len())
            }
            ListenInput::Finalize => "finalize".to_owned(),
            ListenInput::Update(_) => "update".to_owned(),
        };
        self.provider.note(self.number, what);
        async { Ok(()) }.boxed()
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Heard, Failure>>> {
        async move {
            loop {
                pause(&mut self.script).await;
                match self.script.front()? {
                    Step::Until(bytes) if self.bytes < *bytes => std::future::pending().await,
                    Step::Finished if !self.is_finished => std::future::pending().await,
                    Step::Until(_) | Step::Finished => {
                        self.script.pop_front();
                    }
                    Step::Hear(heard) => {
                        let heard = heard.clone();
                        self.script.pop_front();
                        return Some(Ok(heard));
                    }
                    Step::Fail => return Some(Err(Failure::dropped("scripted"))),
                    other => panic!("an ear does not {other:?}"),
                }
            }
        }
        .boxed()
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        self.is_finished = true;
        self.provider.note(self.number, "finish".to_owned());
        self.call.tap.reported_audio(self.socket, self.bytes as u64 * 31_250);
        async { Ok(()) }.boxed()
    }
}

impl TtsClient for Provider {
    fn speak(
        &self,
        call: Call,
        request: SpeakRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Speaking>, Failure>> {
        let (mut script, number) = self.script();
        let provider = self.clone();
        async move {
            let refused = |failure: &Failure| call.tap.refused(failure.status.unwrap());
            accept(&mut script).await.inspect_err(refused)?;
            provider.note(number, format!("voice {}", request.voice.unwrap_or_default()));
            Ok(Box::new(Mouth { provider, number, script, call, texts: 0, is_finished: false })
                as Box<dyn Speaking>)
        }
        .boxed()
    }

    fn synthesize(&self, _: Call, _: SynthesizeRequest) -> BoxFuture<'static, Result<Synthesized, Failure>> {
        async { Err(Failure::unsupported("scripted")) }.boxed()
    }
}

struct Mouth {
    provider: Provider,
    number: usize,
    script: VecDeque<Step>,
    call: Call,
    texts: usize,
    is_finished: bool,
}

impl Speaking for Mouth {
    fn say(&mut self, text: String) -> BoxFuture<'_, Result<(), Failure>> {
        self.call.tap.sent_text(text.chars().count() as u64);
        self.texts += 1;
        self.provider.note(self.number, text);
        async { Ok(()) }.boxed()
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        self.is_finished = true;
        self.provider.note(self.number, "finish".to_owned());
        async { Ok(()) }.boxed()
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Spoken, Failure>>> {
        async move {
            loop {
                pause(&mut self.script).await;
                match self.script.front()? {
                    Step::Texts(texts) if self.texts < *texts => std::future::pending().await,
                    Step::Finished if !self.is_finished => std::future::pending().await,
                    Step::Texts(_) | Step::Finished => {
                        self.script.pop_front();
                    }
                    Step::Audio(millis) => {
                        let bytes = (*millis * 48) as usize;
                        self.script.pop_front();
                        self.call.tap.received_audio(bytes as u64 * 20_833);
                        return Some(Ok(Spoken::Audio(Bytes::from(vec![0; bytes]))));
                    }
                    Step::Done(texts) => {
                        let texts = *texts;
                        self.script.pop_front();
                        return Some(Ok(Spoken::TextsDone(texts)));
                    }
                    Step::Fail => return Some(Err(Failure::dropped("scripted"))),
                    other => panic!("a mouth does not {other:?}"),
                }
            }
        }
        .boxed()
    }
}
