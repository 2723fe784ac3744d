//! OpenAI: chat completions, transcription and speech. <https://platform.openai.com/docs/api-reference>,
//! read 2026-11.

mod export;
mod fetch;
mod listen;
mod llm;
mod options;
#[cfg(feature = "sim")]
pub(crate) mod sim;
mod stt;
#[cfg(feature = "sim")]
#[cfg(test)]
mod tests;
mod tts;
mod usage;
mod wire;

use crate::shared::openai_compat::Dialect;
use vg_core::{
    Modality, Usage,
    provider::{Check, Direction, Facts, Frame, PriceQuery, PriceRef, Provider},
};

pub use export::EXPORT;

/// How it is called.
pub const CLIENTS: crate::client::Clients =
    crate::client::Clients { stt: Some(&stt::Stt), llm: Some(&llm::Llm), tts: Some(&tts::Tts) };

/// The original of the API that others speak too. The models are those LiveKit's plugin takes when none is named.
static DIALECT: Dialect = Dialect {
    base_url: "https://api.openai.com/v1",
    needs_key: true,
    chat_model: "gpt-4.1",
    has_stream_options: true,
    transcription_model: "gpt-4o-mini-transcribe",
    speech_model: "gpt-4o-mini-tts",
    voice: "ash",
    speech_rate: 24_000,
    has_speech_usage: usage::is_token_billed_speech,
};

/// The OpenAI provider.
pub struct OpenAi;

impl Provider for OpenAi {
    fn id(&self) -> &'static str {
        "openai"
    }

    fn modalities(&self) -> &'static [Modality] {
        &[Modality::Stt, Modality::Llm, Modality::Tts]
    }

    fn key_variable(&self) -> Option<&'static str> {
        Some("OPENAI_API_KEY")
    }

    fn endpoint(&self, _modality: Modality, _model: &str) -> &'static str {
        "/v1"
    }

    fn known_endings(&self) -> &'static [&'static str] {
        &["/v1/chat/completions", "/v1/audio/transcriptions", "/v1/audio/speech", "/v1"]
    }

    fn check(&self) -> Option<Check> {
        Some(Check::new("https://api.openai.com", "/v1/models"))
    }

    fn price_ref(&self, query: &PriceQuery<'_>) -> PriceRef {
        usage::price_ref(query)
    }

    fn frame<'a>(&self, _modality: Modality, direction: Direction, text: &'a str) -> Option<Frame<'a>> {
        wire::frame(direction, text)
    }

    fn bill(&self, facts: &Facts<'_>) -> Usage {
        usage::bill(facts)
    }
}
