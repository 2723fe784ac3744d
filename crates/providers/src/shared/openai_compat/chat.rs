//! Chat completions, streamed and whole. Pieces are passed on byte for byte.

use super::{Dialect, chat_wire, model};
use crate::{
    client::{Call, ChatStream, full_leaving},
    shared::{api_error::words, http, sse::Events, websocket::malformed},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use vg_core::call::{ChatPiece, ChatRequest, Failure, Tap};

/// The keys of a request that we decide.
const OURS: [&str; 3] = ["model", "stream", "stream_options"];

/// Asks for a chat.
///
/// # Errors
/// When the provider does not accept the request.
pub async fn chat(
    call: Call,
    request: Arc<ChatRequest>,
    dialect: &'static Dialect,
) -> Result<ChatStream, Failure> {
    let body = Outgoing { call: &call, request: &request, dialect };
    let body = serde_json::to_vec(&body).map_err(|error| Failure::bad_request(error.to_string()))?;
    let tap = Arc::clone(&call.tap);
    let post = dialect.post_json(&call, "/chat/completions")?.body(full_leaving(body, move || tap.sent()));
    let response = http::ask(&call, post, words).await?;
    if !request.stream {
        let answer = whole(http::whole(response).await?, call.tap.as_ref());
        return Ok(stream::iter([answer]).boxed());
    }
    let answer = Answer {
        events: Events::new(response.into_body()),
        tap: call.tap,
        wants_usage: wants_usage(&request),
        is_answered: false,
        is_finished: false,
        is_over: false,
    };
    Ok(stream::unfold(answer, async |mut answer| Some((answer.next().await?, answer))).boxed())
}

/// Whether the client asked for the usage message itself.
pub fn wants_usage(request: &ChatRequest) -> bool {
    let options = request.body.get("stream_options");
    options.and_then(|options| options.get("include_usage")).and_then(Value::as_bool).unwrap_or_default()
}

/// The body that is sent, written straight from the parts it is made of.
struct Outgoing<'a> {
    call: &'a Call,
    request: &'a ChatRequest,
    dialect: &'a Dialect,
}

impl Serialize for Outgoing<'_> {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        let asked = &self.request.body;
        let theirs = asked.iter().chain(extra_under(asked, &self.call.endpoint.extra));
        let mut map = writer.serialize_map(None)?;
        map.serialize_entry("model", model(self.call, self.dialect.chat_model))?;
        for (key, value) in theirs.filter(|(key, _)| !OURS.contains(&key.as_str())) {
            map.serialize_entry(key, value)?;
        }
        map.serialize_entry("stream", &self.request.stream)?;
        if self.request.stream && self.dialect.has_stream_options {
            let mut options =
                asked.get("stream_options").and_then(Value::as_object).cloned().unwrap_or_default();
            options.insert("include_usage".to_owned(), json!(true));
            map.serialize_entry("stream_options", &options)?;
        }
        map.end()
    }
}

/// The owner's further arguments that the request does not name itself.
pub fn extra_under<'a>(
    asked: &'a Map<String, Value>,
    extra: &'a Map<String, Value>,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    extra.iter().filter(|(key, _)| !asked.contains_key(key.as_str()))
}

/// A streamed answer.
struct Answer {
    events: Events,
    tap: Arc<dyn Tap>,
    wants_usage: bool,
    is_answered: bool,
    /// The model said why it ended, so nothing but the usage is still to come.
    is_finished: bool,
    is_over: bool,
}

impl Answer {
    async fn next(&mut self) -> Option<Result<ChatPiece, Failure>> {
        while !self.is_over {
            let event = match self.events.next().await {
                Some(Ok(event)) => event,
                // Not every server says `[DONE]`, and a cut after the last word harms nobody.
                _ if self.is_finished => break,
                Some(Err(failure)) => return self.fail(failure),
                None => {
                    return self.fail(Failure::dropped("the provider ended the stream before the answer"));
                }
            };
            if event.data.trim_ascii() == b"[DONE]" {
                self.events.close().await;
                break;
            }
            match self.read(event.data) {
                Ok(Some(piece)) => return Some(Ok(piece)),
                Ok(None) => {}
                Err(failure) => return self.fail(failure),
            }
        }
        self.is_over = true;
        None
    }

    fn fail(&mut self, failure: Failure) -> Option<Result<ChatPiece, Failure>> {
        self.is_over = true;
        Some(Err(failure))
    }

    /// Meters one event; `None` when it is not the client's.
    fn read(&mut self, data: Bytes) -> Result<Option<ChatPiece>, Failure> {
        let json = one_line(data);
        let read = chat_wire::read(&json).map_err(|error| malformed(&error))?;
        let Some(chunk) = read else {
            self.answered();
            return Ok(Some(ChatPiece { json, is_output: true }));
        };
        if let Some(error) = chunk.failure() {
            let failure = error.failure();
            self.tap.refused(error.status());
            return Err(failure);
        }
        self.answered();
        self.is_finished |= chunk.is_finish();
        if let Some(usage) = chunk.usage() {
            self.tap.reported(&usage.quantities());
        }
        let is_output = chunk.tell(self.tap.as_ref());
        let is_theirs = self.wants_usage || !chunk.is_usage_only();
        drop(chunk);
        Ok(is_theirs.then_some(ChatPiece { json, is_output }))
    }

    fn answered(&mut self) {
        if !std::mem::replace(&mut self.is_answered, true) {
            self.tap.output();
        }
    }
}

/// Meters an answer that came in one piece.
fn whole(body: Bytes, tap: &dyn Tap) -> Result<ChatPiece, Failure> {
    let json = one_line(body);
    let read = chat_wire::read(&json).map_err(|error| {
        Failure::malformed(format!("the provider answered with what is no JSON: {error}"))
    })?;
    if let Some(error) = read.as_ref().and_then(chat_wire::Chunk::failure) {
        tap.refused(error.status());
        return Err(error.failure());
    }
    tap.output();
    if let Some(chunk) = read {
        if let Some(usage) = chunk.usage() {
            tap.reported(&usage.quantities());
        }
        chunk.tell(tap);
    }
    Ok(ChatPiece { json, is_output: true })
}

/// JSON on one line. A line break in JSON can only stand between its parts, so a space does as well.
fn one_line(json: Bytes) -> Bytes {
    let json = json.slice_ref(json.trim_ascii());
    if memchr::memchr2(b'\n', b'\r', &json).is_none() {
        return json;
    }
    json.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect()
}
