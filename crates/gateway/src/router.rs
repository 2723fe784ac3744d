//! Which URL is whose. Every path of the server is here, once.

use crate::{Error, Gateway, auth, chat, error::in_desk_shape, livekit, openai, routes};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    response::IntoResponse,
    routing::{get, post},
};
use http::{Method, Uri};
use std::sync::Arc;

/// Everything the server answers.
pub fn router(gateway: &Arc<Gateway>) -> Router {
    Router::new()
        .merge(public())
        .merge(desk().layer(from_fn_with_state(Arc::clone(gateway), auth::desk)))
        .merge(inference().layer(from_fn_with_state(Arc::clone(gateway), auth::inference)))
        .merge(either().layer(from_fn_with_state(Arc::clone(gateway), auth::either)))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(gateway.limits.body_bytes))
        .with_state(Arc::clone(gateway))
}

/// No key needed.
fn public() -> Router<Arc<Gateway>> {
    Router::new().route("/health", get(routes::health::show)).route("/v1/metrics", get(routes::metrics::show))
}

/// Desk routes: a key with the scope `read` or `write`; errors in the desk's shape.
fn desk() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/v1/costs", get(routes::costs::show))
        .route("/v1/latency", get(routes::latency::show))
        .route("/v1/logs", get(routes::logs::list))
        .route("/v1/projects", get(routes::projects::list))
        .route("/v1/routing/observations", get(routes::routing::observations))
        .route("/v1/sessions", get(routes::sessions::list))
        .route("/v1/sessions/{id}", get(routes::sessions::show))
        .route("/v1/status", get(routes::status::show))
}

/// Calls of models: a key that may infer; errors in OpenAI's shape.
fn inference() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/v1/audio/speech", post(openai::speech::create))
        .route("/v1/audio/transcriptions", post(openai::transcription::create))
        .route("/v1/chat/completions", post(chat::create))
        .route("/v1/stt", get(livekit::stt::open))
        .route("/v1/tts", get(livekit::tts::open))
        // LiveKit's clients do not tidy a base URL that ends in a slash.
        .route("/v1//chat/completions", post(chat::create))
        .route("/v1//stt", get(livekit::stt::open))
        .route("/v1//tts", get(livekit::tts::open))
}

/// What callers of models and readers of the desk may both ask.
fn either() -> Router<Arc<Gateway>> {
    Router::new().route("/v1/models", get(openai::models::list))
}

/// Also for LiveKit's `/bargein`, `/eot`, `/realtime`, `/live/sessions`, `/decisions` and `/avatar/sessions`, which
/// are not offered: its clients take a prompt 404 as that, and do without.
async fn unknown(method: Method, uri: Uri) -> impl IntoResponse {
    let error = Error::not_found(format!("there is no `{method} {}`", uri.path()));
    in_desk_shape(error.into_response(), &method, uri.path())
}

async fn wrong_method(method: Method, uri: Uri) -> impl IntoResponse {
    let error = Error::not_found(format!("`{}` does not take {method}", uri.path()));
    let mut response = in_desk_shape(error.into_response(), &method, uri.path());
    *response.status_mut() = http::StatusCode::METHOD_NOT_ALLOWED;
    response
}
