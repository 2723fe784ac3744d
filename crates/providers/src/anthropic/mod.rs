//! Anthropic: the Messages API. <https://platform.claude.com/docs>, read 2026-11.

mod answer;
mod export;
mod fetch;
mod llm;
mod request;
#[cfg(feature = "sim")]
pub(crate) mod sim;
#[cfg(feature = "sim")]
#[cfg(test)]
mod tests;
mod wire;

use crate::shared::{api_error::ErrorBody, billing};
use vg_core::{
    Modality, Usage,
    provider::{Check, Direction, Facts, Frame, PriceQuery, PriceRef, Provider},
};

pub use export::EXPORT;

/// How it is called.
pub const CLIENTS: crate::client::Clients =
    crate::client::Clients { stt: None, llm: Some(&llm::Llm), tts: None };

/// A failure the provider gave no reason for.
const NO_REASON: ErrorBody = ErrorBody::Object { message: None, kind: None, code: None };

/// The Anthropic provider.
pub struct Anthropic;

impl Provider for Anthropic {
    fn id(&self) -> &'static str {
        "anthropic"
    }

    fn modalities(&self) -> &'static [Modality] {
        &[Modality::Llm]
    }

    fn key_variable(&self) -> Option<&'static str> {
        Some("ANTHROPIC_API_KEY")
    }

    fn endpoint(&self, _modality: Modality, _model: &str) -> &'static str {
        ""
    }

    fn known_endings(&self) -> &'static [&'static str] {
        &["/v1/messages", "/v1"]
    }

    fn check(&self) -> Option<Check> {
        let check = Check::new("https://api.anthropic.com", "/v1/models?limit=1");
        Some(Check { key: ("x-api-key", ""), headers: &[("anthropic-version", "2023-06-01")], ..check })
    }

    fn price_ref(&self, query: &PriceQuery<'_>) -> PriceRef {
        PriceRef::book("anthropic", query.model)
    }

    fn frame<'a>(&self, _modality: Modality, direction: Direction, text: &'a str) -> Option<Frame<'a>> {
        wire::frame(direction, text)
    }

    fn bill(&self, facts: &Facts<'_>) -> Usage {
        billing::tokens(facts)
    }
}
