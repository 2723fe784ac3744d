//! The three modalities of a voice agent.

use crate::Error;
use std::{fmt, str::FromStr};

/// Which way a request turns speech or text: speech to text, text to text, text to speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Modality {
    /// Speech to text.
    Stt,
    /// Text to text.
    Llm,
    /// Text to speech.
    Tts,
}

impl Modality {
    /// All modalities, in the order a conversation uses them.
    pub const ALL: [Modality; 3] = [Modality::Stt, Modality::Llm, Modality::Tts];

    /// The word used in configuration, ledger and every API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Modality::Stt => "stt",
            Modality::Llm => "llm",
            Modality::Tts => "tts",
        }
    }
}

impl fmt::Display for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Modality {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Modality::ALL.into_iter().find(|m| m.as_str() == text).ok_or_else(|| Error::UnknownWord {
            what: "modality",
            given: text.to_owned(),
            allowed: "stt, llm, tts",
        })
    }
}
