//! The events of streamed speech.

use crate::shared::{api_error::ErrorBody, json_text::Text, websocket::malformed};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use vg_core::{Quantity, Source, Usage, call::Failure};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    audio: Text<'a>,
    /// The name LiveKit's plugin accepts beside `audio`.
    #[serde(borrow)]
    delta: Text<'a>,
    usage: Option<SpeechUsage>,
    error: Option<ErrorBody>,
}

/// The usage of speech billed in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SpeechUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl SpeechUsage {
    /// The quantities this message reports. All that is made is audio.
    pub fn quantities(&self) -> Usage {
        let reported = [
            (Quantity::InputTokens, self.input_tokens),
            (Quantity::OutputTokens, self.output_tokens),
            (Quantity::OutputAudioTokens, self.output_tokens),
        ];
        reported.into_iter().fold(Usage::UNKNOWN, |usage, (quantity, value)| match value {
            Some(value) => usage.with(quantity, value, Source::ProviderReported),
            None => usage,
        })
    }
}

/// What an event says.
#[derive(Debug)]
pub enum Told {
    /// More of the file.
    Audio(Bytes),
    /// All of it has come.
    Done(Option<SpeechUsage>),
    /// It failed.
    Failed(ErrorBody),
    /// Nothing that concerns us.
    Nothing,
}

/// Reads an event.
///
/// # Errors
/// When it is not one.
pub fn read(data: &[u8]) -> Result<Told, Failure> {
    if data.trim_ascii() == b"[DONE]" {
        return Ok(Told::Nothing);
    }
    let event: Event<'_> = serde_json::from_slice(data).map_err(|error| malformed(&error))?;
    if let Some(error) = event.error {
        return Ok(Told::Failed(error));
    }
    Ok(match event.kind.0.as_ref() {
        "speech.audio.delta" => {
            let audio = if event.audio.0.is_empty() { event.delta.0 } else { event.audio.0 };
            let audio = STANDARD.decode(audio.as_bytes()).map_err(|error| {
                Failure::malformed(format!("the provider's audio cannot be read: {error}"))
            })?;
            Told::Audio(audio.into())
        }
        "speech.audio.done" => Told::Done(event.usage),
        _ => Told::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn audio_and_usage_are_read_under_either_name() {
        for name in ["audio", "delta"] {
            let event = format!(r#"{{"type":"speech.audio.delta","{name}":"AQID"}}"#);
            assert!(matches!(read(event.as_bytes()), Ok(Told::Audio(audio)) if audio.as_ref() == [1, 2, 3]));
        }
        let done = br#"{"type":"speech.audio.done","usage":{"input_tokens":14,"output_tokens":101,"total_tokens":115}}"#;
        let Ok(Told::Done(Some(usage))) = read(done) else { panic!("no usage") };
        assert_eq!(usage.quantities().value(Quantity::OutputAudioTokens), Some(101));
        assert!(matches!(read(br#"{"error":{"message":"x"}}"#), Ok(Told::Failed(_))));
        assert!(read(br#"{"type":"speech.audio.delta","audio":"?"}"#).is_err());
        assert!(matches!(read(b"[DONE]"), Ok(Told::Nothing)));
    }

    proptest! {
        #[test]
        fn no_bytes_can_make_it_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
