//! Cartesia: Sonic text to speech and Ink speech to text. <https://docs.cartesia.ai>, read 2026-11.

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

/// The Cartesia provider.
pub struct Cartesia;

impl Provider for Cartesia {
    fn id(&self) -> &'static str {
        "cartesia"
    }

    fn modalities(&self) -> &'static [Modality] {
        &[Modality::Stt, Modality::Tts]
    }

    fn key_variable(&self) -> Option<&'static str> {
        Some("CARTESIA_API_KEY")
    }

    fn endpoint(&self, _modality: Modality, _model: &str) -> &'static str {
        ""
    }

    fn known_endings(&self) -> &'static [&'static str] {
        &[
            "/stt/turns/websocket",
            "/stt/websocket",
            "/tts/websocket",
            "/tts/bytes",
            "/tts/sse",
            "/stt",
            "/tts",
            "/v1",
        ]
    }

    fn check(&self) -> Option<Check> {
        let check = Check::new("https://api.cartesia.ai", "/voices?limit=1");
        Some(Check { key: ("x-api-key", ""), headers: &[("cartesia-version", "2025-04-16")], ..check })
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
