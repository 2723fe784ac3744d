//! OpenAI's realtime transcription messages: as far as the meter reads them, and as far as the client does.

use crate::shared::{
    api_error::ErrorBody,
    json_text::Text,
    openai_compat::transcription_wire::{Language, TranscriptionUsage},
};
use serde::Deserialize;
use std::borrow::Cow;
use vg_core::provider::{Direction, Frame, Said};

/// Bytes of one second of the realtime audio format: 24 kHz, 16 bits, one channel.
const BYTES_PER_SECOND: u64 = 48_000;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    /// `input_audio_buffer.append`: base64 audio.
    #[serde(borrow)]
    audio: Option<Text<'a>>,
    usage: Option<TranscriptionUsage>,
}

/// Reads a text frame of the realtime socket.
pub fn frame(direction: Direction, text: &str) -> Option<Frame<'_>> {
    let message: Message<'_> = serde_json::from_str(text).ok()?;
    let said = match (direction, message.kind.as_ref()) {
        (Direction::Sent, "input_audio_buffer.append") => {
            Said::Audio(decoded_length(&message.audio?.0) * 1_000_000_000 / BYTES_PER_SECOND)
        }
        (Direction::Received, "conversation.item.input_audio_transcription.completed") => {
            message.usage.map_or(Said::Output, |usage| Said::Usage(usage.quantities()))
        }
        (Direction::Received, "conversation.item.input_audio_transcription.delta") => Said::Output,
        _ => return None,
    };
    Some(Frame { context: None, said })
}

/// What the server says of a session.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Told {
    /// The kind, such as `input_audio_buffer.committed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The stretch of speech it is about.
    pub item_id: String,
    /// Where it begins, in milliseconds of the audio sent.
    pub audio_start_ms: Option<u64>,
    /// Where it ends, in milliseconds of the audio sent.
    pub audio_end_ms: Option<u64>,
    /// More of the text.
    pub delta: String,
    /// All of the text.
    pub transcript: String,
    /// The languages heard.
    pub languages: Option<Vec<Language>>,
    /// What this stretch cost.
    pub usage: Option<TranscriptionUsage>,
    /// What failed.
    pub error: Option<ErrorBody>,
}

/// Reads a message of the server.
///
/// # Errors
/// When it is not one.
pub fn told(text: &str) -> Result<Told, serde_json::Error> {
    serde_json::from_str(text)
}

/// How many bytes a base64 text stands for.
fn decoded_length(base64: &str) -> u64 {
    let padding = base64.bytes().rev().take_while(|byte| *byte == b'=').count() as u64;
    (base64.len() as u64 / 4 * 3).saturating_sub(padding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vg_core::Quantity;

    #[test]
    fn appended_audio_and_completed_usage_are_read() {
        let silence = "AAAA".repeat(800);
        let append = format!(r#"{{"type":"input_audio_buffer.append","audio":"{silence}"}}"#);
        assert_eq!(frame(Direction::Sent, &append).unwrap().said, Said::Audio(50_000_000));
        let completed = r#"{"type":"conversation.item.input_audio_transcription.completed","item_id":"i",
            "transcript":"hi","usage":{"type":"tokens","input_tokens":14,"output_tokens":5,
            "input_token_details":{"text_tokens":10,"audio_tokens":4}}}"#;
        let Said::Usage(usage) = frame(Direction::Received, completed).unwrap().said else {
            panic!("no usage")
        };
        assert_eq!(usage.value(Quantity::InputAudioTokens), Some(4));
        let seconds = r#"{"type":"conversation.item.input_audio_transcription.completed","item_id":"i",
            "transcript":"hi","usage":{"type":"duration","seconds":4}}"#;
        let Said::Usage(usage) = frame(Direction::Received, seconds).unwrap().said else {
            panic!("no usage")
        };
        assert_eq!(usage.value(Quantity::AudioNanos), Some(4_000_000_000));
    }

    #[test]
    fn padding_is_not_audio() {
        assert_eq!(decoded_length("AAA="), 2);
        assert_eq!(decoded_length("AA=="), 1);
        assert_eq!(decoded_length(""), 0);
    }
}
