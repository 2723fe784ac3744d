//! Listening: a session of turns, each of which is told again and again until it is over.

use super::{options, wire};
use crate::{
    client::{Call, Words},
    shared::{
        listening::{Dialect, Notice},
        query, websocket,
    },
};
use http::Request;
use serde_json::{Map, Value};
use std::{collections::VecDeque, time::Duration};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes, protocol::CloseFrame};
use vg_core::call::{Endpoint, Failure, Heard, ListenRequest, Transcript};

/// A stream's options and the turn it is in.
pub struct Turns {
    request: ListenRequest,
    /// Whether turns come a second time, with punctuation, which are then the ones that count.
    waits_for_format: bool,
    /// Whether the caller knows that someone speaks.
    is_speaking: bool,
    /// The turn as it was told last.
    turn: Transcript,
}

impl Turns {
    /// Begins in silence.
    pub fn new(endpoint: &Endpoint, request: ListenRequest) -> Turns {
        let options = options::listening(endpoint, &request);
        let waits_for_format = options.get("format_turns").and_then(Value::as_bool).unwrap_or_default();
        Turns { request, waits_for_format, is_speaking: false, turn: Transcript::default() }
    }

    fn begin(&mut self, heard: &mut VecDeque<Heard>) {
        if !std::mem::replace(&mut self.is_speaking, true) {
            heard.push_back(Heard::SpeechStarted);
        }
    }

    /// Ends the turn, if there is one; without a word if none was understood after speech began.
    fn end(&mut self, heard: &mut VecDeque<Heard>) {
        let turn = std::mem::take(&mut self.turn);
        if std::mem::take(&mut self.is_speaking) {
            heard.push_back(Heard::Final(turn));
        }
    }

    /// Takes a turn as it is told; says whether it is over.
    fn turn(&mut self, told: &wire::Told<'_>, heard: &mut VecDeque<Heard>) -> bool {
        let turn = told.turn();
        if !turn.text.is_empty() {
            self.begin(heard);
            self.turn = turn.clone();
        }
        let is_over = told.end_of_turn && (told.turn_is_formatted || !self.waits_for_format);
        if is_over {
            self.end(heard);
        } else if !turn.text.is_empty() {
            let said = if told.end_of_turn { Heard::Preflight(turn) } else { Heard::Interim(turn) };
            heard.push_back(said);
        }
        is_over
    }
}

impl Dialect for Turns {
    /// It is wanted only where the owner asked for an `inactivity_timeout`, of which 5 s is the shortest.
    const KEEP_ALIVE: (Duration, fn() -> Message) =
        (Duration::from_secs(4), || Message::Text(wire::KEEP_ALIVE));
    const IDLE: Duration = Duration::from_secs(5);
    const SAYS_END: bool = true;
    const SAYS_BEGIN: bool = true;
    const OUTLIVES_SOCKET: bool = true;
    const FRAME_MILLIS: Option<(u64, u64)> = Some((50, 1_000));

    fn request(&self, call: &Call) -> Result<Request<()>, Failure> {
        let address = options::listen(&call.endpoint, &self.request);
        websocket::finish(websocket::request(&address, "authorization", call.endpoint.key()?)?)
    }

    fn words(body: &[u8]) -> Words {
        wire::refusal(body)
    }

    fn closed(frame: Option<&CloseFrame>) -> Failure {
        wire::closed(frame)
    }

    fn opened(&mut self) {
        self.turn = Transcript::default();
    }

    fn read(&mut self, text: &str, _: f64, heard: &mut VecDeque<Heard>) -> Result<Notice, Failure> {
        let told = wire::told(text)?;
        let mut notice = Notice::default();
        match told.kind.as_ref() {
            "Begin" => notice.is_begin = true,
            "SpeechStarted" => self.begin(heard),
            "Turn" => {
                notice.is_output = true;
                notice.is_finalized = self.turn(&told, heard);
            }
            "Termination" => {
                notice.session_nanos = told.session_nanos();
                notice.is_end = true;
            }
            "Error" => return Err(told.failure()),
            _ => {}
        }
        Ok(notice)
    }

    fn finalize(&mut self) -> Option<Utf8Bytes> {
        Some(wire::FORCE_ENDPOINT)
    }

    /// Nothing is said of silence.
    fn finalize_overdue(&mut self, heard: &mut VecDeque<Heard>) {
        self.end(heard);
    }

    fn update(&mut self, language: Option<String>, extra: Map<String, Value>) -> Option<String> {
        let message = options::update(language.as_deref(), &extra);
        if language.is_some() {
            self.request.language = language;
        }
        self.request.extra = query::merged([&self.request.extra, &extra]);
        message
    }

    fn finish(&mut self) -> Utf8Bytes {
        wire::TERMINATE
    }

    fn settle(&mut self, heard: &mut VecDeque<Heard>) {
        self.end(heard);
    }
}
