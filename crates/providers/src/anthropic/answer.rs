//! An answer of Anthropic's, said in OpenAI's chunks. Pure, but for what it tells the meter.

use super::{
    request::ANSWER_TOOL,
    wire::{self, Block, Event, Message, MessageUsage},
};
use crate::shared::websocket::malformed;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use std::collections::{BTreeMap, VecDeque};
use vg_core::call::{ChatPiece, Failure, Tap};

/// What an answer is told in beside what the provider says.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// Whether the input of [`ANSWER_TOOL`] is the text of the answer.
    pub answers_in_json: bool,
    /// Whether the client wants the usage message of a stream.
    pub wants_usage: bool,
}

/// A streamed answer: takes events, gives chunks.
#[derive(Debug)]
pub struct Answer {
    form: Form,
    id: String,
    model: String,
    blocks: BTreeMap<u64, Open>,
    calls: u64,
    usage: MessageUsage,
    is_finished: bool,
    is_over: bool,
    /// Chunks that were not given yet.
    pub pieces: VecDeque<ChatPiece>,
}

/// A block that is being written.
#[derive(Debug)]
enum Open {
    Text,
    /// The answer in JSON.
    Json,
    /// A call, by its number among the calls.
    Call {
        number: u64,
        has_arguments: bool,
    },
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u64,
    delta: Delta<'a>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[Call<'a>; 1]>,
}

#[derive(Serialize)]
struct Call<'a> {
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    kind: Option<&'static str>,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

impl Answer {
    /// An answer of which nothing came yet.
    pub fn new(form: Form) -> Answer {
        Answer {
            form,
            id: String::new(),
            model: String::new(),
            blocks: BTreeMap::new(),
            calls: 0,
            usage: MessageUsage::default(),
            is_finished: false,
            is_over: false,
            pieces: VecDeque::new(),
        }
    }

    /// Whether the provider has said that nothing more comes.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// When it is the provider's failure, or not an event.
    pub fn take(&mut self, json: &[u8], tap: &dyn Tap) -> Result<(), Failure> {
        let event = wire::event(json).map_err(|error| malformed(&error))?;
        match event.kind.0.as_ref() {
            "message_start" => self.start(event, tap),
            "content_block_start" => self.open(event, tap),
            "content_block_delta" => self.add(&event, tap),
            "content_block_stop" => self.close(event.index),
            "message_delta" => self.finish(&event, tap),
            "message_stop" => self.end(),
            "error" => {
                let error = event.error.unwrap_or(super::NO_REASON);
                tap.refused(error.status());
                return Err(error.failure());
            }
            // `ping` keeps the connection alive; new kinds may come at any time.
            _ => {}
        }
        Ok(())
    }

    /// The end of the connection.
    ///
    /// # Errors
    /// When the answer was not at its end.
    pub fn end_of_stream(&mut self) -> Result<(), Failure> {
        if !self.is_finished {
            return Err(Failure::dropped("the provider ended the stream before the answer"));
        }
        if !self.is_over {
            self.end();
        }
        Ok(())
    }

    fn start(&mut self, event: Event<'_>, tap: &dyn Tap) {
        tap.output();
        if let Some(message) = event.message {
            self.id = message.id.0.into_owned();
            self.model = message.model.0.into_owned();
            if let Some(usage) = message.usage {
                // The output counted here is that of the first moment: if no other message comes, the estimate of
                // what was made is nearer to the truth.
                self.usage = usage.after(self.usage);
                tap.reported(&usage.of_prompt().quantities());
            }
        }
        self.put(Delta { role: Some("assistant"), content: Some(""), ..Delta::default() }, false);
    }

    fn open(&mut self, event: Event<'_>, tap: &dyn Tap) {
        let Some(block) = event.content_block else { return };
        let open = match block.kind.0.as_ref() {
            "text" => {
                self.say(&block.text.0, tap);
                Open::Text
            }
            "tool_use" if self.form.answers_in_json && block.name.0 == ANSWER_TOOL => Open::Json,
            "tool_use" => {
                let number = self.calls;
                self.calls += 1;
                tap.output_text(&block.name.0);
                self.call(number, Some((&block.id.0, &block.name.0)), "");
                Open::Call { number, has_arguments: false }
            }
            // Thinking, and tools that run at the provider.
            _ => return,
        };
        self.blocks.insert(event.index, open);
    }

    fn add(&mut self, event: &Event<'_>, tap: &dyn Tap) {
        let Some(delta) = &event.delta else { return };
        if !delta.thinking.0.is_empty() {
            tap.output_text(&delta.thinking.0);
            self.put(Delta { reasoning_content: Some(&delta.thinking.0), ..Delta::default() }, true);
        }
        match self.blocks.get_mut(&event.index) {
            Some(Open::Text) => self.say(&delta.text.0, tap),
            Some(Open::Json) => self.say(&delta.partial_json.0, tap),
            Some(Open::Call { number, has_arguments }) if !delta.partial_json.0.is_empty() => {
                *has_arguments = true;
                let number = *number;
                tap.output_text(&delta.partial_json.0);
                self.call(number, None, &delta.partial_json.0);
            }
            _ => {}
        }
    }

    fn close(&mut self, index: u64) {
        // A call without arguments comes with none at all, where OpenAI's clients expect an empty object.
        if let Some(Open::Call { number, has_arguments: false }) = self.blocks.remove(&index) {
            self.call(number, None, "{}");
        }
    }

    fn finish(&mut self, event: &Event<'_>, tap: &dyn Tap) {
        if let Some(usage) = event.usage {
            self.usage = usage.after(self.usage);
            tap.reported(&self.usage.quantities());
        }
        let reason = event.delta.as_ref().map_or("", |delta| delta.stop_reason.0.as_ref());
        if reason.is_empty() || std::mem::replace(&mut self.is_finished, true) {
            return;
        }
        let reason = finish_reason(reason, self.calls, self.form);
        self.choice(Choice { index: 0, delta: Delta::default(), finish_reason: Some(reason) }, false);
    }

    fn end(&mut self) {
        self.is_over = true;
        if self.form.wants_usage && self.usage != MessageUsage::default() {
            self.chunk(&[], Some(usage_object(&self.usage)), false);
        }
    }

    fn say(&mut self, text: &str, tap: &dyn Tap) {
        if !text.is_empty() {
            tap.output_text(text);
            self.put(Delta { content: Some(text), ..Delta::default() }, true);
        }
    }

    fn call(&mut self, number: u64, begins: Option<(&str, &str)>, arguments: &str) {
        let call = Call {
            index: number,
            id: begins.map(|(id, _)| id),
            kind: begins.map(|_| "function"),
            function: Function { name: begins.map(|(_, name)| name), arguments },
        };
        self.put(Delta { tool_calls: Some([call]), ..Delta::default() }, true);
    }

    fn put(&mut self, delta: Delta<'_>, is_output: bool) {
        self.choice(Choice { index: 0, delta, finish_reason: None }, is_output);
    }

    fn choice(&mut self, choice: Choice<'_>, is_output: bool) {
        self.chunk(&[choice], None, is_output);
    }

    fn chunk(&mut self, choices: &[Choice<'_>], usage: Option<Value>, is_output: bool) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.form.created,
            model: &self.model,
            choices,
            usage,
        };
        // Strings and numbers cannot fail to be written.
        if let Ok(json) = serde_json::to_vec(&chunk) {
            self.pieces.push_back(ChatPiece { json: json.into(), is_output });
        }
    }
}

/// An answer in JSON is no call, so one that ends with it ends in good order.
fn finish_reason(stop_reason: &str, calls: u64, form: Form) -> &'static str {
    match wire::finish_reason(stop_reason) {
        "tool_calls" if calls == 0 && form.answers_in_json => "stop",
        reason => reason,
    }
}

fn usage_object(usage: &MessageUsage) -> Value {
    let (prompt, completion) =
        (usage.prompt_tokens().unwrap_or_default(), usage.completion_tokens().unwrap_or_default());
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt.saturating_add(completion),
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens().unwrap_or_default(),
            "cache_write_tokens": usage.written_tokens().unwrap_or_default(),
        },
        "completion_tokens_details": {"reasoning_tokens": usage.thinking_tokens().unwrap_or_default()},
    })
}

/// Translates an answer that came whole.
///
/// # Errors
/// When it is not an answer.
pub fn whole(body: &Bytes, form: Form, tap: &dyn Tap) -> Result<ChatPiece, Failure> {
    let Message { id, model, content, stop_reason, usage } =
        wire::message(body).map_err(|error| malformed(&error))?;
    tap.output();
    let mut text = String::new();
    let mut calls = Vec::new();
    for Block { kind, text: said, id, name, input, .. } in &content {
        let input = input.map_or("{}", RawValue::get);
        match kind.0.as_ref() {
            "text" => text.push_str(&said.0),
            "tool_use" if form.answers_in_json && name.0 == ANSWER_TOOL => text.push_str(input),
            "tool_use" => {
                tap.output_text(&name.0);
                tap.output_text(input);
                let function = json!({"name": name.0, "arguments": input});
                calls.push(json!({"id": id.0, "type": "function", "function": function}));
            }
            _ => {}
        }
    }
    tap.output_text(&text);
    if let Some(usage) = &usage {
        tap.reported(&usage.quantities());
    }
    let reason = finish_reason(&stop_reason.0, calls.len() as u64, form);
    let text = if text.is_empty() && !calls.is_empty() { Value::Null } else { json!(text) };
    let mut message = json!({"role": "assistant", "content": text});
    if let (false, Some(fields)) = (calls.is_empty(), message.as_object_mut()) {
        fields.insert("tool_calls".to_owned(), calls.into());
    }
    let mut answer = json!({
        "id": id.0, "object": "chat.completion", "created": form.created, "model": model.0,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
    });
    if let (Some(usage), Some(fields)) = (usage, answer.as_object_mut()) {
        fields.insert("usage".to_owned(), usage_object(&usage));
    }
    Ok(ChatPiece { json: answer.to_string().into(), is_output: true })
}
