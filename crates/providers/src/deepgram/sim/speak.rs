//! Text to speech: a socket, or one text for one answer.

use super::{PROVIDER, REQUEST_ID, bad_request, model_of, refusal, refused_key, with_id};
use crate::sim::{
    Asked, AudioFormat, Counts, Encoding, Query, Sim, SocketClock, Sound, Speech, Ticket, Tongue, speak,
};
use axum::{
    body::Bytes,
    extract::{
        Query as Parameters, WebSocketUpgrade,
        ws::{Message, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use vg_core::Modality;

const VOICE: &str = "aura-asteria-en";

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
    let model = model_of(&query, VOICE);
    if let Some(response) = refused_key(&sim, &headers, Modality::Tts, &model) {
        return response;
    }
    let Some(format) = format_of(&query) else {
        return bad_request(&sim, "the simulator speaks linear16, mulaw and alaw");
    };
    if let Some(status) = sim.refused_handshake(PROVIDER, Modality::Tts) {
        return refusal(&sim, status);
    }
    let id = sim.uuid();
    let tongue = Aura { sim: sim.clone(), id: id.clone(), model, format, segment: 0 };
    let response = upgrade.protocols(["token"]).on_upgrade(move |socket| async move {
        let clock = SocketClock::start(&sim, PROVIDER, Modality::Tts, "");
        speak(sim, socket, clock, tongue).await;
    });
    with_id(response, &id)
}

/// A speaking socket; a request is all the text up to a `Flush`.
struct Aura {
    sim: Sim,
    id: String,
    model: String,
    format: AudioFormat,
    segment: u64,
}

impl Tongue for Aura {
    fn opened(&mut self) -> Option<Message> {
        Some(Message::text(
            json!({
                "type": "Metadata",
                "request_id": self.id,
                "model_name": self.model,
                "model_version": "2026-01-01.0",
                "model_uuid": self.id,
                "additional_model_uuids": [],
            })
            .to_string(),
        ))
    }

    fn read(&mut self, text: &str) -> Asked {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let context = self.segment.to_string();
        match message.get("type").and_then(Value::as_str) {
            Some("Speak") => {
                let text = message.get("text").and_then(Value::as_str).unwrap_or_default();
                let speech = Speech::new(&self.sim, text, &self.model, self.format);
                Asked::Say { context, model: self.model.clone(), speech, last: false }
            }
            Some("Flush") => {
                self.segment += 1;
                Asked::Finish { context }
            }
            Some("Clear") => {
                let sequence_id = self.segment;
                self.segment += 1;
                let cleared = json!({"type": "Cleared", "sequence_id": sequence_id});
                Asked::Cancel { context, confirm: Some(Message::text(cleared.to_string())) }
            }
            Some("Close") => Asked::Close,
            _ => Asked::Refuse(None, 1008, "DATA-0000"),
        }
    }

    fn sound(&self, _: &str, sound: &Sound) -> Message {
        Message::binary(sound.audio())
    }

    fn finished(&mut self, context: &str) -> Message {
        let sequence_id: u64 = context.parse().unwrap_or_default();
        Message::text(json!({"type": "Flushed", "sequence_id": sequence_id}).to_string())
    }

    fn failed(&self, _: &str, status: u16) -> Message {
        let text = format!("The simulated provider failed on request with {status}.");
        Message::text(
            json!({"type": "Error", "description": text, "code": "INTERNAL_SERVER_ERROR"}).to_string(),
        )
    }

    /// No page says so; characters are billed when they are accepted.
    fn failures_are_free(&self, _: bool) -> bool {
        false
    }

    fn ends_for_good(&self) -> bool {
        false
    }

    fn admit(&self, model: &str) -> Result<Ticket, u16> {
        let mut ticket = self.sim.admit(PROVIDER, Modality::Tts, model)?;
        ticket.name(&self.id);
        Ok(ticket)
    }
}

pub(super) async fn whole(
    sim: Sim,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = Query(parameters);
    let model = model_of(&query, VOICE);
    if let Some(response) = refused_key(&sim, &headers, Modality::Tts, &model) {
        return response;
    }
    let Some(format) = format_of(&query) else {
        return bad_request(&sim, "the simulator speaks linear16, mulaw and alaw");
    };
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(text) = message.get("text").and_then(Value::as_str).filter(|text| !text.is_empty()) else {
        return bad_request(&sim, "the body has no `text`");
    };
    let ticket = match sim.admit(PROVIDER, Modality::Tts, &model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    let speech = Speech::new(&sim, text, &model, format);
    let characters = speech.characters();
    let received = Counts { characters, sent_characters: characters, ..Counts::default() };
    let mut headers = HeaderMap::new();
    headers.insert("dg-char-count", HeaderValue::from(characters));
    for (name, value) in [("dg-model-name", &model), (REQUEST_ID, &sim.uuid())] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    speech
        .playback(&sim, ticket, received, |millis| speech.audio(millis).into())
        .stream("audio/l16", headers)
        .await
}

fn format_of(query: &Query) -> Option<AudioFormat> {
    let encoding = Encoding::parse(query.get("encoding").unwrap_or("linear16"))?;
    Some(AudioFormat { encoding, sample_rate: query.number("sample_rate", 24_000), channels: 1 })
}
