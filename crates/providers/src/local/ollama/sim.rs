//! Plays Ollama.

use crate::{
    local::sim::answered,
    sim::{
        Sim,
        openai_compat::{House, chat},
    },
};
use axum::{
    Json, Router,
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};

const MODELS: [&str; 2] = ["llama3.1", "qwen2.5:3b"];

struct Ollama;

impl House for Ollama {
    const PROVIDER: &'static str = "ollama";

    fn refusal(_: &Sim, status: u16) -> Response {
        let (kind, text) = match status {
            404 => ("not_found_error", "model not found, try pulling it first"),
            400..=499 => ("invalid_request_error", "the request was not accepted"),
            _ => ("api_error", "model runner has unexpectedly stopped"),
        };
        answered(status, &error(text, kind))
    }

    fn bad_request(_: &Sim, text: &str, _: Option<&str>) -> Response {
        answered(400, &error(text, "invalid_request_error"))
    }

    fn failure() -> Value {
        error("model runner has unexpectedly stopped", "api_error")
    }
}

fn error(message: &str, kind: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": null}})
}

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .route("/", get(async || "Ollama is running"))
        .route("/api/version", get(async || Json(json!({"version": "0.12.0"}))))
        .route("/api/tags", get(tags))
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(chat::complete::<Ollama>))
}

async fn tags() -> Json<Value> {
    let models = MODELS.map(|name| json!({"name": name, "model": name, "size": 1_929_912_432_u64}));
    Json(json!({"models": models}))
}

async fn models() -> Json<Value> {
    let data = MODELS
        .map(|id| json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "library"}));
    Json(json!({"object": "list", "data": data}))
}
