//! Speech to text on a socket, billed by how long it is open.

use super::{PROVIDER, has_key, refusal};
use crate::sim::{
    AudioFormat, Counts, Dialect, Encoding, FLICKS_PER_SECOND, Heard, Listening, Query, Sim, SocketClock,
    Ticket, Utterance, listen, text,
};
use axum::{
    extract::{
        Query as Parameters, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use vg_core::Modality;

/// The pause that ends a turn when none is asked for.
const SILENCE_MILLIS: u64 = 400;
/// A session nobody terminates ends by itself.
const LONGEST_SESSION: Duration = Duration::from_secs(3 * 60 * 60);
/// The shortest and the longest frame.
const FRAME_MILLIS: (u64, u64) = (50, 1_000);

pub(super) async fn stream(
    sim: Sim,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let query = Query(parameters);
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let model = query.get("speech_model").unwrap_or("universal-streaming-english").to_owned();
    if !has_key(&headers) && query.get("token").is_none() {
        sim.refuse(PROVIDER, Modality::Stt, &model);
        // Whether somebody may enter is looked at inside.
        return upgrade.on_upgrade(turn_away);
    }
    let encoding = match query.get("encoding") {
        Some("pcm_mulaw") => "mulaw",
        _ => "linear16",
    };
    let format = AudioFormat {
        encoding: Encoding::parse(encoding).unwrap_or(Encoding::Linear16),
        sample_rate: query.number("sample_rate", 16_000),
        channels: 1,
    };
    let mut ticket = match sim.admit(PROVIDER, Modality::Stt, &model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    let silence = query.number("max_turn_silence", SILENCE_MILLIS);
    let inactivity = query.get("inactivity_timeout").and_then(|seconds| seconds.parse().ok());
    let id = sim.uuid();
    ticket.name(&id);
    // One name, two prices: a stream of it costs more than a recording.
    if model == "universal-3-5-pro" {
        ticket.bill_as("universal-3-5-pro-streaming");
    }
    let session = Session {
        id,
        expires_at: sim.now().timestamp() + 10_800,
        formats_itself: !model.starts_with("universal-streaming"),
        formats: query.get("format_turns") == Some("true"),
        inactivity: inactivity.map(Duration::from_secs),
        model: model.clone(),
        opened: Instant::now(),
        heard_flicks: 0,
        was_short: false,
        told_seconds: None,
        turn: 0,
    };
    upgrade.on_upgrade(move |socket| async move {
        let clock = SocketClock::start(&sim, PROVIDER, Modality::Stt, &model);
        listen(sim, socket, ticket, clock, format, silence, session).await;
    })
}

async fn turn_away(mut socket: WebSocket) {
    let error =
        json!({"type": "Error", "error_code": 1008, "error": "Unauthorized Connection: invalid API key"});
    let _ = socket.send(Message::text(error.to_string())).await;
    let frame = CloseFrame { code: 1008, reason: "Unauthorized Connection".into() };
    let _ = socket.send(Message::Close(Some(frame))).await;
}

struct Session {
    id: String,
    /// In Unix seconds.
    expires_at: i64,
    model: String,
    opened: Instant,
    heard_flicks: u64,
    /// Whether the last frame was shorter than the shortest: only a last one may be.
    was_short: bool,
    /// Whether the model writes with punctuation, or only a second time if it is asked to.
    formats_itself: bool,
    formats: bool,
    inactivity: Option<Duration>,
    /// How long the client was told the session lasted.
    told_seconds: Option<u64>,
    turn: u64,
}

impl Session {
    fn turn(&self, utterance: &Utterance, is_over: bool, is_formatted: bool) -> Message {
        let said = utterance.text();
        let said = if is_formatted || self.formats_itself { said } else { plain(&said) };
        let words: Vec<Value> = utterance
            .words
            .iter()
            .map(|word| {
                json!({
                    "text": word.text, "start": word.start, "end": word.end, "confidence": 0.98,
                    "word_is_final": is_over,
                })
            })
            .collect();
        let turn = json!({
            "type": "Turn",
            "turn_order": self.turn,
            "turn_is_formatted": is_formatted,
            "end_of_turn": is_over,
            "transcript": said,
            "utterance": if is_over { said.as_str() } else { "" },
            "end_of_turn_confidence": if is_over { 1.0 } else { 0.2 },
            "words": words,
            "language_code": "en",
        });
        Message::text(turn.to_string())
    }
}

/// Text as the first models write it.
fn plain(text: &str) -> String {
    text.to_lowercase().replace(['.', ',', '?', '!'], "")
}

impl Dialect for Session {
    fn opened(&mut self) -> Vec<Message> {
        let begin = json!({
            "type": "Begin", "id": self.id, "expires_at": self.expires_at,
            "configuration": {"model": self.model, "api_version": "2025-05-12"},
        });
        vec![Message::text(begin.to_string())]
    }

    fn tell(&mut self, heard: Heard, _: &mut Ticket) -> Vec<Message> {
        match heard {
            Heard::Started(at) if self.formats_itself => {
                let started = json!({"type": "SpeechStarted", "timestamp": at, "confidence": 0.98});
                vec![Message::text(started.to_string())]
            }
            Heard::Interim(utterance) => vec![self.turn(&utterance, false, false)],
            Heard::Final { utterance, .. } => {
                let mut messages = Vec::new();
                if self.formats && !self.formats_itself {
                    messages.push(self.turn(&utterance, true, false));
                }
                messages.push(self.turn(&utterance, true, self.formats || self.formats_itself));
                self.turn += 1;
                messages
            }
            Heard::Started(_) | Heard::Nothing => Vec::new(),
        }
    }

    fn read(&mut self, frame: &str) -> Listening {
        let message: Value = serde_json::from_str(frame).unwrap_or_default();
        match text(&message, "type") {
            "KeepAlive" | "UpdateConfiguration" => Listening::Answer(Vec::new()),
            "ForceEndpoint" => Listening::Finalize,
            "Terminate" => Listening::Close,
            _ => Listening::Refuse(3006, "Invalid Message Type"),
        }
    }

    fn audio(&mut self, audio: Vec<u8>, flicks: u64) -> Listening {
        let millis = flicks * 1_000 / FLICKS_PER_SECOND;
        let is_short = millis < FRAME_MILLIS.0;
        if millis > FRAME_MILLIS.1 || (is_short && std::mem::replace(&mut self.was_short, is_short)) {
            return Listening::Refuse(3007, "Input Duration Violation: expected between 50 and 1000 ms");
        }
        self.was_short = is_short;
        self.heard_flicks += flicks;
        Listening::Audio(audio)
    }

    fn bills_audio(&self) -> bool {
        false
    }

    fn patience(&self) -> (Duration, u16, &'static str) {
        match self.inactivity {
            Some(inactivity) => (inactivity, 4031, "Session idle for too long"),
            None => (LONGEST_SESSION, 3008, "Session Expired"),
        }
    }

    /// Whole seconds, those begun included.
    fn closing(&mut self, ticket: &Ticket) -> Vec<Message> {
        let seconds = self.opened.elapsed().as_millis().div_ceil(1_000);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        if !ticket.reports_usage() {
            return Vec::new();
        }
        self.told_seconds = Some(seconds);
        let termination = json!({
            "type": "Termination",
            "audio_duration_seconds": self.heard_flicks / FLICKS_PER_SECOND,
            "session_duration_seconds": seconds,
        });
        vec![Message::text(termination.to_string())]
    }

    /// What was told; a session that was cut, for as long as it was open.
    fn ended(&mut self, ticket: &mut Ticket) {
        let open = self.opened.elapsed().as_micros() * u128::from(FLICKS_PER_SECOND) / 1_000_000;
        let open = u64::try_from(open).unwrap_or(u64::MAX);
        let audio_flicks = self.told_seconds.map_or(open, |seconds| seconds * FLICKS_PER_SECOND);
        ticket.add(Counts { audio_flicks, ..Counts::default() });
    }

    fn failure(&mut self) -> (Message, u16, &'static str) {
        let error = json!({"type": "Error", "error_code": 3005, "error": "Server error"});
        (Message::text(error.to_string()), 3005, "Server error")
    }
}
