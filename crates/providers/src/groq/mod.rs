//! Groq: chat, transcription and speech in OpenAI's shape. <https://console.groq.com/docs/api-reference>, read 2026-11.
//!
//! | what differs from OpenAI | |
//! |---|---|
//! | usage of a chat | in `x_groq` of the finishing piece, and again in OpenAI's own message |
//! | usage of a recording | none; ten seconds are billed at least |
//! | live transcription | none |
//! | speech | WAV files only, billed by characters |

mod export;
mod llm;
#[cfg(feature = "sim")]
pub(crate) mod sim;
mod stt;
#[cfg(feature = "sim")]
#[cfg(test)]
mod tests;
mod tts;
mod usage;

use crate::shared::openai_compat::Dialect;
use vg_core::{
    Modality, Usage,
    provider::{Check, Facts, PriceQuery, PriceRef, Provider},
};

pub use export::EXPORT;

/// How it is called.
pub const CLIENTS: crate::client::Clients =
    crate::client::Clients { stt: Some(&stt::Stt), llm: Some(&llm::Llm), tts: Some(&tts::Tts) };

/// The models are those LiveKit's plugin takes when none is named.
static DIALECT: Dialect = Dialect {
    base_url: "https://api.groq.com/openai/v1",
    needs_key: true,
    chat_model: "llama-3.3-70b-versatile",
    has_stream_options: true,
    transcription_model: "whisper-large-v3-turbo",
    speech_model: "canopylabs/orpheus-v1-english",
    voice: "autumn",
    speech_rate: crate::shared::speech_file::PCM_RATE,
    has_speech_usage: |_| false,
};

/// The Groq provider.
pub struct Groq;

impl Provider for Groq {
    fn id(&self) -> &'static str {
        "groq"
    }

    fn modalities(&self) -> &'static [Modality] {
        &[Modality::Stt, Modality::Llm, Modality::Tts]
    }

    fn key_variable(&self) -> Option<&'static str> {
        Some("GROQ_API_KEY")
    }

    fn endpoint(&self, _modality: Modality, _model: &str) -> &'static str {
        "/openai/v1"
    }

    fn known_endings(&self) -> &'static [&'static str] {
        &[
            "/openai/v1/chat/completions",
            "/openai/v1/audio/transcriptions",
            "/openai/v1/audio/speech",
            "/openai/v1",
            "/openai",
            "/v1",
        ]
    }

    fn check(&self) -> Option<Check> {
        Some(Check::new("https://api.groq.com", "/openai/v1/models"))
    }

    fn price_ref(&self, query: &PriceQuery<'_>) -> PriceRef {
        usage::price_ref(query)
    }

    fn bill(&self, facts: &Facts<'_>) -> Usage {
        usage::bill(facts)
    }
}
