//! Listening, second version of the API (Flux): it tells turns itself.

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

/// The thresholds that can change in mid-stream.
const THRESHOLDS: [&str; 3] = ["eot_threshold", "eager_eot_threshold", "eot_timeout_ms"];

/// A stream's options and the turn it is in.
pub struct Turns {
    request: ListenRequest,
    /// The latest transcript of the open turn.
    open: Option<Transcript>,
}

impl Turns {
    /// Begins between turns.
    pub fn new(request: ListenRequest) -> Turns {
        Turns { request, open: None }
    }

    fn turn(&mut self, turn: &wire::TurnInfo<'_>, heard: &mut VecDeque<Heard>) {
        let transcript = transcript(turn);
        let is_empty = transcript.text.is_empty();
        if turn.event == "EndOfTurn" {
            let was_open = self.open.take().is_some();
            if was_open || !is_empty {
                heard.push_back(Heard::Final(transcript));
            }
            return;
        }
        if self.open.is_none() {
            heard.push_back(Heard::SpeechStarted);
        }
        self.open = Some(transcript.clone());
        match turn.event.as_ref() {
            _ if is_empty => {}
            "EagerEndOfTurn" => heard.push_back(Heard::Preflight(transcript)),
            _ => heard.push_back(Heard::Interim(transcript)),
        }
    }
}

fn transcript(turn: &wire::TurnInfo<'_>) -> Transcript {
    let words = wire::words(&turn.words);
    let start = words.first().map_or(turn.audio_window_start, |word| word.start);
    let end = words.last().map_or(turn.audio_window_end, |word| word.end);
    let known: Vec<f64> = words.iter().filter_map(|word| word.confidence).collect();
    Transcript {
        text: turn.transcript.clone().into_owned(),
        language: turn.languages.first().map(|language| language.clone().into_owned()),
        start,
        duration: (end - start).max(0.0),
        confidence: (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64),
        words,
        speaker: None,
    }
}

impl Dialect for Turns {
    /// There is no message for it; LiveKit's plugin sends pings.
    const KEEP_ALIVE: (Duration, fn() -> Message) = (Duration::from_secs(30), || Message::Ping(Bytes::new()));
    const IDLE: Duration = Duration::from_secs(10);
    const SAYS_END: bool = false;

    fn request(&self, call: &Call) -> Result<Request<()>, Failure> {
        let address = options::listen_to_turns(&call.endpoint, &self.request);
        let key = call.endpoint.key()?;
        websocket::finish(websocket::request(&address, "authorization", &format!("Token {key}"))?)
    }

    fn words(body: &[u8]) -> Words {
        wire::refusal(body)
    }

    fn opened(&mut self) {
        self.open = None;
    }

    fn read(&mut self, text: &str, _: f64, heard: &mut VecDeque<Heard>) -> Result<Notice, Failure> {
        let mut notice = Notice::default();
        match wire::message(text)? {
            wire::Message::TurnInfo(turn) => {
                self.turn(&turn, heard);
                notice.is_output = true;
                notice.is_finalized = self.open.is_none();
            }
            wire::Message::Failed(failure) => return Err(failure),
            _ => {}
        }
        Ok(notice)
    }

    /// Only an open turn can be ended; of one that begins just now, the caller hears all the same.
    fn finalize(&mut self) -> Option<Utf8Bytes> {
        self.open.is_some().then_some(wire::FORCE_END_TURN)
    }

    fn update(&mut self, language: Option<String>, extra: Map<String, Value>) -> Option<String> {
        let mut message = Map::new();
        let thresholds: Map<String, Value> = THRESHOLDS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), extra.get(*name)?.clone())))
            .filter(|(_, value)| !query::is_unset(value))
            .collect();
        if !thresholds.is_empty() {
            message.insert("thresholds".to_owned(), Value::Object(thresholds));
        }
        for (option, name) in [("keyterm", "keyterms"), ("language_hint", "language_hints")] {
            if let Some(value) = extra.get(option) {
                message.insert(name.to_owned(), Value::Array(options::list(value)));
            }
        }
        if let Some(numerals @ Value::Bool(_)) = extra.get("numerals") {
            message.insert("numerals".to_owned(), numerals.clone());
        }
        if language.is_some() {
            self.request.language = language;
        }
        self.request.extra = query::merged([&self.request.extra, &extra]);
        if message.is_empty() {
            return None;
        }
        message.insert("type".to_owned(), json!("Configure"));
        Some(Value::Object(message).to_string())
    }

    fn finish(&mut self) -> Utf8Bytes {
        wire::CLOSE_STREAM
    }

    fn settle(&mut self, heard: &mut VecDeque<Heard>) {
        heard.extend(self.open.take().map(Heard::Final));
    }
}
