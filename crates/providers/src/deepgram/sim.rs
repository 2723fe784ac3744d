//! Plays Deepgram: <https://developers.deepgram.com/reference>, read 2026-11.

mod bill;
mod flux;
mod listen;
mod speak;
mod words;

use crate::sim::{Query, Sim, bearer, is_good, json_response};
use axum::{
    Json, Router,
    http::{HeaderMap, HeaderValue},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use vg_core::Modality;

pub(crate) use bill::print_bill;

const PROVIDER: &str = "deepgram";
const REQUEST_ID: &str = "dg-request-id";

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .route("/v1/listen", get(listen::stream).post(listen::recording))
        .route("/v2/listen", get(flux::stream))
        .route("/v1/speak", get(speak::stream).post(speak::whole))
        .route("/v1/auth/token", get(key))
        .route("/v1/projects", get(bill::projects))
        .route("/v1/projects/{id}/usage/breakdown", get(bill::usage))
        .route("/v1/projects/{id}/billing/breakdown", get(bill::billing))
        .route("/v1/projects/{id}/requests", get(bill::requests))
        .route(
            "/v1/models",
            get(async || Json(json!({"stt": [{"name": "nova-3"}], "tts": [{"name": "asteria"}]}))),
        )
}

/// What a key may do.
async fn key(sim: Sim, headers: HeaderMap) -> Response {
    if !has_key(&headers) {
        return refusal(&sim, 401);
    }
    Json(json!({"api_key_id": sim.uuid(), "scopes": ["usage:write"]})).into_response()
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

/// The refusal of a request without a good key.
fn refused_key(sim: &Sim, headers: &HeaderMap, modality: Modality, model: &str) -> Option<Response> {
    (!has_key(headers)).then(|| {
        sim.refuse(PROVIDER, modality, model);
        refusal(sim, 401)
    })
}

/// The key is in a header, or in the subprotocol that browsers use.
fn has_key(headers: &HeaderMap) -> bool {
    let subprotocol = headers
        .get("sec-websocket-protocol")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(','))
        .filter(|(scheme, _)| scheme.trim() == "token")
        .map(|(_, key)| key.trim());
    is_good(bearer(headers, &["token", "bearer"]).or(subprotocol))
}

fn with_id(mut response: Response, id: &str) -> Response {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The name a stream's or a recording's price is listed under: several languages at once, and recordings, have prices
/// of their own.
fn product(query: &Query, model: &str, is_batch: bool) -> String {
    let family = match (model, query.get("language")) {
        ("nova-3" | "nova-3-general", Some("multi")) => "nova-3-multilingual",
        _ => model,
    };
    format!("{family}{}", if is_batch { "-batch" } else { "" })
}

fn model_of(query: &Query, otherwise: &str) -> String {
    query.get("model").unwrap_or(otherwise).to_owned()
}
