//! AssemblyAI: Universal-Streaming speech to text (`/v3/ws`), and recordings (`/v2/transcript`).
//! <https://www.assemblyai.com/docs>, read 2026-11.
//!
//! | | |
//! |---|---|
//! | key | bare in `authorization`, without a scheme |
//! | a bad key | is told after the socket was opened: an `Error`, then close code 1008 |
//! | audio | frames of 50 to 1000 ms, 16-bit PCM of one channel |
//! | billed | how long the session was open; a session nobody terminates goes on for three hours |

mod batch;
mod export;
mod listen;
mod options;
#[cfg(feature = "sim")]
pub(crate) mod sim;
mod stt;
#[cfg(feature = "sim")]
#[cfg(test)]
mod tests;
mod usage;
mod wire;

use vg_core::{
    Modality, Usage,
    provider::{Check, Direction, Facts, Frame, PriceQuery, PriceRef, Provider},
};

pub use export::EXPORT;

/// How it is called.
pub const CLIENTS: crate::client::Clients =
    crate::client::Clients { stt: Some(&stt::Stt), llm: None, tts: None };

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
        &["/v2/transcript", "/v2/upload", "/v3/ws", "/v2", "/v3"]
    }

    fn check(&self) -> Option<Check> {
        let check = Check::new("https://streaming.assemblyai.com", "/v3/token?expires_in_seconds=60");
        Some(Check { key: ("authorization", ""), ..check })
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
