//! Runtimes on the owner's machines, as the HTTP servers people run: Whisper (speaches), Ollama, Kokoro
//! (Kokoro-FastAPI), Piper. They need no key and cost exactly 0, and what they did is metered all the same.

pub mod kokoro;
pub mod ollama;
pub mod piper;
#[cfg(feature = "sim")]
pub(crate) mod sim;
#[cfg(feature = "sim")]
#[cfg(test)]
mod tests;
pub mod whisper;

use crate::shared::{billing, openai_compat::Dialect, speech_file::PCM_RATE};
use std::{borrow::Cow, time::Duration};
use vg_core::{
    Kind, Modality, Usage,
    call::Failure,
    provider::{Check, Direction, Facts, Frame, PriceQuery, PriceRef, Provider, Said},
};

/// How long the first answer may take, as the model is read from disk for it.
const WARM_UP: Duration = Duration::from_secs(120);

/// A local runtime.
pub struct Local {
    id: &'static str,
    modalities: &'static [Modality],
    endpoint: &'static str,
    endings: &'static [&'static str],
    /// How an owner starts it.
    start: &'static str,
    check: Check,
}

/// Whisper, by a server of faster-whisper.
pub static WHISPER: Local = Local {
    id: "whisper",
    modalities: &[Modality::Stt],
    endpoint: "/v1",
    endings: &["/v1/audio/transcriptions", "/v1"],
    start: "start speaches",
    check: Check::new("http://localhost:8000", "/v1/models"),
};
/// Ollama, through its OpenAI-shaped endpoint.
pub static OLLAMA: Local = Local {
    id: "ollama",
    modalities: &[Modality::Llm],
    endpoint: "/v1",
    endings: &["/v1/chat/completions", "/v1", "/api"],
    start: "start it with `ollama serve`",
    check: Check::new("http://localhost:11434", "/api/version"),
};
/// Kokoro, by Kokoro-FastAPI.
pub static KOKORO: Local = Local {
    id: "kokoro",
    modalities: &[Modality::Tts],
    endpoint: "/v1",
    endings: &["/v1/audio/speech", "/v1"],
    start: "start Kokoro-FastAPI",
    check: Check::new("http://localhost:8880", "/health"),
};
/// Piper, by its own HTTP server.
pub static PIPER: Local = Local {
    id: "piper",
    modalities: &[Modality::Tts],
    endpoint: "",
    endings: &["/synthesize"],
    start: "start it with `python -m piper.http_server -m <voice>`",
    check: Check::new("http://localhost:5000", "/voices"),
};

/// What a server on the owner's machine has in common with OpenAI's.
const SERVER: Dialect = Dialect {
    base_url: "",
    needs_key: false,
    chat_model: "",
    has_stream_options: true,
    transcription_model: "",
    speech_model: "",
    voice: "",
    speech_rate: PCM_RATE,
    has_speech_usage: |_| false,
};

impl Local {
    /// The failure of a request that was not accepted, with what the owner can do about it: start the runtime, or
    /// get the model.
    fn advised(&self, mut failure: Failure, missing: impl FnOnce() -> String) -> Failure {
        let advice = match (failure.status, failure.kind) {
            (Some(404), _) => missing(),
            (None, Kind::UpstreamFailed) => {
                format!("is {0} running there? {1}, or set `providers.{0}.base_url`", self.id, self.start)
            }
            _ => return failure,
        };
        failure.message = format!("{}; {advice}", failure.message);
        failure
    }
}

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

    fn billed_model<'a>(&self, modality: Modality, model: &'a str, _voice: Option<&str>) -> Cow<'a, str> {
        match modality {
            Modality::Stt => Cow::Borrowed(whisper::served_name(model)),
            Modality::Llm | Modality::Tts => Cow::Borrowed(model),
        }
    }

    fn check(&self) -> Option<Check> {
        Some(self.check)
    }

    fn warm_up(&self) -> Duration {
        WARM_UP
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
