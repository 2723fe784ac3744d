//! The messages of Anthropic's stream, and of its whole answer, as far as we read them.
//! <https://platform.claude.com/docs/en/build-with-claude/streaming>, read 2026-11.

use crate::shared::{api_error::ErrorBody, json_text::Text};
use serde::Deserialize;
use serde_json::value::RawValue;
use vg_core::{
    Quantity, Source, Usage,
    provider::{Direction, Frame, Said},
};

/// One event of a stream; which fields it has depends on its kind. Kinds that are not known say nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Event<'a> {
    /// `message_start`, `content_block_delta`, …
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    /// Which block of the answer it belongs to.
    pub index: u64,
    /// `message_start`: the answer, still empty.
    #[serde(borrow)]
    pub message: Option<Message<'a>>,
    /// `content_block_start`: the block, still empty.
    #[serde(borrow)]
    pub content_block: Option<Block<'a>>,
    /// `content_block_delta`: what is added; `message_delta`: why it ended.
    #[serde(borrow)]
    pub delta: Option<Delta<'a>>,
    /// `message_delta`: the usage so far.
    pub usage: Option<MessageUsage>,
    /// `error`: the failure.
    pub error: Option<ErrorBody>,
}

/// An answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Message<'a> {
    /// Its id.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// The model that made it.
    #[serde(borrow)]
    pub model: Text<'a>,
    /// Its blocks, for an answer that comes whole.
    #[serde(borrow)]
    pub content: Vec<Block<'a>>,
    /// Why it ended, for an answer that comes whole.
    #[serde(borrow)]
    pub stop_reason: Text<'a>,
    /// The usage so far.
    pub usage: Option<MessageUsage>,
}

/// A block of an answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Block<'a> {
    /// `text`, `tool_use`, `thinking`, …
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    /// The text.
    #[serde(borrow)]
    pub text: Text<'a>,
    /// The thinking.
    #[serde(borrow)]
    pub thinking: Text<'a>,
    /// The call's id.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// The tool's name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// The call's arguments, for an answer that comes whole.
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
}

/// What an event adds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Delta<'a> {
    /// More text.
    #[serde(borrow)]
    pub text: Text<'a>,
    /// More of a call's arguments.
    #[serde(borrow)]
    pub partial_json: Text<'a>,
    /// More thinking.
    #[serde(borrow)]
    pub thinking: Text<'a>,
    /// Why the answer ended.
    #[serde(borrow)]
    pub stop_reason: Text<'a>,
}

/// A usage message. Its numbers count from the beginning of the answer, so the last one holds and none is added to
/// another; `input_tokens` leaves out what was read from and written to the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MessageUsage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

impl MessageUsage {
    /// This message after an earlier one: what it does not name is as it was.
    #[must_use]
    pub fn after(self, earlier: MessageUsage) -> MessageUsage {
        MessageUsage {
            input_tokens: self.input_tokens.or(earlier.input_tokens),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .or(earlier.cache_creation_input_tokens),
            cache_read_input_tokens: self.cache_read_input_tokens.or(earlier.cache_read_input_tokens),
            output_tokens: self.output_tokens.or(earlier.output_tokens),
            output_tokens_details: self.output_tokens_details.or(earlier.output_tokens_details),
        }
    }

    /// The same without what was made so far, for an answer that has only begun.
    #[must_use]
    pub fn of_prompt(self) -> MessageUsage {
        MessageUsage { output_tokens: None, output_tokens_details: None, ..self }
    }

    /// All of the prompt, with what was read from and written to the cache.
    pub fn prompt_tokens(&self) -> Option<u64> {
        let cached = self.cached_tokens().unwrap_or(0).saturating_add(self.written_tokens().unwrap_or(0));
        self.input_tokens.map(|tokens| tokens.saturating_add(cached))
    }

    /// What was read from the cache.
    pub fn cached_tokens(&self) -> Option<u64> {
        self.cache_read_input_tokens
    }

    /// What was written to the cache.
    pub fn written_tokens(&self) -> Option<u64> {
        self.cache_creation_input_tokens
    }

    /// All that was made, thinking included.
    pub fn completion_tokens(&self) -> Option<u64> {
        self.output_tokens
    }

    /// The part of it that was thought.
    pub fn thinking_tokens(&self) -> Option<u64> {
        self.output_tokens_details.and_then(|details| details.thinking_tokens)
    }

    /// The quantities this message reports.
    pub fn quantities(&self) -> Usage {
        let reported = [
            (Quantity::InputTokens, self.prompt_tokens()),
            (Quantity::CachedInputTokens, self.cached_tokens()),
            (Quantity::CacheWriteTokens, self.written_tokens()),
            (Quantity::OutputTokens, self.completion_tokens()),
            (Quantity::ReasoningTokens, self.thinking_tokens()),
        ];
        reported.into_iter().fold(Usage::UNKNOWN, |usage, (quantity, value)| match value {
            Some(value) => usage.with(quantity, value, Source::ProviderReported),
            None => usage,
        })
    }
}

/// Why an answer ended, in OpenAI's word.
pub fn finish_reason(stop_reason: &str) -> &'static str {
    match stop_reason {
        "tool_use" => "tool_calls",
        "max_tokens" | "model_context_window_exceeded" => "length",
        "refusal" => "content_filter",
        // `end_turn`, `stop_sequence`, `pause_turn`, and what may come.
        _ => "stop",
    }
}

/// What an event says for the meter of a client that is not ours: only what that client hides. Usage is not among
/// it; its numbers replace each other, where those of frames add up.
pub fn frame(direction: Direction, json: &str) -> Option<Frame<'static>> {
    let error = event(json.as_bytes()).ok().filter(|_| direction == Direction::Received)?.error?;
    Some(Frame { context: None, said: Said::Refused(error.status()) })
}

/// Reads one event.
///
/// # Errors
/// When it is not an event.
pub fn event(json: &[u8]) -> Result<Event<'_>, serde_json::Error> {
    serde_json::from_slice(json)
}

/// Reads a whole answer.
///
/// # Errors
/// When it is not one.
pub fn message(json: &[u8]) -> Result<Message<'_>, serde_json::Error> {
    serde_json::from_slice(json)
}
