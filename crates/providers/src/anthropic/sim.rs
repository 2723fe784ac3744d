//! Plays Anthropic: <https://platform.claude.com/docs/en/api/messages>, read 2026-11.

mod bill;
mod check;
mod messages;

use crate::sim::{Sim, bearer, is_good, json_response};
use axum::{
    Json, Router,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use vg_core::Modality;

pub(crate) use bill::print_bill;

const PROVIDER: &str = "anthropic";
const REQUEST_ID: &str = "request-id";

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/messages", post(messages::create))
        .route("/v1/organizations/usage_report/messages", get(bill::usage))
        .route("/v1/organizations/cost_report", get(bill::cost))
}

async fn models(sim: Sim, headers: HeaderMap) -> Response {
    if !has_key(&headers) {
        return refusal(&sim, 401);
    }
    let data: Vec<Value> = ["claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5"]
        .iter()
        .map(
            |id| json!({"id": id, "type": "model", "display_name": id, "created_at": "2026-02-01T00:00:00Z"}),
        )
        .collect();
    let (first, last) =
        (data.first().and_then(|model| model.get("id")), data.last().and_then(|model| model.get("id")));
    Json(json!({"first_id": first, "last_id": last, "has_more": false, "data": data})).into_response()
}

fn error_body(sim: &Sim, status: u16, text: &str) -> (String, Value) {
    let kind = match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    let id = format!("req_{}", sim.hex_id());
    let body = json!({"type": "error", "error": {"type": kind, "message": text}, "request_id": id});
    (id, body)
}

/// Anthropic's refusal of a request.
fn refusal(sim: &Sim, status: u16) -> Response {
    let text = match status {
        401 => "invalid x-api-key",
        404 => "model not found",
        429 => "This request would exceed your rate limit.",
        529 => "Overloaded",
        400..=499 => "The request was not accepted.",
        _ => "Internal server error",
    };
    let (id, body) = error_body(sim, status, text);
    json_response(status, REQUEST_ID, &id, &body)
}

/// A request that makes no sense, in Anthropic's words.
fn bad_request(sim: &Sim, text: &str) -> Response {
    let (id, body) = error_body(sim, 400, text);
    json_response(400, REQUEST_ID, &id, &body)
}

/// The refusal of a request without a good key, in either of the headers that carry one.
fn refused_key(sim: &Sim, headers: &HeaderMap, model: &str) -> Option<Response> {
    (!has_key(headers)).then(|| {
        sim.refuse(PROVIDER, Modality::Llm, model);
        refusal(sim, 401)
    })
}

fn has_key(headers: &HeaderMap) -> bool {
    let key = headers.get("x-api-key").and_then(|key| key.to_str().ok());
    is_good(key.or_else(|| bearer(headers, &["bearer"])))
}

/// The headers every answer carries.
fn answer_headers(sim: &Sim) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(id) = HeaderValue::from_str(&format!("req_{}", sim.hex_id())) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in
        [("anthropic-ratelimit-requests-limit", "4000"), ("anthropic-ratelimit-requests-remaining", "3999")]
    {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}
