//! Ollama through its OpenAI-compatible API. <https://github.com/ollama/ollama/blob/main/docs/openai.md>, read 2026-11.

#[cfg(feature = "sim")]
pub(crate) mod sim;

use super::{OLLAMA, SERVER};
use crate::{
    client::{Call, ChatStream, Clients, LlmClient},
    shared::openai_compat::{Dialect, chat, model},
};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use vg_core::call::{ChatRequest, Failure};

/// How it is called.
pub const CLIENTS: Clients = Clients { stt: None, llm: Some(&Llm), tts: None };

static DIALECT: Dialect = Dialect { base_url: "http://localhost:11434/v1", ..SERVER };

/// Chats with Ollama.
struct Llm;

impl LlmClient for Llm {
    fn chat(&self, call: Call, request: Arc<ChatRequest>) -> BoxFuture<'static, Result<ChatStream, Failure>> {
        Box::pin(async move {
            let name = model(&call, DIALECT.chat_model).to_owned();
            let asked = chat::chat(call, request, &DIALECT).await;
            asked.map_err(|failure| OLLAMA.advised(failure, || format!("pull it with `ollama pull {name}`")))
        })
    }
}
