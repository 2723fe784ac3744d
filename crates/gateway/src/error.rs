//! The error of a handler, and the one table from its kind to what a client is told.
//!
//! A handler returns [`Error`]; the group of routes it belongs to writes it in its own shape: OpenAI's for
//! inference, ours for the desk.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use std::{borrow::Cow, sync::Arc, time::Duration};
use vg_core::{Kind, call::Failure};

/// Why a request is not served. The message is for the client: no secret, no internals.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The kind; decides the status.
    pub kind: Kind,
    /// What happened and what to do about it.
    pub message: Cow<'static, str>,
    /// A word for programs, if there is a better one than the kind's.
    pub code: Option<Cow<'static, str>>,
    /// The parameter that is wrong, as OpenAI's `error.param` names it.
    pub param: Option<Cow<'static, str>>,
    /// When to ask again.
    pub retry_after: Option<Duration>,
    /// The fields that are wrong.
    pub invalid: Vec<Invalid>,
    /// A status nearer to the truth than the kind's, such as 413.
    status: Option<u16>,
}

/// A field of a desk request that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Invalid {
    /// Its name.
    pub field: Cow<'static, str>,
    /// What is wrong with it.
    pub message: String,
    /// A word for programs, such as `out_of_range`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What was given.
    pub input_value: Value,
}

/// Why a server cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Static keys are configured and not one has a value.
    #[error(
        "`auth.api_keys` has {count} entries and every token is empty{}: set them, or remove the entries to \
         serve without static keys",
        .variables.iter().map(|name| format!("; the environment variable {name} is not set")).collect::<String>()
    )]
    EmptyStaticKeys {
        /// The entries.
        count: usize,
        /// The variables that would give them a value.
        variables: Vec<String>,
    },
    /// A value is needed whose variable is not set.
    #[error(transparent)]
    Unset(#[from] vg_core::config::Unset),
}

impl SetupError {
    /// The kind of this error.
    pub const fn kind(&self) -> Kind {
        Kind::BadRequest
    }
}

/// How a kind is told: the HTTP status and WebSocket `error` code, and OpenAI's `type` and `code`.
pub(crate) const fn told(kind: Kind) -> (u16, &'static str, &'static str) {
    match kind {
        Kind::BadRequest => (400, "invalid_request_error", "bad_request"),
        Kind::Unauthenticated => (401, "authentication_error", "invalid_api_key"),
        Kind::BudgetExceeded => (402, "insufficient_quota", "budget_exceeded"),
        Kind::Forbidden => (403, "permission_error", "forbidden"),
        Kind::Blocked => (403, "invalid_request_error", "content_blocked"),
        Kind::NotFound => (404, "invalid_request_error", "not_found"),
        Kind::Conflict => (409, "invalid_request_error", "conflict"),
        Kind::RateLimited => (429, "rate_limit_error", "rate_limit_exceeded"),
        Kind::Internal => (500, "server_error", "internal_error"),
        Kind::UpstreamFailed => (502, "upstream_error", "upstream_failed"),
        Kind::Unavailable => (503, "server_error", "unavailable"),
        Kind::UpstreamTimeout => (504, "upstream_error", "upstream_timeout"),
    }
}

impl Error {
    /// An error of a kind.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Error {
        Error {
            kind,
            message: message.into(),
            code: None,
            param: None,
            retry_after: None,
            invalid: Vec::new(),
            status: None,
        }
    }

    /// A request that is wrong.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Kind::BadRequest, message)
    }

    /// Something that is not there.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Kind::NotFound, message)
    }

    /// The server stops, and what was asked of it with it.
    pub(crate) fn stopping() -> Error {
        Error::new(Kind::Unavailable, "the server is stopping")
    }

    /// A defect of ours. The cause is logged, not told.
    pub fn internal(cause: &dyn std::fmt::Display) -> Error {
        tracing::error!(%cause, "a request failed inside the server");
        Error::new(Kind::Internal, "the server failed; its log says why")
    }

    /// A field of a desk request that is wrong: 422.
    pub fn invalid(
        field: &'static str,
        kind: &'static str,
        message: impl Into<String>,
        given: impl Into<Value>,
    ) -> Error {
        let message = message.into();
        let mut error = Error::bad_request(format!("`{field}`: {message}"));
        error.invalid =
            vec![Invalid { field: Cow::Borrowed(field), message, kind, input_value: given.into() }];
        error.with_status(422)
    }

    /// The same error with a status nearer to the truth than its kind's.
    #[must_use]
    pub const fn with_status(mut self, status: u16) -> Error {
        self.status = Some(status);
        self
    }

    /// The same error with a word for programs.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Error {
        self.code = Some(code.into());
        self
    }

    /// The same error, about a parameter.
    #[must_use]
    pub fn about(mut self, param: impl Into<Cow<'static, str>>) -> Error {
        self.param = Some(param.into());
        self
    }

    /// The same error, worth asking again after a while.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Error {
        self.retry_after = Some(wait);
        self
    }

    /// The HTTP status, which is also the code of a WebSocket `error` message.
    pub fn status(&self) -> u16 {
        self.status.unwrap_or(told(self.kind).0)
    }

    /// The body of an inference route, and the error object of a stream that fails in its middle.
    pub fn openai_body(&self) -> Value {
        let (_, error_type, code) = told(self.kind);
        let code = self.code.as_deref().unwrap_or(code);
        json!({"error": {"message": self.message, "type": error_type, "param": self.param, "code": code}})
    }

    /// The body of a desk route.
    pub(crate) fn desk_body(&self, method: &Method, path: &str) -> Value {
        let word = self.code.as_deref().unwrap_or(self.kind.as_str());
        let mut body = json!({
            "detail": self.message,
            "message": self.message,
            "error": self.message,
            "type": word,
            "details": {"path": path, "method": method.as_str()},
        });
        if let (false, Some(body)) = (self.invalid.is_empty(), body.as_object_mut()) {
            body.insert("errors".to_owned(), json!(self.invalid));
        }
        body
    }

    fn respond(&self, body: &Value) -> Response {
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() =
            StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.kind == Kind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The error travels with a response until the group of its route writes it.
#[derive(Clone)]
struct Unwritten(Arc<Error>);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.respond(&self.openai_body());
        response.extensions_mut().insert(Unwritten(Arc::new(self)));
        response
    }
}

/// The error that a response tells, if it tells one.
pub(crate) fn refusal(response: &Response) -> Option<&Error> {
    response.extensions().get::<Unwritten>().map(|Unwritten(error)| &**error)
}

/// Writes an error response in the desk's shape; anything else passes.
pub(crate) fn in_desk_shape(mut response: Response, method: &Method, path: &str) -> Response {
    match response.extensions_mut().remove::<Unwritten>() {
        Some(Unwritten(error)) => error.respond(&error.desk_body(method, path)),
        None => response,
    }
}

impl From<vg_engine::Error> for Error {
    fn from(error: vg_engine::Error) -> Self {
        match error.kind() {
            Kind::Internal => Error::internal(&error),
            // What a client asks for by name is there or is not.
            Kind::BadRequest => {
                Error::not_found(error.to_string()).with_code("model_not_found").about("model")
            }
            kind => Error::new(kind, error.to_string()),
        }
    }
}

impl From<vg_services::Error> for Error {
    fn from(error: vg_services::Error) -> Self {
        match error.kind() {
            // Whatever is wrong with the file, the client can only ask again; where it lies is not the client's.
            _ if matches!(error, vg_services::Error::Store(_)) => {
                tracing::error!(error = error.chain(), "the ledger cannot be read");
                Error::new(Kind::Unavailable, "the ledger cannot be read at the moment")
            }
            Kind::Internal => Error::internal(&error),
            kind => Error::new(kind, error.to_string()),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error { code: failure.code.map(Cow::Owned), ..Error::new(failure.kind, failure.message) }
    }
}

impl From<vg_wire::openai::Invalid> for Error {
    fn from(invalid: vg_wire::openai::Invalid) -> Self {
        Error { param: invalid.param.map(Cow::Borrowed), ..Error::bad_request(invalid.message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_status_of_its_class() {
        for kind in Kind::ALL {
            let status = Error::new(kind, "x").status();
            assert!(StatusCode::from_u16(status).is_ok_and(|s| s.is_client_error() || s.is_server_error()));
        }
    }

    #[test]
    fn a_group_writes_the_error_in_its_shape() {
        let response = Error::not_found("there is no session `x`").into_response();
        assert_eq!(response.status(), 404);
        let body = Error::invalid("limit", "out_of_range", "must be from 1 to 1000", 0)
            .desk_body(&Method::GET, "/v1/logs");
        assert_eq!(body["errors"][0]["field"], "limit");
        assert_eq!(body["details"], json!({"path": "/v1/logs", "method": "GET"}));
        let shaped = in_desk_shape(response, &Method::GET, "/v1/sessions/x");
        assert!(shaped.extensions().get::<Unwritten>().is_none());
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        let error =
            Error::new(Kind::RateLimited, "slow down").retry_after(std::time::Duration::from_millis(1200));
        assert_eq!(error.into_response().headers()["retry-after"], "2");
    }
}
