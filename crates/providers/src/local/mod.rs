//! Runtimes on the owner's machine: Whisper, Ollama, Kokoro, Piper. They need no key and cost exactly 0, and
//! what they did is metered all the same.

use crate::shared::billing;
use vg_core::{
    Modality, Usage,
    provider::{Direction, Facts, Frame, PriceQuery, PriceRef, Provider, Said},
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

    /// The pipe to a runtime's worker carries plain text one way: what is to be spoken.
    fn frame<'a>(&self, modality: Modality, direction: Direction, text: &'a str) -> Option<Frame<'a>> {
        let characters = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        let is_speech = (modality, direction) == (Modality::Tts, Direction::Sent);
        is_speech.then_some(Frame { context: None, said: Said::Text(characters) })
    }

    fn bill(&self, facts: &Facts<'_>) -> Usage {
        match facts.modality {
            Modality::Stt => billing::audio(facts),
            Modality::Llm => billing::tokens(facts),
            Modality::Tts => billing::characters(facts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_to_a_voice_is_counted_in_code_points() {
        let said = |direction| PIPER.frame(Modality::Tts, direction, "Grüße 😀").map(|frame| frame.said);
        assert_eq!(said(Direction::Sent), Some(Said::Text(7)));
        assert_eq!(said(Direction::Received), None);
        assert!(OLLAMA.frame(Modality::Llm, Direction::Sent, "Hi").is_none());
    }
}
