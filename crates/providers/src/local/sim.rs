//! Plays the servers of the local runtimes. They bill nothing; what they did is metered as at any provider.

use super::{kokoro, ollama, piper, whisper};
use crate::sim::{Sim, json_response};
use axum::{Router, response::Response};
use serde_json::Value;

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .nest("/whisper", whisper::sim::router())
        .nest("/ollama", ollama::sim::router())
        .nest("/kokoro", kokoro::sim::router())
        .nest("/piper", piper::sim::router())
}

/// An answer of FastAPI and its like, which carries no id of the request.
pub(super) fn answered(status: u16, body: &Value) -> Response {
    json_response(status, "server", "uvicorn", body)
}
