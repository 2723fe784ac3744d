//! What the providers' billing APIs have in common: who is turned away, the faults that were ordered, and pages.

use super::accounts::Accounts;
use crate::sim::{FaultKind, Sim};
use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{io, time::Duration};

/// Why a question to a billing API has no answer.
pub(crate) enum Problem {
    /// The question makes no sense.
    Question(String),
    /// The simulator cannot tell: its tariff lacks a price.
    Unpriced(String),
}

impl From<String> for Problem {
    fn from(text: String) -> Problem {
        Problem::Unpriced(text)
    }
}

/// A question that makes no sense.
pub(crate) fn question<T>(text: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Question(text.into()))
}

/// Answers what `work` finds in the books, unless a fault was ordered. `refusal` and `bad_request` are the provider's
/// words for a status and for a question that makes no sense.
pub(crate) async fn answer(
    sim: &Sim,
    provider: &'static str,
    refusal: impl Fn(u16) -> Response,
    bad_request: impl Fn(&str) -> Response,
    work: impl FnOnce(&Accounts<'_>) -> Result<Value, Problem>,
) -> Response {
    let fault = sim.faults().take_billing(provider);
    match fault.map(|fault| (fault.kind, fault)) {
        Some((FaultKind::Status, fault)) => {
            let mut response = refusal(fault.status());
            if fault.status() == 429 {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            return response;
        }
        Some((FaultKind::Slow, fault)) => {
            tokio::time::sleep(Duration::from_millis(fault.pause_millis())).await
        }
        Some((FaultKind::Malformed, _)) => return "{\"broken".into_response(),
        Some(_) => {
            let cut = Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset));
            return Response::new(Body::from_stream(futures_util::stream::iter([cut])));
        }
        None => {}
    }
    let answer = sim.with_accounts(provider, work);
    match answer {
        Ok(answer) => {
            let mut response = Response::new(answer.to_string().into());
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            if let Ok(id) = HeaderValue::from_str(&sim.uuid()) {
                response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
            }
            response
        }
        Err(Problem::Question(text)) => bad_request(&text),
        Err(Problem::Unpriced(text)) => {
            (http::StatusCode::INTERNAL_SERVER_ERROR, axum::Json(json!({"error": text}))).into_response()
        }
    }
}

/// How many buckets are on a page: as many as asked for, within the API's limit, or its default.
pub(crate) fn page_size(asked: Option<&str>, default: usize, most: usize) -> Result<usize, Problem> {
    match asked.map(str::parse::<usize>) {
        None => Ok(default),
        Some(Ok(size)) if (1..=most).contains(&size) => Ok(size),
        Some(_) => question(format!("`limit` must be from 1 to {most}")),
    }
}

/// The token for the page that begins at this text.
pub(crate) fn token(start: &str) -> String {
    STANDARD.encode(start)
}

/// What a token stands for.
pub(crate) fn page_start(token: &str) -> Result<String, Problem> {
    let start = STANDARD.decode(token).ok().and_then(|start| String::from_utf8(start).ok());
    start.map_or_else(|| question("`page` is none of the tokens that were given"), Ok)
}

/// All values of the parameters called `name` or `name[]`, lists in JSON and with commas taken apart.
pub(crate) fn values(query: &[(String, String)], name: &str) -> Vec<String> {
    let given = query.iter().filter(|(key, _)| key.strip_suffix("[]").unwrap_or(key) == name);
    given
        .flat_map(|(_, value)| {
            serde_json::from_str::<Vec<String>>(value)
                .unwrap_or_else(|_| value.split(',').map(|item| item.trim().to_owned()).collect())
        })
        .filter(|value| !value.is_empty())
        .collect()
}

/// The dimensions asked for, if all of them are known.
pub(crate) fn dimensions(
    query: &[(String, String)],
    name: &str,
    known: &[&str],
) -> Result<Vec<String>, Problem> {
    let asked = values(query, name);
    match asked.iter().find(|asked| !known.contains(&asked.as_str())) {
        Some(unknown) => question(format!("`{name}` has no `{unknown}`, only `{}`", known.join("`, `"))),
        None => Ok(asked),
    }
}
