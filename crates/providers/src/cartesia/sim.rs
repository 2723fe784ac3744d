//! Plays Cartesia: <https://docs.cartesia.ai/api-reference>, read 2026-11.

mod listen;
mod speak;

use crate::sim::{Query, Sim, bearer, json_response};
use axum::{
    Json, Router,
    http::HeaderMap,
    response::Response,
    routing::{get, post},
};
use serde_json::json;
use vg_core::Modality;

const PROVIDER: &str = "cartesia";
const REQUEST_ID: &str = "x-request-id";

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .route("/", get(async || Json(json!({"ok": true, "version": "simulated"}))))
        .route("/tts/websocket", get(speak::stream))
        .route("/tts/bytes", post(speak::bytes))
        .route("/tts/sse", post(speak::events))
        .route("/stt", post(listen::recording))
        .route("/stt/websocket", get(listen::manual))
        .route("/stt/turns/websocket", get(listen::turns))
}

/// Cartesia's refusal of a request; versions before March 2026 have no code and are told in `error`.
fn refusal(sim: &Sim, status: u16) -> Response {
    let id = sim.uuid();
    json_response(status, REQUEST_ID, &id, &failure(&id, status))
}

fn failure(id: &str, status: u16) -> serde_json::Value {
    let (code, title) = match status {
        401 => ("unauthorized", "Invalid API key"),
        402 => ("quota_exceeded", "Out of credits"),
        429 => ("concurrency_limited", "Too many concurrent requests"),
        400..=499 => ("invalid_request", "The request was not accepted"),
        _ => ("internal_error", "Internal server error"),
    };
    let message = format!("The simulated provider failed on request with {status}.");
    let error = format!("{title}: {message}");
    json!({"error_code": code, "title": title, "message": message, "error": error, "request_id": id})
}

/// The refusal of a request without a good key.
fn refused_key(
    sim: &Sim,
    headers: &HeaderMap,
    query: &Query,
    modality: Modality,
    model: &str,
) -> Option<Response> {
    let header = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    let token = query.get("access_token").or_else(|| query.get("api_key"));
    match header.or_else(|| bearer(headers, &["bearer"])).or(token) {
        Some(key) if !key.is_empty() && key != "invalid" => None,
        _ => {
            sim.refuse(PROVIDER, modality, model);
            Some(refusal(sim, 401))
        }
    }
}
