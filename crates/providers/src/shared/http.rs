//! Requests and answers as every provider's client makes and reads them.

use crate::client::{Body, Call, Words};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header, request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use vg_core::call::Failure;

/// An answer that comes in one piece is refused above this size.
const ANSWER_LIMIT: usize = 64 << 20;
/// How much of a provider's words is kept.
const WORDS_LIMIT: usize = 500;

/// Begins a POST with the owner's key as bearer token, if there is one.
///
/// # Errors
/// When the address or the key cannot be sent in a request.
pub fn post(url: &str, key: Option<&str>) -> Result<request::Builder, Failure> {
    // Not shown: an address may carry credentials.
    let uri: http::Uri =
        url.parse().map_err(|_| Failure::unsupported("the base URL of this provider is not one"))?;
    let builder = Request::post(uri);
    let Some(key) = key else { return Ok(builder) };
    Ok(builder.header(header::AUTHORIZATION, secret(&format!("Bearer {key}"))?))
}

/// A header value that no log shows.
///
/// # Errors
/// When it has characters a header cannot carry.
pub fn secret(value: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| Failure::refused(401, "the API key has characters no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Sends a request and waits for the head of the answer; tells the meter of a refusal.
///
/// # Errors
/// No connection, no answer in time, or a refusal.
pub async fn ask(
    call: &Call,
    request: Result<Request<Body>, http::Error>,
    words: fn(&[u8]) -> Words,
) -> Result<Response<Incoming>, Failure> {
    let request = request.map_err(|_| Failure::unsupported("the base URL of this provider is not one"))?;
    let answer = call.network.send(request, call.connect_timeout, words).await;
    answer.inspect_err(|failure| {
        if let Some(status) = failure.status {
            call.tap.refused(status);
        }
    })
}

/// All of an answer's body.
///
/// # Errors
/// When it was cut or is too long.
pub async fn whole(response: Response<Incoming>) -> Result<Bytes, Failure> {
    let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| Failure::dropped(format!("the answer was cut: {error}")))
}

/// The beginning of what a provider said, without what a log or a header could not carry.
pub fn shortened(words: &str) -> String {
    let said: String = words.chars().filter(|c| !c.is_control() || *c == '\n').take(WORDS_LIMIT).collect();
    said.replace('\n', " ").trim().to_owned()
}
