//! Chat: the request and the answer in OpenAI's chat-completions shape, which both of our wires speak. A provider
//! that speaks otherwise translates.

use bytes::Bytes;
use serde_json::{Map, Value};

/// A chat request. The body is the client's; the provider's client puts its own model name in, asks for the usage
/// message, and leaves every other key alone unless its API refuses it.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    /// The body of `POST /chat/completions`: `messages`, `tools`, `response_format`, …
    pub body: Map<String, Value>,
    /// Whether the answer comes in pieces.
    pub stream: bool,
}

/// One piece of a chat answer: a `chat.completion.chunk` of a stream, or the one `chat.completion`.
#[derive(Debug, Clone)]
pub struct ChatPiece {
    /// The JSON, in OpenAI's shape, on one line.
    pub json: Bytes,
    /// Whether it carries content or a tool call: after such a piece was passed on, no other candidate may answer.
    pub is_output: bool,
}
