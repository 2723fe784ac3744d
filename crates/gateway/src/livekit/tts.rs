//! `/v1/tts`: a pooled socket that speaks one synthesis after the other.
//!
//! A synthesis is every text up to a `session.flush`, answered with audio and one `done`. Each text says which model
//! and voice must speak it, so that one synthesis may need several calls upstream: they follow one another.

use super::{
    Socket, Visit,
    cadence::{Alarm, Cadence},
    socket::{Gone, Opened, close, wishes},
};
use crate::{Error, occupancy::CallGuard};
use axum::{extract::ws::Utf8Bytes, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::VecDeque, convert::Infallible, future::pending, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use vg_core::{
    Modality,
    call::{Failure, Letter, SpeakRequest, Spoken},
};
use vg_engine::{Ask, Scope, SpeakCall};
use vg_wire::livekit::tts::{
    Character, ClientMessage, Create, Packet, ServerMessage, Voicing, Word, separates_words, wants_alignment,
};

/// Audio of one frame, in bytes: clients refuse frames of 4 MiB and cut them up anyway.
const FRAME_BYTES: usize = 32 << 10;
/// Texts and flushes that wait; beyond, no more is read. A client sends the next when the last is spoken.
const WAITING: usize = 256;

/// Opens the socket, unless it is refused.
pub(crate) async fn open(visit: Visit) -> Result<Response, Error> {
    visit.open(Modality::Tts, serve)
}

async fn serve(opened: Opened, mut socket: Socket) {
    let id = opened.scope.request_id.map(|id| id.to_string()).unwrap_or_default();
    let session_id = format!("tts_{id}");
    match begin(&opened, &mut socket).await {
        Ok(Some(create)) => {
            let speaker = Speaker {
                socket,
                session_id: &session_id,
                opened: &opened,
                create,
                waiting: VecDeque::new(),
                synthesis: None,
            };
            Box::pin(speaker.run()).await;
        }
        Ok(None) => {}
        Err(error) => fail(socket, &session_id, &error).await,
    }
}

/// Reads the first message; `None` when the client went away first.
async fn begin(opened: &Opened, socket: &mut Socket) -> Result<Option<Create>, Error> {
    let late = |_| Error::bad_request("`session.create` did not come in time");
    let first = timeout(opened.gateway.limits.first_message_wait, socket.text()).await.map_err(late)?;
    let Some(text) = first else { return Ok(None) };
    match ClientMessage::read(&text).map_err(|error| Error::bad_request(error.0))? {
        ClientMessage::Create(create) => Ok(Some(*create)),
        _ => Err(Error::bad_request("the first message must be `session.create`")),
    }
}

/// Says what went wrong, and closes: the client takes another socket for its next try.
async fn fail(mut socket: Socket, session_id: &str, error: &Error) {
    tracing::warn!(session_id, status = error.status(), "a speaking socket failed: {error}");
    let message = ServerMessage::Error { message: &error.message, code: error.status(), session_id };
    if socket.send(message.text()).await.is_ok() {
        let code = if error.status() < 500 { close::POLICY } else { close::FAILED };
        socket.close(code, "failed").await;
    }
}

/// What a client asked for and did not get yet.
enum Task {
    Say { manner: Manner, text: String },
    Flush,
}

/// How a text is to be spoken.
#[derive(Clone, PartialEq)]
struct Manner {
    voicing: Voicing,
    extra: Map<String, Value>,
}

impl Manner {
    fn model(&self) -> &str {
        self.voicing.model.as_deref().unwrap_or_default()
    }
}

/// A synthesis in progress: from its first text to its `done`.
struct Synthesis {
    cadence: Cadence,
    /// The call that speaks now.
    call: Option<Call>,
    scope: Scope,
    _guard: CallGuard,
}

/// A call upstream: texts of one manner.
struct Call {
    manner: Manner,
    /// `None` once no more text comes.
    input: Option<mpsc::Sender<String>>,
    events: mpsc::Receiver<Result<Spoken, Failure>>,
    /// How much audio the synthesis had before this call: its times count from there.
    offset: f64,
}

/// A speaking socket.
struct Speaker<'a> {
    socket: Socket,
    session_id: &'a str,
    opened: &'a Opened,
    create: Create,
    waiting: VecDeque<Task>,
    synthesis: Option<Synthesis>,
}

/// How a socket ends.
enum End {
    /// The client has gone, or is done.
    Gone,
    /// The synthesis failed.
    Failed(Error),
    /// Nothing was asked for too long, or the socket is too old.
    Unused,
    /// The server stops.
    Stopped,
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        End::Gone
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        End::Failed(error)
    }
}

/// What the next thing to do is.
enum Next {
    Read(Option<Utf8Bytes>),
    Room,
    Spoken(Option<Result<Spoken, Failure>>),
    Alarm,
}

impl Speaker<'_> {
    async fn run(mut self) {
        let end = match self.turn().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let Speaker { socket, session_id, synthesis, .. } = self;
        let was_speaking = synthesis.is_some();
        // The provider hears of the end before the client does.
        drop(synthesis);
        match end {
            End::Gone => socket.close(close::NORMAL, "").await,
            End::Failed(error) => fail(socket, session_id, &error).await,
            End::Unused => socket.close(close::NORMAL, "unused").await,
            End::Stopped if was_speaking => {
                fail(socket, session_id, &Error::stopping()).await;
            }
            End::Stopped => socket.close(close::AWAY, "the server stops").await,
        }
    }

    async fn turn(&mut self) -> Result<Infallible, End> {
        self.say(&ServerMessage::Created { session_id: self.session_id }).await?;
        let gateway = &self.opened.gateway;
        let deadline = Instant::now() + gateway.limits.socket_age;
        let idle = gateway.limits.socket_idle;
        let ahead = gateway.limits.speech_ahead;
        let mut unused_at = Instant::now() + idle;
        let mut alarm = Alarm::at(unused_at.min(deadline));
        let stopped = gateway.stopped().cancelled();
        tokio::pin!(stopped);
        loop {
            self.advance().await?;
            let cadence = self.synthesis.as_ref().map(|synthesis| &synthesis.cadence);
            let keepalive_at = cadence.map(Cadence::keepalive_at);
            let resumes_at = cadence.and_then(|cadence| cadence.resumes_at(ahead));
            let is_ahead = resumes_at.is_some();
            for instant in [keepalive_at, resumes_at].into_iter().flatten() {
                alarm.no_later_than(instant);
            }
            let has_room = self.waiting.len() < WAITING;
            let next_is_text = matches!(self.waiting.front(), Some(Task::Say { .. }));
            let (input, events) = match self.synthesis.as_mut().and_then(|synthesis| synthesis.call.as_mut())
            {
                Some(call) => (call.input.as_ref().filter(|_| next_is_text), Some(&mut call.events)),
                None => (None, None),
            };
            let next = tokio::select! {
                text = self.socket.text(), if has_room => Next::Read(text),
                () = room(input) => Next::Room,
                spoken = next_of(events), if !is_ahead => Next::Spoken(spoken),
                () = alarm.ring(unused_at.min(deadline)) => Next::Alarm,
                () = &mut stopped => return Err(End::Stopped),
            };
            match next {
                Next::Read(None) => return Err(End::Gone),
                Next::Read(Some(text)) => {
                    unused_at = Instant::now() + idle;
                    self.read(&text)?;
                }
                Next::Room => {}
                Next::Spoken(Some(Ok(spoken))) => self.spoken(spoken).await?,
                Next::Spoken(Some(Err(failure))) => return Err(End::Failed(failure.into())),
                Next::Spoken(None) => {
                    unused_at = Instant::now() + idle;
                    if let Some(synthesis) = &mut self.synthesis {
                        synthesis.call = None;
                    }
                }
                Next::Alarm => {
                    let now = Instant::now();
                    if unused_at.min(deadline) <= now {
                        return Err(End::Unused);
                    }
                    if keepalive_at.is_some_and(|due| due <= now) {
                        self.say(&ServerMessage::Keepalive { session_id: self.session_id }).await?;
                    }
                }
            }
        }
    }

    /// Takes a message.
    fn read(&mut self, text: &str) -> Result<(), End> {
        let message = ClientMessage::read(text).map_err(|error| Error::bad_request(error.0))?;
        match message {
            ClientMessage::Text(packet) => {
                let Packet { text, voicing, extra } = *packet;
                let voicing = voicing.or(&self.create.voicing);
                let extra = extra.unwrap_or_else(|| self.create.extra.clone());
                self.waiting.push_back(Task::Say { manner: Manner { voicing, extra }, text });
                // From its first text on a client counts the seconds.
                self.synthesis()?;
            }
            ClientMessage::Flush => self.waiting.push_back(Task::Flush),
            ClientMessage::Close => return Err(End::Gone),
            ClientMessage::Create(_) | ClientMessage::Unknown => {}
        }
        Ok(())
    }

    /// The synthesis in progress; one begins if there is none.
    fn synthesis(&mut self) -> Result<&mut Synthesis, Error> {
        if self.synthesis.is_none() {
            let gateway = &self.opened.gateway;
            let request_id = Some(gateway.engine().mint_request_id()?);
            self.synthesis = Some(Synthesis {
                cadence: Cadence::start(),
                call: None,
                scope: Scope { request_id, ..self.opened.scope.clone() },
                _guard: gateway.occupancy.call(),
            });
        }
        self.synthesis.as_mut().ok_or_else(|| Error::internal(&"a synthesis that was just begun is gone"))
    }

    /// Does what can be done without waiting for anybody but the client.
    async fn advance(&mut self) -> Result<(), End> {
        while let Some(task) = self.waiting.pop_front() {
            match task {
                // A provider has nothing to say to a blank.
                Task::Say { text, .. } if text.trim().is_empty() => {
                    self.synthesis()?;
                }
                Task::Say { manner, text } => {
                    if let Some(text) = self.hand_on(&manner, text)? {
                        self.waiting.push_front(Task::Say { manner, text });
                        return Ok(());
                    }
                }
                Task::Flush => {
                    if let Some(call) = self.synthesis.as_mut().and_then(|synthesis| synthesis.call.as_mut())
                    {
                        call.input = None;
                        self.waiting.push_front(Task::Flush);
                        return Ok(());
                    }
                    self.say(&ServerMessage::Done { session_id: self.session_id }).await?;
                    self.synthesis = None;
                }
            }
        }
        Ok(())
    }

    /// Hands a text to the call that speaks in its manner; gives it back when that must wait: for room, or for
    /// another manner's end.
    fn hand_on(&mut self, manner: &Manner, text: String) -> Result<Option<String>, Error> {
        if self.synthesis()?.call.is_none() {
            let call = self.call(manner)?;
            self.synthesis()?.call = Some(call);
        }
        let Some(call) = &mut self.synthesis()?.call else { return Ok(Some(text)) };
        if call.manner != *manner {
            call.input = None;
        }
        let Some(input) = &call.input else { return Ok(Some(text)) };
        match input.try_send(text) {
            Ok(()) => Ok(None),
            Err(mpsc::error::TrySendError::Full(text)) => Ok(Some(text)),
            // The call failed, as its events tell.
            Err(mpsc::error::TrySendError::Closed(_)) => Ok(None),
        }
    }

    /// Calls upstream.
    fn call(&mut self, manner: &Manner) -> Result<Call, Error> {
        let (scope, offset) = {
            let synthesis = self.synthesis()?;
            (synthesis.scope.clone(), synthesis.cadence.sent().as_secs_f64())
        };
        let Voicing { model, voice, language } = &manner.voicing;
        let ask = Ask {
            modality: Modality::Tts,
            model: model.as_deref(),
            voice: voice.as_deref(),
            language: language.as_deref(),
            ..Ask::of_project(&self.opened.project)
        };
        let engine = self.opened.gateway.engine();
        let plan = engine.plan(&ask, &wishes(self.create.fallbacks.clone(), self.create.connection))?;
        let request = SpeakRequest {
            sample_rate: self.create.sample_rate,
            // The plan's: each candidate has its own.
            voice: None,
            language: language.clone(),
            extra: manner.extra.clone(),
        };
        let SpeakCall { input, events } = engine.speak(plan, scope, request);
        Ok(Call { manner: manner.clone(), input: Some(input), events, offset })
    }

    async fn spoken(&mut self, spoken: Spoken) -> Result<(), End> {
        let session_id = self.session_id;
        match spoken {
            Spoken::Audio(audio) => {
                let bytes_per_second = f64::from(self.create.sample_rate) * 2.0;
                for frame in audio.chunks(FRAME_BYTES) {
                    let encoded = STANDARD.encode(frame);
                    self.say(&ServerMessage::Audio { audio: &encoded, session_id }).await?;
                    if let Some(synthesis) = &mut self.synthesis {
                        synthesis
                            .cadence
                            .audio(Duration::from_secs_f64(frame.len() as f64 / bytes_per_second));
                    }
                }
            }
            Spoken::Words(letters) => {
                let Some(call) = self.aligned() else { return Ok(()) };
                let (offset, is_bare) = (call.offset, separates_words(call.manner.model()));
                let mut words = Vec::with_capacity(letters.len());
                for Letter { text, start, end } in &letters {
                    words.push(Word {
                        word: spaced(text, is_bare),
                        start: start + offset,
                        end: end + offset,
                    });
                }
                self.say(&ServerMessage::Words { session_id, words }).await?;
            }
            Spoken::Characters(letters) => {
                let Some(call) = self.aligned() else { return Ok(()) };
                let offset = call.offset;
                let mut chars = Vec::with_capacity(letters.len());
                for Letter { text, start, end } in &letters {
                    chars.push(Character { char: text, start: start + offset, end: end + offset });
                }
                self.say(&ServerMessage::Characters { session_id, chars }).await?;
            }
            Spoken::TextsDone(_) => {}
        }
        Ok(())
    }

    /// The call that speaks, if its client reads alignments.
    fn aligned(&self) -> Option<&Call> {
        let call = self.synthesis.as_ref()?.call.as_ref()?;
        wants_alignment(call.manner.model(), &call.manner.extra).then_some(call)
    }

    async fn say(&mut self, message: &ServerMessage<'_>) -> Result<(), Gone> {
        self.socket.send(message.text()).await?;
        if let Some(synthesis) = &mut self.synthesis {
            synthesis.cadence.frame();
        }
        Ok(())
    }
}

/// A word as the client's model wants it: bare where the client puts the blanks, else with one of its own.
fn spaced(word: &str, is_bare: bool) -> Cow<'_, str> {
    if is_bare {
        Cow::Borrowed(word.trim())
    } else if word.starts_with(char::is_whitespace) || word.ends_with(char::is_whitespace) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("{word} "))
    }
}

/// Resolves when the call has room for another text, or wants none; never without a text that waits.
async fn room(input: Option<&mpsc::Sender<String>>) {
    match input {
        Some(input) => drop(input.reserve().await),
        None => pending().await,
    }
}

/// What is spoken next; never without a call.
async fn next_of(
    events: Option<&mut mpsc::Receiver<Result<Spoken, Failure>>>,
) -> Option<Result<Spoken, Failure>> {
    match events {
        Some(events) => events.recv().await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_brings_its_blank_where_the_client_adds_none() {
        assert_eq!(spaced("Hello", false), "Hello ");
        assert_eq!(spaced(" Hello", false), " Hello");
        assert_eq!(spaced("Hello ", true), "Hello");
    }
}
