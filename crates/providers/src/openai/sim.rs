//! Plays OpenAI: <https://platform.openai.com/docs/api-reference>, read 2026-11.

mod bill;
mod realtime;
mod speech;

use crate::sim::{
    Counts, FLICKS_PER_SECOND, Sim, Ticket, bearer, count, is_good, json_response,
    openai_compat::{House, chat, event, transcription},
    seconds,
};
use axum::{
    Json, Router,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use vg_core::Modality;

pub(crate) use bill::print_bill;

const PROVIDER: &str = "openai";
const REQUEST_ID: &str = "x-request-id";
/// Audio tokens of a recording are of 100 ms each.
const TOKENS_PER_SECOND: f64 = 10.0;

struct OpenAi;

impl House for OpenAi {
    const PROVIDER: &'static str = PROVIDER;
    const CACHES_PROMPTS: bool = true;

    fn refused_key(sim: &Sim, headers: &HeaderMap, modality: Modality, model: &str) -> Option<Response> {
        refused_key(sim, headers, modality, model)
    }

    fn refusal(sim: &Sim, status: u16) -> Response {
        refusal(sim, status)
    }

    fn bad_request(sim: &Sim, text: &str, param: Option<&str>) -> Response {
        bad_request(sim, text, param)
    }

    fn headers(sim: &Sim) -> HeaderMap {
        answer_headers(sim)
    }

    /// Whole seconds, rounded up, for Whisper, tokens for the others.
    fn bill_recording(
        ticket: &mut Ticket,
        form: &transcription::Form,
        flicks: u64,
        said: &str,
    ) -> Option<Value> {
        if form.model.starts_with("whisper") {
            let billed = flicks.div_ceil(FLICKS_PER_SECOND);
            ticket.add(Counts { audio_flicks: billed * FLICKS_PER_SECOND, ..Counts::default() });
            return Some(json!({"type": "duration", "seconds": billed}));
        }
        let text_tokens = count(&form.prompt);
        let audio_tokens = (seconds(flicks) * TOKENS_PER_SECOND).ceil() as u64;
        let (input_tokens, output_tokens) = (text_tokens + audio_tokens, count(said));
        let input_audio_tokens = audio_tokens;
        ticket.add(Counts { input_tokens, output_tokens, input_audio_tokens, ..Counts::default() });
        Some(json!({
            "type": "tokens",
            "input_tokens": input_tokens,
            "input_token_details": {"text_tokens": text_tokens, "audio_tokens": audio_tokens},
            "output_tokens": output_tokens,
            "total_tokens": input_tokens + output_tokens,
        }))
    }
}

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .route("/", get(async || Json(json!({"ok": true}))))
        .route("/models", get(models))
        .route("/chat/completions", post(chat::complete::<OpenAi>))
        .route("/audio/transcriptions", post(transcription::transcribe_file::<OpenAi>))
        .route("/audio/speech", post(speech::speech))
        .route("/organization/costs", get(bill::costs))
        .route("/organization/usage/{kind}", get(bill::usage))
        .route("/realtime", get(realtime::transcription))
}

async fn models(sim: Sim, headers: HeaderMap) -> Response {
    if !has_key(&headers) {
        return refusal(&sim, 401);
    }
    let known =
        ["gpt-4.1", "gpt-4.1-mini", "gpt-4o-mini-transcribe", "gpt-4o-mini-tts", "tts-1", "whisper-1"];
    let data: Vec<Value> = known
        .iter()
        .map(|id| json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "openai"}))
        .collect();
    Json(json!({"object": "list", "data": data})).into_response()
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
    (!has_key(headers)).then(|| {
        sim.refuse(PROVIDER, modality, model);
        refusal(sim, 401)
    })
}

fn has_key(headers: &HeaderMap) -> bool {
    is_good(bearer(headers, &["bearer"]))
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

/// The error message in the middle of a stream.
fn error_event() -> String {
    event(&OpenAi::failure())
}
