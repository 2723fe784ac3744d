//! Plays Deepgram: <https://developers.deepgram.com/reference>, read 2026-11.

mod flux;
mod listen;
mod speak;
mod words;

use crate::sim::{Query, Sim, bearer, json_response};
use axum::{
    Json, Router,
    http::{HeaderMap, HeaderValue},
    response::Response,
    routing::get,
};
use serde_json::json;
use vg_core::Modality;

const PROVIDER: &str = "deepgram";
const REQUEST_ID: &str = "dg-request-id";

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .route("/v1/listen", get(listen::stream).post(listen::recording))
        .route("/v2/listen", get(flux::stream))
        .route("/v1/speak", get(speak::stream).post(speak::whole))
        .route(
            "/v1/models",
            get(async || Json(json!({"stt": [{"name": "nova-3"}], "tts": [{"name": "asteria"}]}))),
        )
}

/// Deepgram's refusal of a request, with its reason in the body and in a header.
fn refusal(sim: &Sim, status: u16) -> Response {
    let (code, text) = match status {
        401 => ("INVALID_AUTH", "Invalid credentials."),
        402 => ("ASR_PAYMENT_REQUIRED", "Project does not have enough credits."),
        403 => ("INSUFFICIENT_PERMISSIONS", "Insufficient permissions for the requested scope."),
        429 => ("TOO_MANY_REQUESTS", "Too many requests. Please try again later."),
        400..=499 => ("Bad Request", "The request was not accepted."),
        _ => ("INTERNAL_SERVER_ERROR", "An internal error occurred."),
    };
    let id = sim.uuid();
    let body = json!({"err_code": code, "err_msg": text, "request_id": id});
    let mut response = json_response(status, REQUEST_ID, &id, &body);
    response.headers_mut().insert("dg-error", HeaderValue::from_static(text));
    response
}

/// A request that cannot be played, in Deepgram's words.
fn bad_request(sim: &Sim, text: &str) -> Response {
    let id = sim.uuid();
    let body = json!({"err_code": "Bad Request", "err_msg": text, "request_id": id});
    let mut response = json_response(400, REQUEST_ID, &id, &body);
    if let Ok(text) = HeaderValue::from_str(text) {
        response.headers_mut().insert("dg-error", text);
    }
    response
}

/// The refusal of a request without a good key: a header, or the subprotocol that browsers use.
fn refused_key(sim: &Sim, headers: &HeaderMap, modality: Modality, model: &str) -> Option<Response> {
    let subprotocol = headers
        .get("sec-websocket-protocol")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(','))
        .filter(|(scheme, _)| scheme.trim() == "token")
        .map(|(_, key)| key.trim());
    match bearer(headers, &["token", "bearer"]).or(subprotocol) {
        Some(key) if !key.is_empty() && key != "invalid" => None,
        _ => {
            sim.refuse(PROVIDER, modality, model);
            Some(refusal(sim, 401))
        }
    }
}

fn with_id(mut response: Response, id: &str) -> Response {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn model_of(query: &Query, otherwise: &str) -> String {
    query.get("model").unwrap_or(otherwise).to_owned()
}
