//! Chats with Anthropic's models.

use super::{
    answer::{self, Answer, Form},
    request::translate,
};
use crate::{
    client::{Call, ChatStream, LlmClient, full_leaving},
    shared::{api_error::words, http, openai_compat::chat::wants_usage, sse::Events},
};
use ::http::{HeaderMap, header};
use futures_util::{StreamExt, future::BoxFuture, stream};
use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use vg_core::call::{ChatPiece, ChatRequest, Failure, Tap};

const BASE_URL: &str = "https://api.anthropic.com";
/// The version of the API. Later ones refuse `temperature` and `top_p`.
const VERSION: &str = "2023-06-01";
/// The model when the endpoint names none: the one LiveKit's plugin takes.
const MODEL: &str = "claude-sonnet-4-6";

/// The client.
pub struct Llm;

impl LlmClient for Llm {
    fn chat(&self, call: Call, request: Arc<ChatRequest>) -> BoxFuture<'static, Result<ChatStream, Failure>> {
        Box::pin(chat(call, request))
    }
}

async fn chat(call: Call, request: Arc<ChatRequest>) -> Result<ChatStream, Failure> {
    let endpoint = &call.endpoint;
    let model = if endpoint.model.is_empty() { MODEL } else { &endpoint.model };
    let translated = translate(&request, model, &endpoint.extra)?;
    let body =
        serde_json::to_vec(&translated.body).map_err(|error| Failure::bad_request(error.to_string()))?;
    let base = endpoint.base_url.as_deref().unwrap_or(BASE_URL).trim_end_matches('/');
    let tap = Arc::clone(&call.tap);
    let post = http::post(&format!("{base}/v1/messages"), None)?
        .header("x-api-key", http::secret(endpoint.key()?)?)
        .header("anthropic-version", VERSION)
        .header(header::CONTENT_TYPE, "application/json")
        .body(full_leaving(body, move || tap.sent()));
    let response = http::ask(&call, post, words).await?;
    let form = Form {
        created: seconds_of(response.headers()),
        answers_in_json: translated.answers_in_json,
        wants_usage: wants_usage(&request),
    };
    if !request.stream {
        let body = http::whole(response).await?;
        let answer = answer::whole(&body, form, call.tap.as_ref());
        return Ok(stream::iter([answer]).boxed());
    }
    let events = Events::new(response.into_body());
    let stream = Streaming { events, answer: Answer::new(form), tap: call.tap, has_failed: false };
    Ok(stream::unfold(stream, async |mut stream| Some((stream.next().await?, stream))).boxed())
}

/// When the answer was made, by the provider's clock: chunks carry it, and Anthropic's messages do not.
fn seconds_of(headers: &HeaderMap) -> u64 {
    let date = headers.get(header::DATE).and_then(|date| date.to_str().ok());
    let time = date.and_then(|date| httpdate::parse_http_date(date).ok());
    time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).as_ref().map_or(0, Duration::as_secs)
}

struct Streaming {
    events: Events,
    answer: Answer,
    tap: Arc<dyn Tap>,
    has_failed: bool,
}

impl Streaming {
    async fn next(&mut self) -> Option<Result<ChatPiece, Failure>> {
        loop {
            if let Some(piece) = self.answer.pieces.pop_front() {
                return Some(Ok(piece));
            }
            if self.has_failed || self.answer.is_over() {
                return None;
            }
            let taken = match self.events.next().await {
                Some(Ok(event)) => self.answer.take(&event.data, self.tap.as_ref()),
                Some(Err(failure)) => self.answer.end_of_stream().map_err(|_| failure),
                None => self.answer.end_of_stream(),
            };
            if self.answer.is_over() {
                self.events.close().await;
            }
            if let Err(failure) = taken {
                self.has_failed = true;
                return Some(Err(failure));
            }
        }
    }
}
