//! Groq: OpenAI-shaped chat, transcription and speech. <https://console.groq.com/docs>, read 2026-11.

use crate::shared::billing;
use vg_core::{
    Modality, Usage,
    provider::{Facts, PriceQuery, PriceRef, Provider},
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

    fn price_ref(&self, query: &PriceQuery<'_>) -> PriceRef {
        PriceRef::book("groq", query.model)
    }

    fn bill(&self, facts: &Facts<'_>) -> Usage {
        match facts.modality {
            Modality::Stt => billing::audio(facts),
            Modality::Llm => billing::tokens(facts),
            Modality::Tts => billing::characters(facts),
        }
    }
}
