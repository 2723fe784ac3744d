//! The simulator's own addresses: what was billed, which faults are ordered, what the script says.

use super::Sim;
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};

type Answer = (StatusCode, Json<Value>);

pub(super) fn router() -> Router<Sim> {
    Router::new()
        .route("/__meter", get(meter))
        .route("/__requests", get(requests))
        .route("/__faults", post(order_faults).get(faults))
        .route("/__script", post(load_script))
        .route("/__reset", post(reset))
}

async fn meter(State(sim): State<Sim>) -> Json<Value> {
    Json(json!(sim.meter().rows()))
}

async fn requests(State(sim): State<Sim>) -> Json<Value> {
    Json(json!(sim.meter().requests()))
}

async fn faults(State(sim): State<Sim>) -> Json<Value> {
    Json(json!(*sim.faults()))
}

async fn order_faults(State(sim): State<Sim>, body: Bytes) -> Answer {
    answer(sim.faults().order(&body))
}

async fn load_script(State(sim): State<Sim>, body: Bytes) -> Answer {
    answer(sim.script().load(&body))
}

async fn reset(State(sim): State<Sim>) -> Answer {
    sim.reset();
    answer(Ok(()))
}

fn answer(done: Result<(), String>) -> Answer {
    match done {
        Ok(()) => (StatusCode::OK, Json(json!({"ok": true}))),
        Err(problem) => (StatusCode::BAD_REQUEST, Json(json!({"error": problem}))),
    }
}
