//! Plays Kokoro-FastAPI.

use crate::{
    local::sim::answered,
    sim::{AudioFormat, Counts, Encoding, Sim, Speech, text},
};
use axum::{
    Json, Router,
    body::Bytes,
    http::HeaderMap,
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};
use vg_core::Modality;

const PROVIDER: &str = "kokoro";
const MODELS: [&str; 4] = ["kokoro", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"];
const FORMAT: AudioFormat = AudioFormat { encoding: Encoding::Linear16, sample_rate: 24_000, channels: 1 };

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .route("/health", get(async || Json(json!({"status": "healthy"}))))
        .route("/v1/models", get(models))
        .route("/v1/audio/voices", get(voices))
        .route("/v1/audio/speech", post(speak))
}

async fn models() -> Json<Value> {
    Json(json!({"object": "list", "data": MODELS.map(|id| json!({"id": id, "object": "model"}))}))
}

async fn voices() -> Json<Value> {
    Json(json!({"voices": [{"id": "af_heart", "name": "af_heart"}, {"id": "am_adam", "name": "am_adam"}]}))
}

fn refusal(status: u16, kind: &str, message: &str) -> Response {
    answered(status, &json!({"detail": {"error": kind, "message": message, "type": "invalid_request_error"}}))
}

async fn speak(sim: Sim, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (model, input) = (text(&body, "model"), text(&body, "input"));
    if !MODELS.contains(&model) {
        return refusal(400, "invalid_model", "Unsupported model");
    }
    if input.is_empty() {
        return refusal(400, "validation_error", "there is no `input`");
    }
    let ticket = match sim.admit(PROVIDER, Modality::Tts, model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(status, "processing_error", "Failed to process the request"),
    };
    let speech = Speech::new(&sim, input, text(&body, "voice"), FORMAT);
    let sent_characters = speech.characters();
    let received = Counts { characters: sent_characters, sent_characters, ..Counts::default() };
    // Formats that need a real encoder are answered with raw audio, and the content type says so.
    let playback = speech.playback(&sim, ticket, received, |millis| speech.audio(millis).into());
    playback.stream("audio/pcm", HeaderMap::new()).await
}
