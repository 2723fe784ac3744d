//! `GET /health`: whether the server takes calls.

use crate::Gateway;
use axum::{Json, extract::State, response::IntoResponse};
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;

/// 200 while calls are taken; 503 while it drains, so that a balancer sends them elsewhere.
pub(crate) async fn show(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    let (code, status) = match gateway.draining().is_cancelled() {
        false => (StatusCode::OK, "ok"),
        true => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    let uptime = (gateway.uptime_seconds() * 10.0).round() / 10.0;
    (code, Json(json!({"status": status, "uptime_seconds": uptime, "version": gateway.version})))
}
