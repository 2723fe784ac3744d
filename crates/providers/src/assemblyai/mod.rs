//! AssemblyAI: Universal-Streaming speech to text. <https://www.assemblyai.com/docs>, read 2026-11.

mod usage;

use vg_core::{
    Modality, Usage,
    provider::{Facts, PriceQuery, PriceRef, Provider},
};

/// The AssemblyAI provider.
pub struct AssemblyAi;

impl Provider for AssemblyAi {
    fn id(&self) -> &'static str {
        "assemblyai"
    }

    fn modalities(&self) -> &'static [Modality] {
        &[Modality::Stt]
    }

    fn key_variable(&self) -> Option<&'static str> {
        Some("ASSEMBLYAI_API_KEY")
    }

    fn endpoint(&self, _modality: Modality, _model: &str) -> &'static str {
        ""
    }

    fn known_endings(&self) -> &'static [&'static str] {
        &["/v3/ws", "/v3"]
    }

    fn price_ref(&self, query: &PriceQuery<'_>) -> PriceRef {
        usage::price_ref(query)
    }

    fn bill(&self, facts: &Facts<'_>) -> Usage {
        usage::bill(facts)
    }
}
