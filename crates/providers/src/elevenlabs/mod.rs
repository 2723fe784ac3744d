//! ElevenLabs: text to speech and Scribe speech to text. <https://elevenlabs.io/docs/api-reference>, read 2026-11.
//!
//! | | stream | recording or file |
//! |---|---|---|
//! | speaking | `/text-to-speech/{voice}/multi-stream-input`, a context for each synthesis | `/text-to-speech/{voice}/stream` |
//! | the same of v3 and v4 | `/text-to-dialogue/multi-stream-input` | `/text-to-dialogue/stream` |
//! | hearing | `/speech-to-text/realtime`, Scribe v2 Realtime | `/speech-to-text`, Scribe v1 and v2 |

mod export;
mod fetch;
mod listen;
mod options;
#[cfg(feature = "sim")]
pub(crate) mod sim;
mod stt;
#[cfg(feature = "sim")]
#[cfg(test)]
mod tests;
mod tts;
mod usage;
pub(crate) mod wire;

use vg_core::{
    Modality, Usage,
    provider::{Check, Direction, Facts, Frame, PriceQuery, PriceRef, Provider},
};

pub use export::EXPORT;

/// How it is called.
pub const CLIENTS: crate::client::Clients =
    crate::client::Clients { stt: Some(&stt::Stt), llm: None, tts: Some(&tts::Tts) };

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

    /// What LiveKit's plugin reads.
    fn other_key_variables(&self) -> &'static [&'static str] {
        &["ELEVEN_API_KEY"]
    }

    fn endpoint(&self, _modality: Modality, _model: &str) -> &'static str {
        "/v1"
    }

    fn known_endings(&self) -> &'static [&'static str] {
        &[
            "/v1/speech-to-text/realtime",
            "/v1/text-to-dialogue",
            "/v1/text-to-speech",
            "/v1/speech-to-text",
            "/v1",
        ]
    }

    /// A key may be kept from everything but speech: it is refused here, by a name that shows that it is known.
    fn check(&self) -> Option<Check> {
        let check = Check::new("https://api.elevenlabs.io", "/v1/user");
        Some(Check { key: ("xi-api-key", ""), passing_refusal: Some("missing_permissions"), ..check })
    }

    fn price_ref(&self, query: &PriceQuery<'_>) -> PriceRef {
        usage::price_ref(query)
    }

    fn frame<'a>(&self, modality: Modality, direction: Direction, text: &'a str) -> Option<Frame<'a>> {
        wire::frame(modality, direction, text)
    }

    fn bill(&self, facts: &Facts<'_>) -> Usage {
        usage::bill(facts)
    }
}
