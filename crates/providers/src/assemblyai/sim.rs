//! Plays AssemblyAI: <https://www.assemblyai.com/docs/api-reference>, read 2026-11.

mod batch;
mod stream;

use crate::sim::{Sim, json_response};
use axum::{
    Json, Router,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;

const PROVIDER: &str = "assemblyai";
const REQUEST_ID: &str = "x-request-id";

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .route("/v3/ws", get(stream::stream))
        .route("/v3/token", get(token))
        .route("/v2/upload", post(batch::upload))
        .route("/v2/transcript", post(batch::submit).get(batch::list))
        .route("/v2/transcript/{id}", get(batch::look))
        .layer(axum::Extension(batch::Jobs::default()))
}

/// A token for a browser, which shows that a key is good.
async fn token(sim: Sim, headers: HeaderMap) -> Response {
    if !has_key(&headers) {
        return refusal(&sim, 401);
    }
    Json(json!({"token": sim.hex_id(), "expires_in_seconds": 60})).into_response()
}

/// AssemblyAI's refusal of a request.
fn refusal(sim: &Sim, status: u16) -> Response {
    let text = match status {
        401 => "Authentication error, API token missing/invalid",
        402 => "Your current account balance is negative. Please top up to continue using the API.",
        404 => "Transcript lookup error, transcript id not found",
        429 => "Too many requests. Please slow down.",
        400..=499 => "The request was not accepted.",
        _ => "Server error, developers have been alerted",
    };
    json_response(status, REQUEST_ID, &sim.uuid(), &json!({"error": text}))
}

/// Whether the key is good: it stands bare in its header.
fn has_key(headers: &HeaderMap) -> bool {
    let key = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    key.is_some_and(|key| !key.is_empty() && key != "invalid" && !key.contains(' '))
}
