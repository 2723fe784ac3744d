//! The simulator's own addresses: what was billed, which faults are ordered, what the script says.

use super::{
    Query, Sim,
    bill::{self, Bill},
    provider_named,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query as Parameters, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post, put},
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
        .route("/__tariff", put(set_tariff).get(tariff))
        .route("/__history", post(load_history))
        .route("/__bill/{provider}", get(print_bill))
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

async fn set_tariff(State(sim): State<Sim>, body: Bytes) -> Answer {
    answer(sim.tariff().set(&body))
}

async fn tariff(State(sim): State<Sim>) -> Json<Value> {
    Json(sim.tariff().shown())
}

async fn load_history(State(sim): State<Sim>, body: Bytes) -> Answer {
    answer(bill::load(&sim, &body))
}

async fn print_bill(
    State(sim): State<Sim>,
    Path(provider): Path<String>,
    Parameters(query): Parameters<Vec<(String, String)>>,
) -> Response {
    let Some(provider) = provider_named(&provider) else {
        return answer(Err(format!("no provider `{provider}` is simulated"))).into_response();
    };
    match sim.with_accounts(provider, |accounts| bill::print(accounts, &Query(query))) {
        Ok(Bill::Csv(text)) => ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response(),
        Ok(Bill::Json(bill)) => Json(bill).into_response(),
        Err(problem) => answer(Err(problem)).into_response(),
    }
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
