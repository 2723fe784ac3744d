//! Messages, streamed and whole.

use super::{PROVIDER, answer_headers, bad_request, check, error_body, refusal, refused_key};
use crate::sim::{Counts, Playback, Reply, Sim, Step, count, encode, list, pieces, text};
use axum::{body::Bytes, http::HeaderMap, response::Response};
use serde_json::{Value, json};
use std::collections::VecDeque;
use vg_core::Modality;

const FIRST_TOKEN_MILLIS: f64 = 400.0;
const TOKEN_MILLIS: f64 = 15.0;
/// What the API counts as made when an answer begins. A client that adds it to the last count has counted it twice.
const FIRST_TOKENS: u64 = 2;

pub(super) async fn create(sim: Sim, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(error) => return bad_request(&sim, &format!("the body is not JSON: {error}")),
    };
    let model = text(&body, "model").to_owned();
    if let Some(response) = refused_key(&sim, &headers, &model) {
        return response;
    }
    let version = headers.get("anthropic-version").and_then(|version| version.to_str().ok());
    if let Some(problem) = check::problem(&body, version.unwrap_or_default()) {
        return bad_request(&sim, &problem);
    }
    let mut ticket = match sim.admit(PROVIDER, Modality::Llm, &model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    let prompt = Prompt::of(&sim, &body, &model);
    ticket.add(Counts {
        input_tokens: prompt.all,
        cached_input_tokens: prompt.read,
        cache_write_tokens: prompt.written,
        ..Counts::default()
    });
    let answer = Answer::to(&sim, &body);
    let reports_usage = ticket.reports_usage();
    let id = format!("msg_{}", sim.hex_id());
    let headers = answer_headers(&sim);
    let (_, error) = error_body(&sim, 529, "Overloaded");
    if body.get("stream").and_then(Value::as_bool).unwrap_or_default() {
        let steps = answer.streamed(&id, &model, &prompt, reports_usage);
        let mut playback = Playback::new(sim, ticket, steps);
        playback.error_frame = Some(event("error", &error));
        playback.malformed = Bytes::from_static(b"event: content_block_delta\ndata: {\"broken\n\n");
        playback.stream("text/event-stream; charset=utf-8", headers).await
    } else {
        let steps = answer.whole(&id, &model, &prompt, reports_usage);
        let mut playback = Playback::new(sim, ticket, steps);
        playback.error_frame = Some(error.to_string().into());
        playback.malformed = Bytes::from_static(b"{\"broken");
        playback.whole("application/json", headers).await
    }
}

/// One server-sent event, as Anthropic writes it.
fn event(kind: &str, data: &Value) -> Bytes {
    format!("event: {kind}\ndata: {data}\n\n").into()
}

/// The prompt's tokens. Anthropic's way of counting is not published; this one stands for it.
struct Prompt {
    all: u64,
    read: u64,
    written: u64,
}

impl Prompt {
    fn of(sim: &Sim, body: &Value, model: &str) -> Prompt {
        let mut tokens = Vec::new();
        for part in ["tools", "system", "messages"] {
            tokens.extend(encode(&body.get(part).map(Value::to_string).unwrap_or_default()));
        }
        // Nothing is cached that was not marked for it.
        let (read, written) = if body.to_string().contains("\"cache_control\"") {
            sim.prompt_cache().read_and_write(model, &tokens)
        } else {
            (0, 0)
        };
        Prompt { all: tokens.len() as u64, read, written }
    }

    /// The usage with so many tokens made: the cache's tokens stand beside `input_tokens`, not in it.
    fn usage(&self, output_tokens: u64) -> Value {
        json!({
            "input_tokens": self.all - self.read - self.written,
            "cache_creation_input_tokens": self.written,
            "cache_read_input_tokens": self.read,
            "output_tokens": output_tokens,
        })
    }
}

/// What a model that must call a function hands to it: its words, which a script may have written as the input.
fn input(words: &str) -> Value {
    let written = serde_json::from_str(words).ok().filter(Value::is_object);
    written.unwrap_or_else(|| json!({"text": words}))
}

/// What the model answers, cut into tokens.
struct Answer {
    /// The call it makes, with an id.
    call: Option<(String, String)>,
    name_tokens: u64,
    pieces: Vec<String>,
    stop_reason: &'static str,
}

impl Answer {
    fn to(sim: &Sim, body: &Value) -> Answer {
        let messages = list(body, "messages");
        let question = messages.iter().rev().filter(|message| text(message, "role") == "user").map(words);
        let question = question.into_iter().find(|words| !words.is_empty()).unwrap_or_default();
        let after_tool = messages.last().is_some_and(|message| {
            list(message, "content").iter().any(|block| text(block, "type") == "tool_result")
        });
        let draw = sim.draw(&question);
        let reply = sim.script().reply_to(&question, after_tool, draw);
        let choice = body.get("tool_choice").unwrap_or(&Value::Null);
        let called = match (reply, text(choice, "type")) {
            (Reply::Call { tool, .. }, _) => Err((tool.name, tool.arguments)),
            (Reply::Text(words), "tool") => Err((text(choice, "name").to_owned(), input(&words))),
            (Reply::Text(words), "any") => {
                let name = list(body, "tools").last().map(|tool| text(tool, "name").to_owned());
                Err((name.unwrap_or_default(), input(&words)))
            }
            (Reply::Text(words), _) => Ok(words),
        };
        let mut answer = match called {
            Ok(words) => {
                Answer { call: None, name_tokens: 0, pieces: pieces(&words), stop_reason: "end_turn" }
            }
            Err((name, arguments)) => {
                let arguments = match arguments {
                    Value::Null => String::new(),
                    arguments => arguments.to_string(),
                };
                Answer {
                    name_tokens: count(&name),
                    call: Some((format!("toolu_{}", sim.hex_id()), name)),
                    pieces: pieces(&arguments),
                    stop_reason: "tool_use",
                }
            }
        };
        let limit = body.get("max_tokens").and_then(Value::as_u64).unwrap_or(u64::MAX);
        if limit < answer.tokens() {
            let left = usize::try_from(limit.saturating_sub(answer.name_tokens)).unwrap_or(usize::MAX);
            answer.pieces.truncate(left);
            answer.stop_reason = "max_tokens";
        }
        answer
    }

    fn tokens(&self) -> u64 {
        self.name_tokens + self.pieces.len() as u64
    }

    fn streamed(&self, id: &str, model: &str, prompt: &Prompt, reports_usage: bool) -> VecDeque<Step> {
        let mut units = 0;
        let mut steps = VecDeque::new();
        let mut step = |after_millis: f64, kind: &str, mut data: Value, tokens: u64| {
            units += tokens;
            if let Some(fields) = data.as_object_mut() {
                fields.insert("type".to_owned(), json!(kind));
            }
            let counts = Counts { output_tokens: tokens, ..Counts::default() };
            steps.push_back(Step { after_millis, bytes: event(kind, &data), counts, units });
        };
        let mut message = json!({
            "id": id, "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": null, "stop_sequence": null,
        });
        if let (true, Some(fields)) = (reports_usage, message.as_object_mut()) {
            fields.insert("usage".to_owned(), prompt.usage(FIRST_TOKENS));
        }
        step(FIRST_TOKEN_MILLIS, "message_start", json!({"message": message}), 0);
        let block = match &self.call {
            Some((id, name)) => json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
            None => json!({"type": "text", "text": ""}),
        };
        step(0.0, "content_block_start", json!({"index": 0, "content_block": block}), self.name_tokens);
        step(0.0, "ping", json!({}), 0);
        if self.call.is_some() {
            let delta = json!({"type": "input_json_delta", "partial_json": ""});
            step(0.0, "content_block_delta", json!({"index": 0, "delta": delta}), 0);
        }
        for (place, piece) in self.pieces.iter().enumerate() {
            let delta = match self.call {
                Some(_) => json!({"type": "input_json_delta", "partial_json": piece}),
                None => json!({"type": "text_delta", "text": piece}),
            };
            let wait = if place == 0 { 0.0 } else { TOKEN_MILLIS };
            step(wait, "content_block_delta", json!({"index": 0, "delta": delta}), 1);
        }
        step(0.0, "content_block_stop", json!({"index": 0}), 0);
        let mut end = json!({"delta": {"stop_reason": self.stop_reason, "stop_sequence": null}});
        if let (true, Some(fields)) = (reports_usage, end.as_object_mut()) {
            fields.insert("usage".to_owned(), prompt.usage(self.tokens()));
        }
        step(0.0, "message_delta", end, 0);
        step(0.0, "message_stop", json!({}), 0);
        steps
    }

    fn whole(&self, id: &str, model: &str, prompt: &Prompt, reports_usage: bool) -> VecDeque<Step> {
        let said = self.pieces.concat();
        let block = match &self.call {
            Some((id, name)) => {
                let input: Value = serde_json::from_str(&said).unwrap_or_else(|_| json!({}));
                json!({"type": "tool_use", "id": id, "name": name, "input": input})
            }
            None => json!({"type": "text", "text": said}),
        };
        let mut body = json!({
            "id": id, "type": "message", "role": "assistant", "model": model, "content": [block],
            "stop_reason": self.stop_reason, "stop_sequence": null,
        });
        if let (true, Some(fields)) = (reports_usage, body.as_object_mut()) {
            fields.insert("usage".to_owned(), prompt.usage(self.tokens()));
        }
        Step::tokens_at_once(self.tokens(), (FIRST_TOKEN_MILLIS, TOKEN_MILLIS), body.to_string())
    }
}

/// The text of a message, its blocks joined.
fn words(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(content)) => content.clone(),
        _ => list(message, "content")
            .iter()
            .map(|block| text(block, "text"))
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(" "),
    }
}
