//! OpenAI: chat completions, transcription and speech. <https://platform.openai.com/docs/api-reference>,
//! read 2026-11.

#[cfg(feature = "sim")]
pub(crate) mod sim;
mod usage;
mod wire;

use vg_core::{
    Modality, Usage,
    provider::{Direction, Facts, Frame, PriceQuery, PriceRef, Provider},
};

/// How it is called.
pub const CLIENTS: crate::client::Clients = crate::client::Clients { stt: None, llm: None, tts: None };

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
