//! Text from a live stream: a realtime session that only transcribes.

use super::{PROVIDER, refusal, refused_key};
use crate::sim::{
    AudioFormat, Counts, Dialect, Encoding, Heard, Listening, Query, Sim, SocketClock, Ticket, count, listen,
    pieces, text,
};
use axum::{
    extract::{
        Query as Parameters, WebSocketUpgrade,
        ws::{Message, rejection::WebSocketUpgradeRejection},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::time::Duration;
use vg_core::Modality;

const SILENCE_MILLIS: u64 = 500;

pub(super) async fn transcription(
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
    let model = query.get("model").unwrap_or("gpt-4o-mini-transcribe").to_owned();
    if let Some(response) = refused_key(&sim, &headers, Modality::Stt, &model) {
        return response;
    }
    let ticket = match sim.admit(PROVIDER, Modality::Stt, &model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    let format = AudioFormat { encoding: Encoding::Linear16, sample_rate: 24_000, channels: 1 };
    let dialect = Session { item: item_id(&sim), previous: None, told: 0, sim: sim.clone() };
    upgrade.on_upgrade(move |socket| async move {
        let clock = SocketClock::start(&sim, PROVIDER, Modality::Stt, &model);
        listen(sim, socket, ticket, clock, format, SILENCE_MILLIS, dialect).await;
    })
}

struct Session {
    sim: Sim,
    item: String,
    previous: Option<String>,
    /// How many bytes of the guess were given as deltas.
    told: usize,
}

fn item_id(sim: &Sim) -> String {
    format!("item_{}", sim.hex_id())
}

impl Session {
    fn event(&self, kind: &str, mut fields: Value) -> Message {
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("type".to_owned(), json!(kind));
            fields.insert("event_id".to_owned(), json!(format!("event_{}", self.sim.hex_id())));
        }
        Message::text(fields.to_string())
    }
}

impl Dialect for Session {
    fn opened(&mut self) -> Vec<Message> {
        vec![self.event("session.created", json!({"session": {"type": "transcription"}}))]
    }

    fn tell(&mut self, heard: Heard, ticket: &mut Ticket) -> Vec<Message> {
        match heard {
            Heard::Started(at) => {
                let fields = json!({"item_id": self.item, "audio_start_ms": at});
                vec![self.event("input_audio_buffer.speech_started", fields)]
            }
            Heard::Interim(utterance) => {
                let guess = utterance.text();
                let new = guess.get(self.told..).unwrap_or_default().to_owned();
                self.told = guess.len().max(self.told);
                if new.is_empty() {
                    return Vec::new();
                }
                let fields = json!({"item_id": self.item, "content_index": 0, "delta": new});
                vec![self.event("conversation.item.input_audio_transcription.delta", fields)]
            }
            Heard::Final { utterance, asked } => {
                let said = utterance.text();
                let audio_tokens = (utterance.end - utterance.start).div_ceil(100);
                let output_tokens = count(&said);
                ticket.add(Counts {
                    input_tokens: audio_tokens,
                    input_audio_tokens: audio_tokens,
                    output_tokens,
                    ..Counts::default()
                });
                let mut messages = Vec::new();
                // Told only of an end that the server found itself.
                if !asked {
                    let fields = json!({"item_id": self.item, "audio_end_ms": utterance.end});
                    messages.push(self.event("input_audio_buffer.speech_stopped", fields));
                }
                let fields = json!({"item_id": self.item, "previous_item_id": self.previous});
                messages.push(self.event("input_audio_buffer.committed", fields));
                for piece in pieces(said.get(self.told..).unwrap_or_default()) {
                    let fields = json!({"item_id": self.item, "content_index": 0, "delta": piece});
                    messages.push(self.event("conversation.item.input_audio_transcription.delta", fields));
                }
                let mut completed = json!({"item_id": self.item, "content_index": 0, "transcript": said});
                if let (true, Some(fields)) = (ticket.reports_usage(), completed.as_object_mut()) {
                    let usage = json!({
                        "type": "tokens",
                        "input_tokens": audio_tokens,
                        "input_token_details": {"text_tokens": 0, "audio_tokens": audio_tokens},
                        "output_tokens": output_tokens,
                        "total_tokens": audio_tokens + output_tokens,
                    });
                    fields.insert("usage".to_owned(), usage);
                }
                messages.push(self.event("conversation.item.input_audio_transcription.completed", completed));
                self.previous = Some(std::mem::replace(&mut self.item, item_id(&self.sim)));
                self.told = 0;
                messages
            }
            // What is not speech is not kept, so there is nothing to commit.
            Heard::Nothing => {
                let error = json!({"error": {
                    "type": "invalid_request_error", "code": "input_audio_buffer_commit_empty", "param": null,
                    "message": "Error committing input audio buffer: buffer too small.",
                }});
                vec![self.event("error", error)]
            }
        }
    }

    fn read(&mut self, frame: &str) -> Listening {
        let message: Value = serde_json::from_str(frame).unwrap_or_default();
        match text(&message, "type") {
            "input_audio_buffer.append" => {
                Listening::Audio(STANDARD.decode(text(&message, "audio")).unwrap_or_default())
            }
            "input_audio_buffer.commit" => Listening::Finalize,
            "session.update" => {
                let session = message.get("session").cloned().unwrap_or_default();
                Listening::Answer(vec![self.event("session.updated", json!({"session": session}))])
            }
            kind => {
                let error = json!({"error": {
                    "type": "invalid_request_error", "code": "invalid_value", "param": "type",
                    "message": format!("unknown event type `{kind}`"),
                }});
                Listening::Answer(vec![self.event("error", error)])
            }
        }
    }

    fn bills_audio(&self) -> bool {
        false
    }

    /// A session without a word is kept for fifteen minutes.
    fn patience(&self) -> (Duration, u16, &'static str) {
        (Duration::from_secs(900), 1001, "session expired")
    }

    fn closing(&mut self, _: &Ticket) -> Vec<Message> {
        Vec::new()
    }

    fn failure(&mut self) -> (Message, u16, &'static str) {
        let error = json!({"error": {
            "type": "server_error", "code": null, "param": null,
            "message": "The server had an error while processing your request.",
        }});
        (self.event("error", error), 1011, "server_error")
    }
}
