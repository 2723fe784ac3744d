//! Chat completions, streamed and whole.

use super::{House, event, prompt::prompt};
use crate::sim::{Counts, Playback, Reply, Sim, Step, count, list, pieces, text};
use axum::{body::Bytes, http::HeaderMap, response::Response};
use serde_json::{Value, json};
use std::collections::VecDeque;
use vg_core::Modality;

const FIRST_TOKEN_MILLIS: f64 = 300.0;
const TOKEN_MILLIS: f64 = 20.0;

pub(crate) async fn complete<H: House>(sim: Sim, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(error) => return H::bad_request(&sim, &format!("the body is not JSON: {error}"), None),
    };
    let model = text(&body, "model").to_owned();
    if let Some(response) = H::refused_key(&sim, &headers, Modality::Llm, &model) {
        return response;
    }
    if model.is_empty() {
        return H::bad_request(&sim, "you must provide a model parameter", Some("model"));
    }
    if list(&body, "messages").is_empty() {
        return H::bad_request(&sim, "`messages` must not be empty", Some("messages"));
    }
    let mut ticket = match sim.admit(H::PROVIDER, Modality::Llm, &model) {
        Ok(ticket) => ticket,
        Err(status) => return H::refusal(&sim, status),
    };
    let prompt = prompt(&body);
    let input_tokens = prompt.len() as u64;
    let cached_input_tokens =
        if H::CACHES_PROMPTS { sim.prompt_cache().read_and_write(&model, &prompt).0 } else { 0 };
    ticket.add(Counts { input_tokens, cached_input_tokens, ..Counts::default() });

    let answer = Answer::to(&sim, &body);
    let mut usage = json!({
        "prompt_tokens": input_tokens,
        "completion_tokens": answer.tokens(),
        "total_tokens": input_tokens + answer.tokens(),
    });
    if let (true, Some(fields)) = (H::CACHES_PROMPTS, usage.as_object_mut()) {
        let prompt = json!({"cached_tokens": cached_input_tokens, "audio_tokens": 0});
        fields.insert("prompt_tokens_details".to_owned(), prompt);
        let completion = json!({
            "reasoning_tokens": 0, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        });
        fields.insert("completion_tokens_details".to_owned(), completion);
    }
    let beside = Beside { opening: H::beside(&sim, None), ending: H::beside(&sim, Some(&usage)) };
    let usage = ticket.reports_usage().then_some(usage);
    let chunk = Chunk { id: format!("chatcmpl-{}", sim.hex_id()), created: sim.now().timestamp(), model };
    let headers = H::headers(&sim);
    if body.get("stream").and_then(Value::as_bool).unwrap_or_default() {
        let asked =
            body.pointer("/stream_options/include_usage").and_then(Value::as_bool).unwrap_or_default();
        let steps = answer.streamed(&chunk, asked, usage, &beside);
        let mut playback = Playback::new(sim, ticket, steps);
        playback.error_frame = Some(event(&H::failure()).into());
        playback.stream("text/event-stream; charset=utf-8", headers).await
    } else {
        let steps = answer.whole(&chunk, usage, &beside);
        let mut playback = Playback::new(sim, ticket, steps);
        playback.error_frame = Some(H::failure().to_string().into());
        playback.malformed = Bytes::from_static(b"{\"broken");
        playback.whole("application/json", headers).await
    }
}

/// What is said beside the first and the finishing piece.
struct Beside {
    opening: Option<(&'static str, Value)>,
    ending: Option<(&'static str, Value)>,
}

/// What all chunks of one completion have in common.
struct Chunk {
    id: String,
    created: i64,
    model: String,
}

impl Chunk {
    fn event(
        &self,
        choices: Value,
        usage: Option<&Value>,
        with_usage: bool,
        beside: Option<&(&'static str, Value)>,
    ) -> Bytes {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "service_tier": "default",
            "system_fingerprint": "fp_simulated",
            "choices": choices,
        });
        if let (true, Some(fields)) = (with_usage, chunk.as_object_mut()) {
            fields.insert("usage".to_owned(), usage.cloned().unwrap_or_default());
        }
        if let (Some((name, value)), Some(fields)) = (beside, chunk.as_object_mut()) {
            fields.insert((*name).to_owned(), value.clone());
        }
        event(&chunk).into()
    }
}

/// What the model answers, cut into tokens.
struct Answer {
    /// The call it makes, with an id; its name is told with the first piece.
    call: Option<(String, String)>,
    /// Tokens of the call's name, made before the first piece.
    name_tokens: u64,
    pieces: Vec<String>,
    finish_reason: &'static str,
}

impl Answer {
    fn to(sim: &Sim, body: &Value) -> Answer {
        let messages = list(body, "messages");
        let question = messages.iter().rfind(|message| text(message, "role") == "user").map(content);
        let question = question.unwrap_or_default();
        let after_tool = messages.last().is_some_and(|message| text(message, "role") == "tool");
        let draw = sim.draw(&question);
        let reply = sim.script().reply_to(&question, after_tool, draw);
        let mut answer = match reply {
            Reply::Text(text) => {
                Answer { call: None, name_tokens: 0, pieces: pieces(&text), finish_reason: "stop" }
            }
            Reply::Call { tool, .. } => {
                let arguments = match tool.arguments {
                    Value::String(arguments) => arguments,
                    Value::Null => "{}".to_owned(),
                    arguments => arguments.to_string(),
                };
                Answer {
                    name_tokens: count(&tool.name),
                    call: Some((format!("call_{}", sim.hex_id()), tool.name)),
                    pieces: pieces(&arguments),
                    finish_reason: "tool_calls",
                }
            }
        };
        let limit =
            body.get("max_completion_tokens").or_else(|| body.get("max_tokens")).and_then(Value::as_u64);
        if let Some(limit) = limit.filter(|limit| *limit < answer.tokens()) {
            let limit = usize::try_from(limit.saturating_sub(answer.name_tokens)).unwrap_or(usize::MAX);
            answer.pieces.truncate(limit);
            answer.finish_reason = "length";
        }
        answer
    }

    fn tokens(&self) -> u64 {
        self.name_tokens + self.pieces.len() as u64
    }

    fn streamed(
        &self,
        chunk: &Chunk,
        usage_asked: bool,
        usage: Option<Value>,
        beside: &Beside,
    ) -> VecDeque<Step> {
        let choice_beside = |delta: Value, finish_reason: Value, beside: Option<&(&'static str, Value)>| {
            let choices =
                json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}]);
            chunk.event(choices, None, usage_asked, beside)
        };
        let choice = |delta: Value| choice_beside(delta, Value::Null, None);
        let mut units = 0;
        let mut step = |after_millis: f64, bytes: Bytes, tokens: u64| {
            units += tokens;
            let counts = Counts { output_tokens: tokens, ..Counts::default() };
            Step { after_millis, bytes, counts, units }
        };
        let content = if self.call.is_some() { Value::Null } else { json!("") };
        let opening = json!({"role": "assistant", "content": content, "refusal": null});
        let opening = choice_beside(opening, Value::Null, beside.opening.as_ref());
        let mut steps = VecDeque::from([step(FIRST_TOKEN_MILLIS, opening, 0)]);
        if let Some((id, name)) = &self.call {
            let function = json!({"name": name, "arguments": ""});
            let call = json!([{"index": 0, "id": id, "type": "function", "function": function}]);
            let bytes = choice(json!({"tool_calls": call}));
            steps.push_back(step(0.0, bytes, self.name_tokens));
        }
        for (place, piece) in self.pieces.iter().enumerate() {
            let delta = match self.call {
                Some(_) => json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}),
                None => json!({"content": piece}),
            };
            let wait = if place == 0 { 0.0 } else { TOKEN_MILLIS };
            steps.push_back(step(wait, choice(delta), 1));
        }
        let ending = choice_beside(json!({}), json!(self.finish_reason), beside.ending.as_ref());
        steps.push_back(step(0.0, ending, 0));
        if let (true, Some(usage)) = (usage_asked, usage) {
            steps.push_back(step(0.0, chunk.event(json!([]), Some(&usage), true, None), 0));
        }
        steps.push_back(step(0.0, Bytes::from_static(b"data: [DONE]\n\n"), 0));
        steps
    }

    fn whole(&self, chunk: &Chunk, usage: Option<Value>, beside: &Beside) -> VecDeque<Step> {
        let mut message = json!({"role": "assistant", "content": null, "refusal": null});
        let said = self.pieces.concat();
        if let Some(fields) = message.as_object_mut() {
            match &self.call {
                Some((id, name)) => {
                    let function = json!({"name": name, "arguments": said});
                    let calls = json!([{"id": id, "type": "function", "function": function}]);
                    fields.insert("tool_calls".to_owned(), calls);
                }
                None => {
                    fields.insert("content".to_owned(), json!(said));
                }
            }
        }
        let mut body = json!({
            "id": chunk.id,
            "object": "chat.completion",
            "created": chunk.created,
            "model": chunk.model,
            "service_tier": "default",
            "system_fingerprint": "fp_simulated",
            "choices": [
                {"index": 0, "message": message, "logprobs": null, "finish_reason": self.finish_reason},
            ],
        });
        if let (Some(usage), Some(fields)) = (usage, body.as_object_mut()) {
            fields.insert("usage".to_owned(), usage);
        }
        if let (Some((name, value)), Some(fields)) = (&beside.opening, body.as_object_mut()) {
            fields.insert((*name).to_owned(), value.clone());
        }
        Step::tokens_at_once(self.tokens(), (FIRST_TOKEN_MILLIS, TOKEN_MILLIS), body.to_string())
    }
}

/// The text of a message, its parts joined.
fn content(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(content)) => content.clone(),
        _ => list(message, "content").iter().map(|part| text(part, "text")).collect::<Vec<_>>().join(" "),
    }
}
