//! Speaking: text in pieces into a stream of audio, or one text into one file.

use bytes::Bytes;
use serde_json::{Map, Value};

/// How text is to be spoken. Audio comes back as 16-bit little-endian PCM, one channel.
#[derive(Debug, Clone)]
pub struct SpeakRequest {
    /// Samples per second that must come back; the provider's client resamples if it must.
    pub sample_rate: u32,
    /// The voice; none is the provider's default.
    pub voice: Option<String>,
    /// BCP-47.
    pub language: Option<String>,
    /// The provider's own options under the provider's names.
    pub extra: Map<String, Value>,
}

/// What a speaking stream says.
#[derive(Debug, Clone, PartialEq)]
pub enum Spoken {
    /// Audio, as in [`SpeakRequest`].
    Audio(Bytes),
    /// When words are spoken, in seconds from the first sample of this stream.
    Words(Vec<Letter>),
    /// When single characters are spoken.
    Characters(Vec<Letter>),
    /// All audio of the first so many texts said has come. Providers that cannot tell leave it out.
    TextsDone(usize),
}

/// A word or a character with its time, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// The word or character, as sent.
    pub text: String,
    /// Where it begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
}

/// A text to speak into one file, from `POST /audio/speech`.
#[derive(Debug, Clone)]
pub struct SynthesizeRequest {
    /// The text.
    pub text: String,
    /// The voice; none is the provider's default.
    pub voice: Option<String>,
    /// The file format.
    pub format: AudioFormat,
    /// Times the normal speed.
    pub speed: Option<f64>,
    /// How to speak, in words, for models that take them.
    pub instructions: Option<String>,
    /// Whether the client asked for server-sent events (`stream_format: sse`), for providers that have them.
    pub as_events: bool,
    /// The other keys of the body.
    pub extra: Map<String, Value>,
}

/// The audio formats of OpenAI's speech API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioFormat {
    /// MPEG layer 3.
    Mp3,
    /// Opus in Ogg.
    Opus,
    /// AAC.
    Aac,
    /// FLAC.
    Flac,
    /// 16-bit PCM in WAV.
    Wav,
    /// Bare 16-bit little-endian PCM at 24 kHz, one channel.
    Pcm,
}

impl AudioFormat {
    /// The word for it in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            AudioFormat::Mp3 => "mp3",
            AudioFormat::Opus => "opus",
            AudioFormat::Aac => "aac",
            AudioFormat::Flac => "flac",
            AudioFormat::Wav => "wav",
            AudioFormat::Pcm => "pcm",
        }
    }

    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            AudioFormat::Mp3 => "audio/mpeg",
            AudioFormat::Opus => "audio/ogg",
            AudioFormat::Aac => "audio/aac",
            AudioFormat::Flac => "audio/flac",
            AudioFormat::Wav => "audio/wav",
            AudioFormat::Pcm => "audio/pcm",
        }
    }

    /// The format of that name.
    pub fn of_name(name: &str) -> Option<AudioFormat> {
        const ALL: [AudioFormat; 6] = [
            AudioFormat::Mp3,
            AudioFormat::Opus,
            AudioFormat::Aac,
            AudioFormat::Flac,
            AudioFormat::Wav,
            AudioFormat::Pcm,
        ];
        ALL.into_iter().find(|format| format.as_str() == name)
    }
}
