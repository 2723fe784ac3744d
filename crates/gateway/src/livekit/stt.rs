//! `/v1/stt`: one socket, one stream of audio, its transcripts.

use super::{
    Socket, Visit,
    cadence::Alarm,
    socket::{Gone, Opened, close, wishes},
};
use crate::Error;
use axum::{extract::ws::Utf8Bytes, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use vg_core::{
    Kind, Modality,
    call::{self, Failure, Heard, ListenInput, ListenRequest, ListenUpdate},
};
use vg_engine::{Ask, ListenCall};
use vg_wire::livekit::stt::{
    ClientMessage, Create, ServerMessage, Transcript, Word, finalizes_in_mid_stream,
};

/// LiveKit's own code for a socket that said nothing for too long; no client dials again after it.
const SILENT: u16 = 2007;
/// How long what is left may take after the end of the input. A client waits 30 s for a first transcript.
const LAST_WORDS: Duration = Duration::from_secs(20);

/// Opens the socket, unless it is refused.
pub(crate) async fn open(visit: Visit) -> Result<Response, Error> {
    visit.open(Modality::Stt, serve)
}

async fn serve(opened: Opened, mut socket: Socket) {
    let id = opened.scope.request_id.map(|id| id.to_string()).unwrap_or_default();
    let session_id = format!("stt_{id}");
    match begin(&opened, &mut socket).await {
        Ok(Some((call, create))) => {
            let deadline = Instant::now() + opened.gateway.limits.socket_age;
            let stream = Stream {
                socket,
                stays: create.model.as_deref().is_some_and(finalizes_in_mid_stream),
                session_id: &session_id,
                request_id: &id,
                input: Some(call.input),
                events: call.events,
                unsent: None,
                is_speaking: false,
                last_words: None,
            };
            stream.run(&opened, deadline).await;
        }
        Ok(None) => {}
        Err(error) => fail(socket, &session_id, &error).await,
    }
}

/// Reads the first message and opens the stream it asks for; `None` when the client went away first.
async fn begin(opened: &Opened, socket: &mut Socket) -> Result<Option<(ListenCall, Create)>, Error> {
    let late = |_| Error::bad_request("`session.create` did not come in time");
    let first = timeout(opened.gateway.limits.first_message_wait, socket.text()).await.map_err(late)?;
    let Some(text) = first else { return Ok(None) };
    let mut create = match ClientMessage::read(&text).map_err(|error| Error::bad_request(error.0))? {
        ClientMessage::Create(create) => *create,
        _ => return Err(Error::bad_request("the first message must be `session.create`")),
    };
    let ask = Ask {
        modality: Modality::Stt,
        model: create.model.as_deref(),
        language: create.language.as_deref(),
        ..Ask::of_project(&opened.project)
    };
    let plan = opened.gateway.engine().plan(&ask, &wishes(create.fallbacks.take(), create.connection))?;
    let request = ListenRequest {
        sample_rate: create.sample_rate,
        language: create.language.clone(),
        extra: std::mem::take(&mut create.extra),
    };
    let call = opened.gateway.engine().listen(plan, opened.scope.clone(), request);
    Ok(Some((call, create)))
}

/// Says what went wrong, and closes.
async fn fail(mut socket: Socket, session_id: &str, error: &Error) {
    tracing::warn!(session_id, status = error.status(), "a hearing socket failed: {error}");
    let message = ServerMessage::Error { message: &error.message, code: error.status(), session_id };
    if socket.send(message.text()).await.is_ok() {
        let code = if error.status() < 500 { close::POLICY } else { close::FAILED };
        socket.close(code, "failed").await;
    }
}

/// An open stream.
struct Stream<'a> {
    socket: Socket,
    session_id: &'a str,
    request_id: &'a str,
    /// Whether `session.finalize` is no end: this model's clients send it at every pause.
    stays: bool,
    /// `None` after the end of the input.
    input: Option<mpsc::Sender<ListenInput>>,
    events: mpsc::Receiver<Box<Result<Heard, Failure>>>,
    /// Taken from the socket, and the engine had no room for it yet: until it has, no more is read.
    unsent: Option<ListenInput>,
    is_speaking: bool,
    /// When to stop waiting for what is left.
    last_words: Option<Instant>,
}

/// How a stream ends.
enum End {
    /// The client has gone.
    Gone,
    /// The client wants no more: not a word after that, it would crash Node 20.
    Closed,
    /// Everything was said.
    Complete,
    /// It failed.
    Failed(Error),
    /// The client was silent for too long.
    Silent,
    /// The server stops, or the socket is too old.
    Stopped,
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        End::Gone
    }
}

/// What the next thing to do is.
enum Next {
    Read(Option<Utf8Bytes>),
    Room,
    Heard(Option<Result<Heard, Failure>>),
    Alarm,
}

impl<'a> Stream<'a> {
    async fn run(mut self, opened: &Opened, deadline: Instant) {
        let _call = opened.gateway.occupancy.call();
        let end = match self.turn(opened, deadline).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let Stream { mut socket, session_id, input, events, .. } = self;
        // The provider hears of the end before the client does.
        drop((input, events));
        match end {
            End::Gone => {}
            End::Closed => socket.close(close::NORMAL, "").await,
            End::Complete => {
                let finalized = socket.send(ServerMessage::Finalized { session_id }.text()).await;
                if finalized.is_ok() && socket.send(ServerMessage::Closed { session_id }.text()).await.is_ok()
                {
                    socket.close(close::NORMAL, "").await;
                }
            }
            // Boxed, or every stream would keep room for it.
            End::Failed(error) => Box::pin(fail(socket, session_id, &error)).await,
            End::Silent => {
                let message = "the socket was silent for too long";
                let error = ServerMessage::Error { message, code: SILENT, session_id };
                if socket.send(error.text()).await.is_ok() {
                    socket.close(close::NORMAL, "silent").await;
                }
            }
            End::Stopped => socket.close(close::AWAY, "the server stops").await,
        }
    }

    async fn turn(&mut self, opened: &Opened, deadline: Instant) -> Result<std::convert::Infallible, End> {
        self.say(&ServerMessage::Created { session_id: self.session_id }).await?;
        let idle = opened.gateway.limits.socket_idle;
        let mut silent_at = Instant::now() + idle;
        let mut alarm = Alarm::at(silent_at.min(deadline));
        let stopped = opened.gateway.stopped().cancelled();
        tokio::pin!(stopped);
        loop {
            if let Some(last_words) = self.last_words {
                alarm.no_later_than(last_words);
            }
            let next = tokio::select! {
                text = self.socket.text(), if self.unsent.is_none() => Next::Read(text),
                () = room(self.input.as_ref()), if self.unsent.is_some() => Next::Room,
                heard = self.events.recv() => Next::Heard(heard.map(|heard| *heard)),
                () = alarm.ring(silent_at.min(deadline)) => Next::Alarm,
                () = &mut stopped => return Err(End::Stopped),
            };
            match next {
                Next::Read(None) => return Err(End::Gone),
                Next::Read(Some(text)) => {
                    silent_at = Instant::now() + idle;
                    self.read(&text)?;
                }
                Next::Room => self.pass_on(),
                Next::Heard(Some(Ok(heard))) => self.heard(heard).await?,
                Next::Heard(Some(Err(failure))) => return Err(End::Failed(failure.into())),
                Next::Heard(None) if self.input.is_none() => return Err(End::Complete),
                Next::Heard(None) => {
                    let error = Error::new(Kind::UpstreamFailed, "the provider ended the stream");
                    return Err(End::Failed(error));
                }
                Next::Alarm => {
                    let now = Instant::now();
                    if self.last_words.is_some_and(|last_words| last_words <= now) {
                        return Err(End::Complete);
                    }
                    if silent_at <= now {
                        return Err(End::Silent);
                    }
                    if deadline <= now {
                        return Err(End::Stopped);
                    }
                }
            }
        }
    }

    /// Takes a message.
    fn read(&mut self, text: &str) -> Result<(), End> {
        let message = ClientMessage::read(text).map_err(|error| End::Failed(Error::bad_request(error.0)))?;
        let input = match message {
            ClientMessage::Audio(audio) => {
                let bytes = STANDARD.decode(audio.as_bytes());
                let wrong = |_| End::Failed(Error::bad_request("`audio` is not base64"));
                ListenInput::Audio(Bytes::from(bytes.map_err(wrong)?))
            }
            ClientMessage::Update(update) => {
                let update = ListenUpdate { language: update.language, extra: update.extra };
                ListenInput::Update(Box::new(update))
            }
            ClientMessage::Finalize if self.stays => ListenInput::Finalize,
            ClientMessage::Finalize => {
                self.input = None;
                self.last_words.get_or_insert_with(|| Instant::now() + LAST_WORDS);
                return Ok(());
            }
            ClientMessage::Close => return Err(End::Closed),
            ClientMessage::Create(_) | ClientMessage::Unknown => return Ok(()),
        };
        self.unsent = Some(input);
        self.pass_on();
        Ok(())
    }

    /// Hands on what was read, if there is room. What comes after the end of the input is dropped.
    fn pass_on(&mut self) {
        let Some(input) = self.unsent.take() else { return };
        let Some(sender) = &self.input else { return };
        // A closed channel shows in its events.
        if let Err(mpsc::error::TrySendError::Full(input)) = sender.try_send(input) {
            self.unsent = Some(input);
        }
    }

    async fn heard(&mut self, heard: Heard) -> Result<(), Gone> {
        let session_id = self.session_id;
        match heard {
            Heard::SpeechStarted if self.is_speaking => Ok(()),
            Heard::SpeechStarted => {
                self.is_speaking = true;
                self.say(&ServerMessage::SpeechStarted { session_id }).await
            }
            Heard::Interim(transcript) if transcript.text.is_empty() => Ok(()),
            Heard::Interim(transcript) => {
                self.is_speaking = true;
                self.say(&ServerMessage::Interim(self.wire(&transcript))).await
            }
            Heard::Preflight(transcript) => self.say(&ServerMessage::Preflight(self.wire(&transcript))).await,
            // Nothing was said and nothing was begun: it would show as a start and an end of speech.
            Heard::Final(transcript) if transcript.text.is_empty() && !self.is_speaking => Ok(()),
            Heard::Final(transcript) => {
                self.is_speaking = false;
                self.say(&ServerMessage::Final(self.wire(&transcript))).await
            }
            Heard::Finalized if self.stays => self.say(&ServerMessage::Finalized { session_id }).await,
            Heard::Finalized => Ok(()),
        }
    }

    fn wire<'t>(&self, transcript: &'t call::Transcript) -> Transcript<'t>
    where
        'a: 't,
    {
        let word = |word: &'t call::Word| Word {
            word: &word.text,
            start: word.start,
            end: word.end,
            confidence: word.confidence,
            speaker_id: word.speaker.as_deref(),
        };
        Transcript {
            session_id: self.session_id,
            request_id: self.request_id,
            transcript: &transcript.text,
            language: transcript.language.as_deref(),
            start: transcript.start,
            duration: transcript.duration,
            confidence: transcript.confidence,
            words: transcript.words.iter().map(word).collect(),
            speaker_id: transcript.speaker.as_deref(),
        }
    }

    async fn say(&mut self, message: &ServerMessage<'_>) -> Result<(), Gone> {
        self.socket.send(message.text()).await
    }
}

/// Resolves when the engine has room for another input, or wants none.
async fn room(input: Option<&mpsc::Sender<ListenInput>>) {
    if let Some(input) = input {
        drop(input.reserve().await);
    }
}
