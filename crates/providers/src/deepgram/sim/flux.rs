//! Speech to text, second version of the API: the provider tells where turns begin and end.

use super::{
    PROVIDER, bad_request, model_of, refusal, refused_key, with_id,
    words::{frame, in_seconds},
};
use crate::sim::{
    AudioFormat, Dialect, Encoding, Heard, Listening, Query, Sim, SocketClock, Ticket, Utterance, listen,
};
use axum::{
    extract::{
        Query as Parameters, WebSocketUpgrade,
        ws::{Message, rejection::WebSocketUpgradeRejection},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::time::Duration;
use vg_core::Modality;

/// How long a silence is before it is taken for the end of a turn.
const TURN_PAUSE_MILLIS: u64 = 500;

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
    let model = model_of(&query, "flux-general-en");
    if let Some(response) = refused_key(&sim, &headers, Modality::Stt, &model) {
        return response;
    }
    let Some(encoding) = Encoding::parse(query.get("encoding").unwrap_or("linear16")) else {
        return bad_request(&sim, "the simulator hears linear16, linear32, mulaw and alaw");
    };
    let format = AudioFormat { encoding, sample_rate: query.number("sample_rate", 16_000), channels: 1 };
    let mut ticket = match sim.admit(PROVIDER, Modality::Stt, &model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    let id = sim.uuid();
    ticket.name(&id);
    let is_eager = query.get("eager_eot_threshold").is_some();
    let dialect = Flux { id: id.clone(), sequence: 0, turn: 0, is_eager };
    let response = upgrade.on_upgrade(move |socket| async move {
        let clock = SocketClock::start(&sim, PROVIDER, Modality::Stt, &model);
        listen(sim, socket, ticket, clock, format, TURN_PAUSE_MILLIS, dialect).await;
    });
    with_id(response, &id)
}

struct Flux {
    id: String,
    sequence: u64,
    turn: u64,
    /// Whether a probable end of a turn is told before the end.
    is_eager: bool,
}

impl Flux {
    fn message(&mut self, mut fields: Value) -> Message {
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("request_id".to_owned(), json!(self.id));
            fields.insert("sequence_id".to_owned(), json!(self.sequence));
        }
        self.sequence += 1;
        frame(fields)
    }

    fn turn_info(&mut self, event: &str, utterance: &Utterance, end_confidence: f64) -> Message {
        let words: Vec<Value> = utterance
            .words
            .iter()
            .map(|word| {
                let (start, end) = (in_seconds(word.start), in_seconds(word.end));
                json!({"word": word.text, "confidence": 0.98, "start": start, "end": end})
            })
            .collect();
        self.message(json!({
            "type": "TurnInfo",
            "event": event,
            "turn_index": self.turn,
            "audio_window_start": in_seconds(utterance.start),
            "audio_window_end": in_seconds(utterance.end),
            "transcript": utterance.text(),
            "words": words,
            "end_of_turn_confidence": end_confidence,
            "languages": ["en"],
        }))
    }
}

impl Dialect for Flux {
    fn opened(&mut self) -> Vec<Message> {
        vec![self.message(json!({"type": "Connected"}))]
    }

    fn tell(&mut self, heard: Heard, _: &mut Ticket) -> Vec<Message> {
        match heard {
            Heard::Started(at) => {
                let nothing = Utterance { words: Vec::new(), start: at, end: at };
                vec![self.turn_info("StartOfTurn", &nothing, 0.05)]
            }
            Heard::Interim(utterance) => vec![self.turn_info("Update", &utterance, 0.1)],
            Heard::Final { utterance, .. } => {
                let mut messages = Vec::new();
                if self.is_eager {
                    messages.push(self.turn_info("EagerEndOfTurn", &utterance, 0.6));
                }
                messages.push(self.turn_info("EndOfTurn", &utterance, 0.9));
                self.turn += 1;
                messages
            }
            Heard::Nothing => Vec::new(),
        }
    }

    fn read(&mut self, text: &str) -> Listening {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message.get("type").and_then(Value::as_str) {
            Some("CloseStream") => Listening::Close,
            Some("ForceEndTurn") => Listening::Finalize,
            Some("Configure") => {
                let thresholds = message.get("thresholds").cloned().unwrap_or_else(|| json!({}));
                let keyterms = message.get("keyterms").cloned().unwrap_or_else(|| json!([]));
                let success =
                    json!({"type": "ConfigureSuccess", "thresholds": thresholds, "keyterms": keyterms});
                Listening::Answer(vec![self.message(success)])
            }
            _ => Listening::Refuse(1008, "DATA-0000"),
        }
    }

    /// There is no `KeepAlive` in this version; audio may pause for long.
    fn patience(&self) -> (Duration, u16, &'static str) {
        (Duration::from_secs(60), 1011, "NET-0001")
    }

    fn closing(&mut self, _: &Ticket) -> Vec<Message> {
        Vec::new()
    }

    fn failure(&mut self) -> (Message, u16, &'static str) {
        let error = json!({
            "type": "Error",
            "code": "INTERNAL_SERVER_ERROR",
            "description": "The simulated provider failed on request.",
        });
        (self.message(error), 1011, "INTERNAL_SERVER_ERROR")
    }
}
