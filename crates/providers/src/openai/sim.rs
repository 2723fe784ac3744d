//! Plays OpenAI: <https://platform.openai.com/docs/api-reference>, read 2026-11.

mod chat;
mod prompt;
mod realtime;
mod speech;
mod transcription;

use crate::sim::{Sim, bearer, json_response};
use axum::{
    Json, Router,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};
use vg_core::Modality;

const PROVIDER: &str = "openai";
const REQUEST_ID: &str = "x-request-id";

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .route("/", get(async || Json(json!({"ok": true}))))
        .route("/models", get(models))
        .route("/chat/completions", post(chat::complete))
        .route("/audio/transcriptions", post(transcription::transcribe_file))
        .route("/audio/speech", post(speech::speech))
        .route("/realtime", get(realtime::transcription))
}

async fn models() -> Json<Value> {
    let known =
        ["gpt-4.1", "gpt-4.1-mini", "gpt-4o-mini-transcribe", "gpt-4o-mini-tts", "tts-1", "whisper-1"];
    let data: Vec<Value> = known
        .iter()
        .map(|id| json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "openai"}))
        .collect();
    Json(json!({"object": "list", "data": data}))
}

/// OpenAI's refusal of a request.
fn refusal(sim: &Sim, status: u16) -> Response {
    let (kind, code, text) = match status {
        401 => ("invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided."),
        403 => ("invalid_request_error", Some("unsupported_country_region_territory"), "Not allowed."),
        404 => ("invalid_request_error", Some("model_not_found"), "The model does not exist."),
        429 => ("requests", Some("rate_limit_exceeded"), "Rate limit reached."),
        400..=499 => ("invalid_request_error", None, "The request was not accepted."),
        _ => ("server_error", None, "The server had an error while processing your request."),
    };
    let body = json!({"error": {"message": text, "type": kind, "param": null, "code": code}});
    json_response(status, REQUEST_ID, &format!("req_{}", sim.hex_id()), &body)
}

/// A request that makes no sense, in OpenAI's words.
fn bad_request(sim: &Sim, text: &str, param: Option<&str>) -> Response {
    let body =
        json!({"error": {"message": text, "type": "invalid_request_error", "param": param, "code": null}});
    json_response(400, REQUEST_ID, &format!("req_{}", sim.hex_id()), &body)
}

/// The refusal of a request without a good key.
fn refused_key(sim: &Sim, headers: &HeaderMap, modality: Modality, model: &str) -> Option<Response> {
    match bearer(headers, &["bearer"]) {
        Some(key) if !key.is_empty() && key != "invalid" => None,
        _ => {
            sim.refuse(PROVIDER, modality, model);
            Some(refusal(sim, 401))
        }
    }
}

/// The headers every answer carries.
fn answer_headers(sim: &Sim) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(id) = HeaderValue::from_str(&format!("req_{}", sim.hex_id())) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in [
        ("openai-version", "2020-10-01"),
        ("openai-processing-ms", "250"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-reset-requests", "6ms"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

/// One server-sent event, as OpenAI writes it.
fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// The error message in the middle of a stream.
fn error_event() -> String {
    event(&json!({"error": {
        "message": "The server had an error while processing your request.",
        "type": "server_error",
        "param": null,
        "code": null,
    }}))
}
