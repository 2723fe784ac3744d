//! Chats with Groq.

use super::DIALECT;
use crate::{
    client::{Call, ChatStream, LlmClient},
    shared::openai_compat::chat,
};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use vg_core::call::{ChatRequest, Failure};

/// The client.
pub struct Llm;

impl LlmClient for Llm {
    fn chat(&self, call: Call, request: Arc<ChatRequest>) -> BoxFuture<'static, Result<ChatStream, Failure>> {
        Box::pin(chat::chat(call, request, &DIALECT))
    }
}
