//! Plays ElevenLabs: <https://elevenlabs.io/docs/api-reference>, read 2026-11.

mod bill;
mod listen;
mod speak;

use crate::sim::{AudioFormat, Encoding, Query, Sim, is_good, json_response};
use axum::{
    Json, Router,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use vg_core::Modality;

pub(crate) use bill::print_bill;

const PROVIDER: &str = "elevenlabs";
const REQUEST_ID: &str = "request-id";

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .route("/models", get(async || Json(json!([]))))
        .route("/user", get(user))
        .route("/user/subscription", get(bill::subscription))
        .route("/workspace/analytics/query/usage-by-product-over-time", post(bill::analytics))
        .route("/text-to-speech/{voice}/multi-stream-input", get(speak::texts))
        .route("/text-to-speech/{voice}/stream", post(speak::file_of_text))
        .route("/text-to-speech/{voice}", post(speak::file_of_text))
        .route("/text-to-dialogue/multi-stream-input", get(speak::dialogue))
        .route("/text-to-dialogue/stream", post(speak::file_of_dialogue))
        .route("/text-to-dialogue", post(speak::file_of_dialogue))
        .route("/speech-to-text", post(listen::recording))
        .route("/speech-to-text/realtime", get(listen::stream))
}

async fn user(sim: Sim, headers: HeaderMap) -> Response {
    if !has_key(&headers, &Query(Vec::new())) {
        return refusal(&sim, 401);
    }
    Json(json!({"user_id": sim.hex_id(), "subscription": {"tier": "simulated"}})).into_response()
}

/// ElevenLabs' refusal of a request.
fn refusal(sim: &Sim, status: u16) -> Response {
    let (kind, code, message) = match status {
        401 => ("authentication_error", "invalid_api_key", "Invalid API key"),
        402 => ("payment_required", "quota_exceeded", "This request exceeds your quota."),
        429 => ("rate_limit_error", "too_many_concurrent_requests", "Too many concurrent requests."),
        400..=499 => ("validation_error", "invalid_request", "The request was not accepted."),
        _ => ("internal_error", "internal_error", "Something went wrong."),
    };
    let id = sim.uuid();
    let detail = json!({"type": kind, "code": code, "status": code, "message": message, "request_id": id});
    json_response(status, REQUEST_ID, &id, &json!({"detail": detail}))
}

/// The word for a failure in the middle of a socket.
fn word(status: u16) -> &'static str {
    match status {
        401 => "auth_error",
        402 => "quota_exceeded",
        429 => "rate_limited",
        400..=499 => "invalid_request",
        _ => "internal_error",
    }
}

/// The refusal of a request without a good key.
fn refused_key(
    sim: &Sim,
    headers: &HeaderMap,
    query: &Query,
    modality: Modality,
    model: &str,
) -> Option<Response> {
    (!has_key(headers, query)).then(|| {
        sim.refuse(PROVIDER, modality, model);
        refusal(sim, 401)
    })
}

fn has_key(headers: &HeaderMap, query: &Query) -> bool {
    is_good(key(headers, query))
}

fn key<'a>(headers: &'a HeaderMap, query: &'a Query) -> Option<&'a str> {
    let header = headers.get("xi-api-key").and_then(|value| value.to_str().ok());
    header.or_else(|| query.get("authorization")).or_else(|| query.get("token"))
}

/// How audio is written that goes by such a name, such as `pcm_16000` or `mp3_44100_128`.
#[derive(Clone, Copy)]
enum Sounds {
    Raw(AudioFormat),
    Mp3,
}

impl Sounds {
    /// `None` for a name that is none, and for Opus, which takes a real encoder.
    fn named(name: &str) -> Option<Sounds> {
        let mut parts = name.split('_');
        let encoding = match parts.next()? {
            "pcm" => Encoding::Linear16,
            "ulaw" => Encoding::Mulaw,
            "alaw" => Encoding::Alaw,
            "mp3" => return Some(Sounds::Mp3),
            _ => return None,
        };
        let sample_rate = parts.next()?.parse().ok().filter(|rate| *rate > 0)?;
        Some(Sounds::Raw(AudioFormat { encoding, sample_rate, channels: 1 }))
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_true(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or_default()
}
