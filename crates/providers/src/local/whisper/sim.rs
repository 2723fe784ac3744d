//! Plays speaches.

use crate::{
    local::sim::answered,
    sim::{
        Sim, bearer,
        openai_compat::{House, transcription},
    },
};
use axum::{
    Json, Router,
    http::HeaderMap,
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};
use vg_core::Modality;

struct Speaches;

impl House for Speaches {
    const PROVIDER: &'static str = "whisper";

    /// An owner may set a key, and then a wrong one is forbidden; here it is the one that is wrong everywhere.
    fn refused_key(sim: &Sim, headers: &HeaderMap, modality: Modality, model: &str) -> Option<Response> {
        (bearer(headers, &["bearer"]) == Some("invalid")).then(|| {
            sim.refuse(Self::PROVIDER, modality, model);
            Self::refusal(sim, 403)
        })
    }

    fn refusal(_: &Sim, status: u16) -> Response {
        let text = match status {
            403 => "Invalid API key",
            404 => "Model is not installed locally. You can download the model using `POST /v1/models`",
            400..=499 => "The request was not accepted",
            _ => "Internal Server Error",
        };
        answered(status, &json!({"detail": text}))
    }

    fn bad_request(_: &Sim, text: &str, param: Option<&str>) -> Response {
        answered(422, &json!({"detail": [{"type": "value_error", "loc": ["body", param], "msg": text}]}))
    }

    fn failure() -> Value {
        json!({"detail": "Internal Server Error"})
    }
}

pub(crate) fn router() -> Router<Sim> {
    Router::new()
        .route("/health", get(async || Json(json!({"message": "OK"}))))
        .route("/v1/models", get(models))
        .route("/v1/audio/transcriptions", post(transcription::transcribe_file::<Speaches>))
}

async fn models() -> Json<Value> {
    let id = "Systran/faster-whisper-large-v3";
    Json(json!({"object": "list", "data": [{"id": id, "object": "model", "owned_by": "Systran",
        "task": "automatic-speech-recognition"}]}))
}
