//! ElevenLabs: text to speech and Scribe speech to text. <https://elevenlabs.io/docs>, read 2026-11.

use crate::shared::billing;
use vg_core::{
    Modality, Usage,
    provider::{Facts, PriceQuery, PriceRef, Provider},
};

/// The ElevenLabs provider.
pub struct ElevenLabs;

impl Provider for ElevenLabs {
    fn id(&self) -> &'static str {
        "elevenlabs"
    }

    fn modalities(&self) -> &'static [Modality] {
        &[Modality::Stt, Modality::Tts]
    }

    fn key_variable(&self) -> Option<&'static str> {
        Some("ELEVENLABS_API_KEY")
    }

    fn endpoint(&self, _modality: Modality, _model: &str) -> &'static str {
        "/v1"
    }

    fn known_endings(&self) -> &'static [&'static str] {
        &["/v1"]
    }

    fn price_ref(&self, query: &PriceQuery<'_>) -> PriceRef {
        PriceRef::book("elevenlabs", query.model)
    }

    fn bill(&self, facts: &Facts<'_>) -> Usage {
        match facts.modality {
            Modality::Tts => billing::characters(facts),
            Modality::Stt | Modality::Llm => billing::audio(facts),
        }
    }
}
