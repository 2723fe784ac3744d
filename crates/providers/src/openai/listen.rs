//! A realtime session: audio in, transcripts out, on one WebSocket.

use super::{
    DIALECT,
    options::{Config, RATE},
    wire::{Told, told},
};
use crate::{
    client::{Call, Listening, Socket},
    shared::{
        api_error::{ErrorBody, words},
        openai_compat::{chat::extra_under, model},
        pcm::Track,
        query::Address,
        resample::Resampler,
        websocket,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, future::BoxFuture};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use vg_core::call::{Failure, Heard, ListenInput, ListenRequest, Tap, Transcript};

/// Models that take recordings only.
const BATCH_ONLY: [&str; 2] = ["whisper-1", "gpt-4o-transcribe-diarize"];
/// Less audio than this cannot be committed.
const SHORTEST_COMMIT_MILLIS: u64 = 100;
/// An end the server finds this close to one we asked for is that one.
const SLACK_MILLIS: u64 = 50;
/// How long the server may be silent when no more audio comes: nothing on its wire says that it is done.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// One stretch of speech, on its way from the first sample to its transcript.
#[derive(Debug, Default)]
struct Item {
    start_millis: u64,
    end_millis: Option<u64>,
    is_committed: bool,
    text: String,
}

/// An open session.
pub(super) struct Session {
    socket: Socket,
    tap: Arc<dyn Tap>,
    config: Config,
    resampler: Resampler,
    sent: Track,
    sent_nanos: u64,
    items: HashMap<String, Item>,
    /// Where the audio begins that is in no item yet.
    committed_millis: u64,
    /// Commits of ours that were not answered yet, by the length of the audio they end.
    commits: VecDeque<u64>,
    finalize_asked: bool,
    /// Set when no more audio comes: until when the server must have said something.
    last_words: Option<Instant>,
    is_over: bool,
    ready: VecDeque<Heard>,
}

impl Session {
    pub(super) async fn open(call: Call, request: ListenRequest) -> Result<Session, Failure> {
        let model = model(&call, DIALECT.transcription_model).to_owned();
        if BATCH_ONLY.contains(&model.as_str()) {
            return Err(Failure::unsupported(format!(
                "OpenAI's `{model}` transcribes recordings, not a live stream; `{}` does both",
                DIALECT.transcription_model
            )));
        }
        let resampler = Resampler::new(request.sample_rate, RATE)?;
        let mut options = request.extra;
        let owners: Vec<_> =
            extra_under(&options, &call.endpoint.extra).map(|(k, v)| (k.clone(), v.clone())).collect();
        options.extend(owners);
        let language = request.language.or_else(|| call.endpoint.language.clone());
        let base = call.endpoint.base_url.as_deref().unwrap_or(DIALECT.base_url).trim_end_matches('/');
        let mut address = Address::new(&format!("{base}/realtime?intent=transcription"));
        // OpenAI refuses a model in the address, and those who imitate it may know none other.
        if base != DIALECT.base_url {
            address.add("model", &model);
        }
        let bearer = format!("Bearer {}", call.endpoint.key()?);
        let request = websocket::finish(websocket::request(&address.finish(), "authorization", &bearer)?)?;
        let opened = call.network.socket(request, call.connect_timeout, words).await;
        let (socket, _) = opened.inspect_err(|failure| {
            if let Some(status) = failure.status {
                call.tap.refused(status);
            }
        })?;
        call.tap.socket_opened();
        let mut session = Session {
            socket,
            tap: call.tap,
            config: Config { model, language, options },
            resampler,
            sent: Track::new(RATE),
            sent_nanos: 0,
            items: HashMap::new(),
            committed_millis: 0,
            commits: VecDeque::new(),
            finalize_asked: false,
            last_words: None,
            is_over: false,
            ready: VecDeque::new(),
        };
        session.tell(session.config.update().to_string()).await?;
        Ok(session)
    }

    async fn tell(&mut self, message: String) -> Result<(), Failure> {
        let sent = self.socket.send(Message::text(message)).await;
        sent.map_err(|error| websocket::broken(&error))
    }

    async fn append(&mut self, audio: Bytes) -> Result<(), Failure> {
        if audio.is_empty() {
            return Ok(());
        }
        self.tell(format!(r#"{{"type":"input_audio_buffer.append","audio":"{}"}}"#, STANDARD.encode(&audio)))
            .await?;
        let (_, nanos) = self.sent.add(audio);
        self.sent_nanos += nanos;
        self.tap.sent_body_audio(nanos);
        Ok(())
    }

    /// Asks for the transcript of what is in no item yet, if that is anything.
    async fn commit(&mut self) -> Result<(), Failure> {
        let sent_millis = self.sent_millis();
        if sent_millis < self.committed_millis + SHORTEST_COMMIT_MILLIS {
            return Ok(());
        }
        self.tell(r#"{"type":"input_audio_buffer.commit"}"#.to_owned()).await?;
        self.commits.push_back(sent_millis);
        Ok(())
    }

    fn sent_millis(&self) -> u64 {
        self.sent_nanos / 1_000_000
    }

    async fn take(&mut self, input: ListenInput) -> Result<(), Failure> {
        match input {
            ListenInput::Audio(audio) => {
                let audio = self.resampler.push(audio);
                self.append(audio).await
            }
            ListenInput::Finalize => {
                self.finalize_asked = true;
                self.commit().await
            }
            ListenInput::Update(update) => {
                self.config.language = update.language.or_else(|| self.config.language.take());
                self.config.options.extend(update.extra);
                self.tell(self.config.update().to_string()).await
            }
        }
    }

    async fn end(&mut self) -> Result<(), Failure> {
        let rest = self.resampler.finish();
        self.append(rest).await?;
        self.commit().await?;
        self.last_words = Some(Instant::now() + LAST_WORDS);
        Ok(())
    }

    /// Whether everything that was asked for has been transcribed.
    fn is_settled(&self) -> bool {
        self.commits.is_empty() && self.items.values().all(|item| !item.is_committed)
    }

    async fn hear(&mut self) -> Option<Result<Heard, Failure>> {
        loop {
            if let Some(heard) = self.ready.pop_front() {
                return Some(Ok(heard));
            }
            if self.is_over {
                return None;
            }
            if self.is_settled() && std::mem::take(&mut self.finalize_asked) {
                return Some(Ok(Heard::Finalized));
            }
            if self.is_settled() && self.last_words.is_some() {
                self.is_over = true;
                let _ = timeout(FAREWELL, self.socket.close(None)).await;
                return None;
            }
            let message = match self.last_words {
                None => self.socket.next().await,
                Some(until) => match timeout_at(until, self.socket.next()).await {
                    Ok(message) => message,
                    Err(_) => return self.given_up(),
                },
            };
            if let Err(failure) = self.understand(message) {
                self.is_over = true;
                return Some(Err(failure));
            }
        }
    }

    /// The server fell silent after the last audio.
    fn given_up(&mut self) -> Option<Result<Heard, Failure>> {
        self.is_over = true;
        let is_owed = self.items.values().any(|item| item.is_committed);
        is_owed.then(|| Err(Failure::timed_out("OpenAI did not finish the transcript of the last audio")))
    }

    fn understand(
        &mut self,
        message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<(), Failure> {
        match message {
            Some(Ok(Message::Text(text))) => {
                if let Some(until) = &mut self.last_words {
                    *until = Instant::now() + LAST_WORDS;
                }
                let told = told(&text).map_err(|error| websocket::malformed(&error))?;
                self.told(told)
            }
            Some(Ok(Message::Close(frame))) => {
                // One that nobody asked for is a failure even if it is polite.
                if let Some(frame) = frame.as_ref().filter(|frame| u16::from(frame.code) != 1000) {
                    self.tap.refused(frame.code.into());
                    return Err(websocket::closed(Some(frame)));
                }
                Err(websocket::closed(None))
            }
            None => Err(websocket::closed(None)),
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(websocket::broken(&error)),
        }
    }

    fn told(&mut self, told: Told) -> Result<(), Failure> {
        let sent_millis = self.sent_millis();
        match told.kind.as_str() {
            "input_audio_buffer.speech_started" => {
                let start_millis = told.audio_start_ms.unwrap_or(self.committed_millis);
                self.items.insert(told.item_id, Item { start_millis, ..Item::default() });
                self.ready.push_back(Heard::SpeechStarted);
            }
            "input_audio_buffer.speech_stopped" => {
                if let Some(item) = self.items.get_mut(&told.item_id) {
                    item.end_millis = told.audio_end_ms;
                }
            }
            "input_audio_buffer.committed" => {
                let start_millis = self.committed_millis;
                let new = || Item { start_millis, ..Item::default() };
                let item = self.items.entry(told.item_id).or_insert_with(new);
                item.is_committed = true;
                // The server says where an utterance ends when it found the end itself. Audio that was sent faster
                // than it is spoken holds utterances whose ends it still finds after we asked for the last one.
                let asked = self.commits.front().copied();
                let is_ours =
                    asked.is_some_and(|asked| item.end_millis.is_none_or(|end| end + SLACK_MILLIS >= asked));
                let asked = if is_ours { self.commits.pop_front() } else { None };
                self.committed_millis = *item.end_millis.get_or_insert(asked.unwrap_or(sent_millis));
            }
            "conversation.item.input_audio_transcription.delta" => {
                self.tap.output();
                if let Some(item) = self.items.get_mut(&told.item_id) {
                    item.text.push_str(&told.delta);
                    let heard = transcript(item, item.text.clone(), None, sent_millis);
                    self.ready.push_back(Heard::Interim(heard));
                }
            }
            "conversation.item.input_audio_transcription.completed" => {
                self.tap.output();
                if let Some(usage) = told.usage {
                    self.tap.reported_more(&usage.quantities());
                }
                let item = self.items.remove(&told.item_id).unwrap_or_default();
                // An item of silence has no text; a guess that was wrong is taken back.
                if !told.transcript.trim().is_empty() || !item.text.is_empty() {
                    let named =
                        told.languages.and_then(|list| list.into_iter().next()).map(|named| named.code);
                    let language = named.or_else(|| self.config.language.clone());
                    let heard = transcript(&item, told.transcript, language, sent_millis);
                    self.ready.push_back(Heard::Final(heard));
                }
            }
            "conversation.item.input_audio_transcription.failed" => return Err(self.failed(told.error)),
            "error" => {
                // The server had found the end of the utterance before we asked for it.
                let is_late = told.error.as_ref().and_then(ErrorBody::code).as_deref()
                    == Some("input_audio_buffer_commit_empty");
                if !is_late {
                    return Err(self.failed(told.error));
                }
                self.commits.pop_front();
            }
            _ => {}
        }
        Ok(())
    }

    fn failed(&self, error: Option<ErrorBody>) -> Failure {
        let error = error.unwrap_or(ErrorBody::Text(String::new()));
        self.tap.refused(error.status());
        error.failure()
    }
}

fn transcript(item: &Item, text: String, language: Option<String>, sent_millis: u64) -> Transcript {
    let end = item.end_millis.unwrap_or(sent_millis).max(item.start_millis);
    Transcript {
        text,
        language,
        start: item.start_millis as f64 / 1000.0,
        duration: (end - item.start_millis) as f64 / 1000.0,
        ..Transcript::default()
    }
}

impl Listening for Session {
    fn send(&mut self, input: ListenInput) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.take(input))
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Heard, Failure>>> {
        Box::pin(self.hear())
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.end())
    }
}
