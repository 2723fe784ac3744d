//! OpenAI's realtime transcription messages, as far as the meter reads them.

use crate::shared::seconds;
use serde::Deserialize;
use std::borrow::Cow;
use vg_core::{
    Quantity, Source, Usage,
    provider::{Direction, Frame, Said},
};

/// Bytes of one second of the realtime audio format: 24 kHz, 16 bits, one channel.
const BYTES_PER_SECOND: u64 = 48_000;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    /// `input_audio_buffer.append`: base64 audio.
    #[serde(borrow)]
    audio: Option<Cow<'a, str>>,
    usage: Option<TranscriptionUsage>,
}

/// The usage of a transcription: tokens for the models billed so, else seconds.
#[derive(Deserialize)]
pub struct TranscriptionUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    #[serde(default)]
    input_token_details: TokenDetails,
    seconds: Option<f64>,
}

#[derive(Deserialize, Default)]
struct TokenDetails {
    audio_tokens: Option<u64>,
}

impl TranscriptionUsage {
    /// The quantities this message reports.
    pub fn quantities(&self) -> Usage {
        let reported = [
            (Quantity::InputTokens, self.input_tokens),
            (Quantity::InputAudioTokens, self.input_token_details.audio_tokens),
            (Quantity::OutputTokens, self.output_tokens),
            (Quantity::AudioNanos, self.seconds.and_then(seconds::to_nanos)),
        ];
        reported.into_iter().fold(Usage::UNKNOWN, |usage, (quantity, value)| match value {
            Some(value) => usage.with(quantity, value, Source::ProviderReported),
            None => usage,
        })
    }
}

/// Reads a text frame of the realtime socket.
pub fn frame(direction: Direction, text: &str) -> Option<Frame<'_>> {
    let message: Message<'_> = serde_json::from_str(text).ok()?;
    let said = match (direction, message.kind.as_ref()) {
        (Direction::Sent, "input_audio_buffer.append") => {
            Said::Audio(decoded_length(&message.audio?) * 1_000_000_000 / BYTES_PER_SECOND)
        }
        (Direction::Received, "conversation.item.input_audio_transcription.completed") => {
            message.usage.map_or(Said::Output, |usage| Said::Usage(usage.quantities()))
        }
        (Direction::Received, "conversation.item.input_audio_transcription.delta") => Said::Output,
        _ => return None,
    };
    Some(Frame { context: None, said })
}

/// How many bytes a base64 text stands for.
fn decoded_length(base64: &str) -> u64 {
    let padding = base64.bytes().rev().take_while(|byte| *byte == b'=').count() as u64;
    (base64.len() as u64 / 4 * 3).saturating_sub(padding)
}

#[cfg(test)]
mod tests {
    use super::*;

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
