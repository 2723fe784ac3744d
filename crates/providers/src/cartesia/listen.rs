//! Listening: Ink-2 tells turns itself, Ink-Whisper transcribes piece by piece.

use super::{options, wire};
use crate::{
    client::{Call, Words},
    shared::{
        listening::{Dialect, Notice},
        query, websocket,
    },
};
use http::Request;
use serde_json::{Map, Value, json};
use std::{collections::VecDeque, time::Duration};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};
use vg_core::call::{Failure, Heard, ListenRequest, Transcript};

/// There is no message for a sign of life; LiveKit's plugin sends pings.
const PING: (Duration, fn() -> Message) = (Duration::from_secs(30), || Message::Ping(Bytes::new()));
/// A socket without audio is closed after that long.
const IDLE: Duration = Duration::from_secs(20);

fn request(address: &str, call: &Call) -> Result<Request<()>, Failure> {
    let builder = websocket::request(address, options::KEY_HEADER, call.endpoint.key()?)?;
    websocket::finish(builder.header(options::VERSION_HEADER, options::VERSION))
}

/// A stream of turns.
pub struct Turns {
    request: ListenRequest,
    turn: Option<Turn>,
}

/// An open turn. Ink-2 gives no times, so those of the audio sent when it told of something are taken: a little
/// late, by the time it took to hear it.
#[derive(Default)]
struct Turn {
    start: f64,
    /// The latest text and when it was told.
    text: String,
    end: f64,
}

impl Turn {
    fn transcript(&self) -> Transcript {
        let duration = (self.end - self.start).max(0.0);
        Transcript { text: self.text.clone(), start: self.start, duration, ..Transcript::default() }
    }
}

impl Turns {
    /// Begins between turns.
    pub fn new(request: ListenRequest) -> Turns {
        Turns { request, turn: None }
    }

    /// The open turn with its latest text; begins one if there is none. Gives whether the text is new.
    fn hear(&mut self, text: Option<&str>, now: f64, heard: &mut VecDeque<Heard>) -> (&Turn, bool) {
        let turn = self.turn.get_or_insert_with(|| {
            heard.push_back(Heard::SpeechStarted);
            Turn { start: now, end: now, ..Turn::default() }
        });
        turn.end = now;
        let text = text.filter(|text| !text.is_empty() && *text != turn.text);
        if let Some(text) = text {
            text.clone_into(&mut turn.text);
        }
        (turn, text.is_some())
    }
}

impl Dialect for Turns {
    const KEEP_ALIVE: (Duration, fn() -> Message) = PING;
    const IDLE: Duration = IDLE;
    const SAYS_END: bool = false;

    fn request(&self, call: &Call) -> Result<Request<()>, Failure> {
        request(&options::listen_to_turns(&call.endpoint, &self.request), call)
    }

    fn words(body: &[u8]) -> Words {
        wire::refusal(body)
    }

    fn opened(&mut self) {
        self.turn = None;
    }

    fn read(&mut self, text: &str, now: f64, heard: &mut VecDeque<Heard>) -> Result<Notice, Failure> {
        let message = wire::heard(text)?;
        let said = message.transcript.as_deref();
        let mut notice = Notice::default();
        match message.kind.as_ref() {
            "turn.start" => {
                self.hear(None, now, heard);
            }
            // A repeated text would cancel what was begun on the strength of the same text.
            "turn.update" | "turn.resume" => {
                let (turn, is_new) = self.hear(said, now, heard);
                let is_told = is_new || message.kind == "turn.resume" && !turn.text.is_empty();
                heard.extend(is_told.then(|| Heard::Interim(turn.transcript())));
                notice.is_output = message.kind == "turn.update";
            }
            "turn.eager_end" => {
                let (turn, _) = self.hear(said, now, heard);
                heard.extend((!turn.text.is_empty()).then(|| Heard::Preflight(turn.transcript())));
            }
            "turn.end" => {
                notice.is_output = true;
                notice.is_finalized = true;
                if self.turn.is_some() || said.is_some_and(|text| !text.is_empty()) {
                    let (turn, _) = self.hear(said, now, heard);
                    heard.push_back(Heard::Final(turn.transcript()));
                    self.turn = None;
                }
            }
            _ => {}
        }
        Ok(notice)
    }

    /// Ink-2 cannot be asked; it ends a turn in its own time.
    fn finalize(&mut self) -> Option<Utf8Bytes> {
        None
    }

    fn update(&mut self, _: Option<String>, extra: Map<String, Value>) -> Option<String> {
        let turn: Map<String, Value> = options::TURN_OPTIONS
            .iter()
            .filter_map(|name| Some((name.strip_prefix("turn_")?.to_owned(), extra.get(*name)?.clone())))
            .filter(|(_, value)| !query::is_unset(value))
            .collect();
        self.request.extra = query::merged([&self.request.extra, &extra]);
        (!turn.is_empty()).then(|| json!({"type": "config", "turn": turn}).to_string())
    }

    fn finish(&mut self) -> Utf8Bytes {
        Utf8Bytes::from_static(r#"{"type":"close"}"#)
    }

    fn settle(&mut self, heard: &mut VecDeque<Heard>) {
        heard.extend(self.turn.take().map(|turn| Heard::Final(turn.transcript())));
    }
}

/// A stream of pieces, each of them an utterance.
pub struct Pieces {
    request: ListenRequest,
    /// The seconds of audio that final pieces covered.
    told_until: f64,
    /// The latest guess at a piece that is not final.
    open: Option<Transcript>,
}

impl Pieces {
    /// Begins in silence.
    pub fn new(request: ListenRequest) -> Pieces {
        Pieces { request, told_until: 0.0, open: None }
    }

    fn piece(&mut self, message: wire::Heard<'_>, heard: &mut VecDeque<Heard>) {
        let words = message.words();
        let start = words.first().map_or(self.told_until, |word| word.start);
        let covered = self.told_until + message.duration.unwrap_or_default().max(0.0);
        let end = words.last().map_or(covered, |word| word.end);
        let transcript = Transcript {
            text: message.text.unwrap_or_default().trim().to_owned(),
            language: message.language.map(|language| language.into_owned()),
            start,
            duration: (end - start).max(0.0),
            words,
            ..Transcript::default()
        };
        let is_empty = transcript.text.is_empty();
        if self.open.is_none() && !is_empty {
            heard.push_back(Heard::SpeechStarted);
        }
        if message.is_final {
            self.told_until = covered;
            if self.open.take().is_some() || !is_empty {
                heard.push_back(Heard::Final(transcript));
            }
        } else if !is_empty {
            self.open = Some(transcript.clone());
            heard.push_back(Heard::Interim(transcript));
        }
    }
}

impl Dialect for Pieces {
    const KEEP_ALIVE: (Duration, fn() -> Message) = PING;
    const IDLE: Duration = IDLE;
    const SAYS_END: bool = true;

    fn request(&self, call: &Call) -> Result<Request<()>, Failure> {
        request(&options::listen(&call.endpoint, &self.request), call)
    }

    fn words(body: &[u8]) -> Words {
        wire::refusal(body)
    }

    fn opened(&mut self) {
        (self.told_until, self.open) = (0.0, None);
    }

    fn read(&mut self, text: &str, _: f64, heard: &mut VecDeque<Heard>) -> Result<Notice, Failure> {
        let message = wire::heard(text)?;
        let mut notice = Notice::default();
        match message.kind.as_ref() {
            "transcript" => {
                notice.is_output = true;
                self.piece(message, heard);
            }
            "flush_done" => notice.is_finalized = true,
            "done" => notice.is_end = true,
            _ => {}
        }
        Ok(notice)
    }

    fn finalize(&mut self) -> Option<Utf8Bytes> {
        Some(Utf8Bytes::from_static("finalize"))
    }

    /// Nothing can change in mid-stream; it counts from the next connection on.
    fn update(&mut self, language: Option<String>, extra: Map<String, Value>) -> Option<String> {
        if language.is_some() {
            self.request.language = language;
        }
        self.request.extra = query::merged([&self.request.extra, &extra]);
        None
    }

    fn finish(&mut self) -> Utf8Bytes {
        Utf8Bytes::from_static("close")
    }

    fn settle(&mut self, heard: &mut VecDeque<Heard>) {
        heard.extend(self.open.take().map(Heard::Final));
    }
}
