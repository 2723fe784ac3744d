//! One call of a provider, as the engine and a provider's client speak of it: where it goes, what is asked and
//! answered in each modality, what the meter is told on the way, and how it fails. No I/O here.

mod failure;
mod llm;
mod stt;
mod tap;
mod tts;

pub use failure::{Failure, Retry};
pub use llm::{ChatPiece, ChatRequest};
pub use stt::{
    Heard, ListenInput, ListenRequest, ListenUpdate, TranscribeRequest, Transcript, Transcription, Word,
};
pub use tap::Tap;
pub use tts::{AudioFormat, Letter, SpeakRequest, Spoken, SynthesizeRequest};

use crate::config::Secret;
use std::fmt;

/// Where a call goes and as whom: one model at one provider, with the owner's key.
#[derive(Clone)]
pub struct Endpoint {
    /// The model as the provider calls it; empty for the provider's default.
    pub model: String,
    /// The key, for a provider that needs one.
    pub api_key: Option<Secret>,
    /// The address in the form `Provider::plugin_base_url` gives, if it is not the provider's own.
    pub base_url: Option<String>,
    /// The language of the target, if the model string or its entry names one.
    pub language: Option<String>,
    /// The voice of the target, if the model string or its entry names one.
    pub voice: Option<String>,
    /// Further arguments for the provider, from the entry under `models`.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Endpoint {
    /// The key, or the refusal a provider would answer without one.
    ///
    /// # Errors
    /// When there is no key or its variable is not set.
    pub fn key(&self) -> Result<&str, Failure> {
        let key = self.api_key.as_ref().and_then(|key| key.expose().ok()).filter(|key| !key.is_empty());
        key.ok_or_else(|| Failure::refused(401, "no API key is configured for this provider"))
    }
}

/// A key is never shown.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.model)
    }
}
