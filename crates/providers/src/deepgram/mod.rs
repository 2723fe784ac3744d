//! Deepgram: streaming and pre-recorded speech to text (`/v1/listen`, Flux on `/v2/listen`) and Aura text to
//! speech (`/v1/speak`). <https://developers.deepgram.com>, read 2026-11.

mod export;
mod fetch;
mod flux;
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

use std::borrow::Cow;
use vg_core::{
    Modality, Usage,
    provider::{Check, Direction, Facts, Frame, PriceQuery, PriceRef, Provider},
};

pub use export::EXPORT;

/// How it is called.
pub const CLIENTS: crate::client::Clients =
    crate::client::Clients { stt: Some(&stt::Stt), llm: None, tts: Some(&tts::Tts) };

/// The Deepgram provider.
pub struct Deepgram;

impl Provider for Deepgram {
    fn id(&self) -> &'static str {
        "deepgram"
    }

    fn modalities(&self) -> &'static [Modality] {
        &[Modality::Stt, Modality::Tts]
    }

    fn key_variable(&self) -> Option<&'static str> {
        Some("DEEPGRAM_API_KEY")
    }

    fn endpoint(&self, modality: Modality, model: &str) -> &'static str {
        match (modality, model.starts_with("flux")) {
            (Modality::Tts, false) => "/v1/speak",
            (Modality::Tts, true) => "/v2/speak",
            (_, false) => "/v1/listen",
            (_, true) => "/v2/listen",
        }
    }

    fn known_endings(&self) -> &'static [&'static str] {
        &["/v1/listen", "/v2/listen", "/v1/speak", "/v2/speak", "/v1", "/v2"]
    }

    fn billed_model<'a>(&self, modality: Modality, model: &'a str, voice: Option<&str>) -> Cow<'a, str> {
        match modality {
            Modality::Tts => options::voice_model(model, voice),
            Modality::Stt | Modality::Llm => Cow::Borrowed(model),
        }
    }

    fn check(&self) -> Option<Check> {
        let check = Check::new("https://api.deepgram.com", "/v1/auth/token");
        Some(Check { key: ("authorization", "Token "), ..check })
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
