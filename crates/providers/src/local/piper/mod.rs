//! Piper as its own HTTP server speaks: one text into one WAV file, which comes whole.
//! <https://github.com/OHF-Voice/piper1-gpl/blob/main/docs/API_HTTP.md>, read 2026-11.
//!
//! Each voice has a rate of its own, which the file tells. A voice the server does not have is spoken by its default
//! one, without a word of it.

#[cfg(feature = "sim")]
pub(crate) mod sim;
mod tts;

use crate::client::Clients;

/// How it is called.
pub const CLIENTS: Clients = Clients { stt: None, llm: None, tts: Some(&tts::Tts) };
