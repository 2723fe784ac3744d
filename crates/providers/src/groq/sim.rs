//! Plays Groq: <https://console.groq.com/docs/api-reference>, read 2026-11.

mod speech;

use crate::sim::{
    Counts, FLICKS_PER_SECOND, Sim, Ticket, bearer, is_good, json_response,
    openai_compat::{House, chat, transcription},
};
use axum::{
    Json, Router,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use vg_core::Modality;

const REQUEST_ID: &str = "x-request-id";
/// The least of a recording that is billed.
const LEAST_SECONDS: u64 = 10;

struct Groq;

impl House for Groq {
    const PROVIDER: &'static str = "groq";
    const CACHES_PROMPTS: bool = true;

    fn refused_key(sim: &Sim, headers: &HeaderMap, modality: Modality, model: &str) -> Option<Response> {
        (!is_good(bearer(headers, &["bearer"]))).then(|| {
            sim.refuse(Self::PROVIDER, modality, model);
            Self::refusal(sim, 401)
        })
    }

    fn refusal(sim: &Sim, status: u16) -> Response {
        let (kind, code, text) = match status {
            401 => ("invalid_request_error", Some("invalid_api_key"), "Invalid API Key"),
            404 => ("invalid_request_error", Some("model_not_found"), "The model does not exist."),
            413 => ("invalid_request_error", Some("request_too_large"), "Request Entity Too Large"),
            429 => ("tokens", Some("rate_limit_exceeded"), "Rate limit reached for model."),
            498 => ("flex_capacity", Some("capacity_exceeded"), "The flex tier is at capacity."),
            400..=499 => ("invalid_request_error", None, "The request was not accepted."),
            _ => ("internal_server_error", None, "Internal Server Error"),
        };
        let body = json!({"error": {"message": text, "type": kind, "code": code}});
        json_response(status, REQUEST_ID, &request_id(sim), &body)
    }

    fn bad_request(sim: &Sim, text: &str, param: Option<&str>) -> Response {
        let body = json!({"error": {"message": text, "type": "invalid_request_error", "param": param}});
        json_response(400, REQUEST_ID, &request_id(sim), &body)
    }

    fn headers(sim: &Sim) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Ok(id) = HeaderValue::from_str(&request_id(sim)) {
            headers.insert(REQUEST_ID, id);
        }
        for (name, value) in [
            ("x-ratelimit-limit-requests", "14400"),
            ("x-ratelimit-remaining-requests", "14399"),
            ("x-ratelimit-reset-requests", "6s"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn failure() -> Value {
        json!({"error": {"message": "Internal Server Error", "type": "internal_server_error"}})
    }

    /// Groq's own words, with the usage where an answer ends.
    fn beside(sim: &Sim, usage: Option<&Value>) -> Option<(&'static str, Value)> {
        let mut said = json!({"id": request_id(sim)});
        if let (Some(usage), Some(fields)) = (usage, said.as_object_mut()) {
            let mut usage = usage.clone();
            if let Some(usage) = usage.as_object_mut() {
                for (name, seconds) in [
                    ("queue_time", 0.01),
                    ("prompt_time", 0.02),
                    ("completion_time", 0.1),
                    ("total_time", 0.12),
                ] {
                    usage.insert(name.to_owned(), json!(seconds));
                }
            }
            fields.insert("usage".to_owned(), usage);
        }
        Some(("x_groq", said))
    }

    /// Ten seconds at least, and nothing is told of it.
    fn bill_recording(ticket: &mut Ticket, _: &transcription::Form, flicks: u64, _: &str) -> Option<Value> {
        let audio_flicks = flicks.max(LEAST_SECONDS * FLICKS_PER_SECOND);
        ticket.add(Counts { audio_flicks, ..Counts::default() });
        None
    }
}

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .route("/models", get(models))
        .route("/chat/completions", post(chat::complete::<Groq>))
        .route("/audio/transcriptions", post(transcription::transcribe_file::<Groq>))
        .route("/audio/speech", post(speech::speech))
}

fn request_id(sim: &Sim) -> String {
    format!("req_{}", sim.hex_id())
}

async fn models(sim: Sim, headers: HeaderMap) -> Response {
    if !is_good(bearer(&headers, &["bearer"])) {
        return Groq::refusal(&sim, 401);
    }
    let known = ["llama-3.3-70b-versatile", "openai/gpt-oss-120b", "whisper-large-v3-turbo"];
    let data: Vec<Value> = known
        .iter()
        .map(|id| json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "Groq", "active": true}))
        .collect();
    Json(json!({"object": "list", "data": data})).into_response()
}
