//! Plays Cartesia: <https://docs.cartesia.ai/api-reference>, read 2026-11.

mod bill;
mod listen;
mod speak;

use crate::sim::{Query, Sim, bearer, is_good, json_response};
use axum::{
    Json, Router,
    extract::Query as Parameters,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;
use vg_core::Modality;

pub(crate) use bill::print_bill;

const PROVIDER: &str = "cartesia";
const REQUEST_ID: &str = "x-request-id";

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .route("/", get(async || Json(json!({"ok": true, "version": "simulated"}))))
        .route("/voices", get(voices))
        .route("/usage/credits", get(bill::credits))
        .route("/tts/websocket", get(speak::stream))
        .route("/tts/bytes", post(speak::bytes))
        .route("/tts/sse", post(speak::events))
        .route("/stt", post(listen::recording))
        .route("/stt/websocket", get(listen::manual))
        .route("/stt/turns/websocket", get(listen::turns))
}

async fn voices(
    sim: Sim,
    Parameters(query): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    if !has_key(&headers, &Query(query)) {
        return refusal(&sim, 401);
    }
    Json(json!({"data": [{"id": "a-voice", "name": "A voice", "language": "en"}], "has_more": false}))
        .into_response()
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
    (!has_key(headers, query)).then(|| {
        sim.refuse(PROVIDER, modality, model);
        refusal(sim, 401)
    })
}

fn has_key(headers: &HeaderMap, query: &Query) -> bool {
    is_good(key(headers, query))
}

fn key<'a>(headers: &'a HeaderMap, query: &'a Query) -> Option<&'a str> {
    let header = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    let token = query.get("access_token").or_else(|| query.get("api_key"));
    header.or_else(|| bearer(headers, &["bearer"])).or(token)
}
