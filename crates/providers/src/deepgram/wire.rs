//! Deepgram's WebSocket messages, as far as the meter reads them.

use crate::shared::seconds;
use serde::Deserialize;
use std::borrow::Cow;
use vg_core::provider::{Direction, Frame, Said};

/// The fields of the messages that count, of both directions; all else is skipped unread.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    /// `Speak`: the text to speak.
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    /// `Metadata`: audio seconds processed on this socket.
    duration: Option<f64>,
}

/// Reads a text frame of the listening or the speaking socket.
pub fn frame(direction: Direction, text: &str) -> Option<Frame<'_>> {
    let message: Message<'_> = serde_json::from_str(text).ok()?;
    let said = match (direction, message.kind.as_ref()) {
        (Direction::Sent, "Speak") => Said::Text(message.text?.chars().count() as u64),
        (Direction::Received, "Metadata") => Said::AudioProcessed(seconds::to_nanos(message.duration?)?),
        (Direction::Received, "Results" | "TurnInfo") => Said::Output,
        _ => return None,
    };
    Some(Frame { context: None, said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_metadata_counts_audio_and_the_speaking_one_does_not() {
        let closing = r#"{"type":"Metadata","request_id":"r","duration":12.34,"channels":1}"#;
        let said = frame(Direction::Received, closing).map(|f| f.said);
        assert_eq!(said, Some(Said::AudioProcessed(12_340_000_000)));
        let speaking = r#"{"type":"Metadata","request_id":"r","model_name":"aura-2-thalia-en"}"#;
        assert_eq!(frame(Direction::Received, speaking), None);
    }

    #[test]
    fn spoken_text_counts_code_points() {
        let said = frame(Direction::Sent, r#"{"type":"Speak","text":"naïve \ud83d\ude00 "}"#).map(|f| f.said);
        assert_eq!(said, Some(Said::Text(8)));
        assert_eq!(frame(Direction::Sent, r#"{"type":"KeepAlive"}"#), None);
        assert_eq!(frame(Direction::Sent, "not json"), None);
    }
}
