//! Runtimes on the owner's machine: Whisper, Ollama, Kokoro, Piper. They need no key and cost exactly 0, and
//! what they did is metered all the same.

use crate::shared::billing;
use vg_core::{
    Modality, Usage,
    provider::{Facts, PriceQuery, PriceRef, Provider},
};

/// A local runtime.
pub struct Local {
    id: &'static str,
    modalities: &'static [Modality],
    endpoint: &'static str,
    endings: &'static [&'static str],
}

/// Whisper, by faster-whisper.
pub static WHISPER: Local = Local { id: "whisper", modalities: &[Modality::Stt], endpoint: "", endings: &[] };
/// Ollama, through its OpenAI-shaped endpoint.
pub static OLLAMA: Local = Local {
    id: "ollama",
    modalities: &[Modality::Llm],
    endpoint: "/v1",
    endings: &["/v1/chat/completions", "/v1", "/api"],
};
/// Kokoro.
pub static KOKORO: Local = Local { id: "kokoro", modalities: &[Modality::Tts], endpoint: "", endings: &[] };
/// Piper.
pub static PIPER: Local = Local { id: "piper", modalities: &[Modality::Tts], endpoint: "", endings: &[] };

impl Provider for Local {
    fn id(&self) -> &'static str {
        self.id
    }

    fn modalities(&self) -> &'static [Modality] {
        self.modalities
    }

    fn key_variable(&self) -> Option<&'static str> {
        None
    }

    fn endpoint(&self, _modality: Modality, _model: &str) -> &'static str {
        self.endpoint
    }

    fn known_endings(&self) -> &'static [&'static str] {
        self.endings
    }

    fn price_ref(&self, _query: &PriceQuery<'_>) -> PriceRef {
        PriceRef::Local
    }

    fn bill(&self, facts: &Facts<'_>) -> Usage {
        match facts.modality {
            Modality::Stt => billing::audio(facts),
            Modality::Llm => billing::tokens(facts),
            Modality::Tts => billing::characters(facts),
        }
    }
}
