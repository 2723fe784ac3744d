//! Hearing: a stream of audio into transcripts, or one recording into one.

use bytes::Bytes;
use serde_json::{Map, Value};

/// How a stream of audio is to be heard. Audio is 16-bit little-endian PCM, one channel.
#[derive(Debug, Clone)]
pub struct ListenRequest {
    /// Samples per second of the audio that will be sent; the provider's client resamples if it must.
    pub sample_rate: u32,
    /// BCP-47, or `multi`.
    pub language: Option<String>,
    /// The provider's own options under the provider's names; an empty list means unset.
    pub extra: Map<String, Value>,
}

/// What the caller of a listening stream sends.
#[derive(Debug, Clone)]
pub enum ListenInput {
    /// Audio, as in [`ListenRequest`].
    Audio(Bytes),
    /// Transcribe what was sent so far now, do not wait for more.
    Finalize,
    /// Options to merge. Boxed, since they are rare and streams keep room for many inputs.
    Update(Box<ListenUpdate>),
}

/// Options to merge into those of a stream, key by key. What cannot change in mid-stream is ignored.
#[derive(Debug, Clone)]
pub struct ListenUpdate {
    /// The new language.
    pub language: Option<String>,
    /// The provider's own options.
    pub extra: Map<String, Value>,
}

/// What a listening stream says. Times count from the first sample sent on it.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// Speech began.
    SpeechStarted,
    /// The hypothesis for this utterance so far; replaces the one before.
    Interim(Transcript),
    /// The utterance has probably ended with this text.
    Preflight(Transcript),
    /// The utterance ended with this text. At most one for an utterance.
    Final(Transcript),
    /// Everything before a [`ListenInput::Finalize`] was transcribed.
    Finalized,
}

/// What was heard.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    /// The text.
    pub text: String,
    /// The language that was heard, if the provider says.
    pub language: Option<String>,
    /// Where it begins, in seconds.
    pub start: f64,
    /// How long it is, in seconds.
    pub duration: f64,
    /// From 0 to 1, if the provider says.
    pub confidence: Option<f64>,
    /// The words, if the provider gives them.
    pub words: Vec<Word>,
    /// Who spoke, if the provider tells speakers apart.
    pub speaker: Option<String>,
}

/// A word with its time, in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Word {
    /// The word, with its punctuation where the provider gives it.
    pub text: String,
    /// Where it begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
    /// From 0 to 1, if the provider says.
    pub confidence: Option<f64>,
    /// Who spoke it.
    pub speaker: Option<String>,
}

/// A recording to transcribe, from `POST /audio/transcriptions`.
#[derive(Debug, Clone)]
pub struct TranscribeRequest {
    /// The file.
    pub audio: Bytes,
    /// Its name, as uploaded.
    pub file_name: String,
    /// Its media type, if the upload named one.
    pub content_type: Option<String>,
    /// BCP-47.
    pub language: Option<String>,
    /// The other fields of the form in their order, such as `prompt`, `temperature`, `response_format`.
    pub fields: Vec<(String, String)>,
}

/// A transcribed recording.
#[derive(Debug, Clone)]
pub struct Transcription {
    /// What was heard.
    pub transcript: Transcript,
    /// The length of the recording in seconds, if the provider says.
    pub duration: Option<f64>,
    /// The answer in the form the request asked for, media type first, where the provider speaks OpenAI's API.
    pub native: Option<(String, Bytes)>,
}
