//! Cartesia's WebSocket messages, as far as the meter reads them.

use serde::Deserialize;
use std::borrow::Cow;
use vg_core::provider::{Direction, Frame, Said};

/// The fields of the messages that count, of both directions; the audio itself is skipped unread.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    context_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    transcript: Option<Cow<'a, str>>,
    status_code: Option<u16>,
}

/// Reads a text frame of the speaking or the listening socket.
pub fn frame(direction: Direction, text: &str) -> Option<Frame<'_>> {
    let message: Message<'_> = serde_json::from_str(text).ok()?;
    let said = match (direction, message.kind.as_deref()) {
        (Direction::Sent, _) => Said::Text(message.transcript?.chars().count() as u64),
        (Direction::Received, Some("chunk" | "transcript" | "turn.update" | "turn.end")) => Said::Output,
        (Direction::Received, Some("error")) => Said::Refused(message.status_code.unwrap_or(500)),
        _ => return None,
    };
    Some(Frame { context: message.context_id, said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_its_transcript_and_a_cancel_counts_nothing() {
        let request = r#"{"model_id":"sonic-3","context_id":"c1","transcript":"Hi there. ","continue":true}"#;
        let read = frame(Direction::Sent, request).unwrap();
        assert_eq!((read.said, read.context.as_deref()), (Said::Text(10), Some("c1")));
        assert_eq!(frame(Direction::Sent, r#"{"context_id":"c1","cancel":true}"#), None);
    }

    #[test]
    fn chunks_are_output_and_errors_refuse() {
        let chunk = r#"{"type":"chunk","context_id":"c1","data":"AAAA","done":false,"status_code":206}"#;
        assert_eq!(frame(Direction::Received, chunk).unwrap().said, Said::Output);
        let error = r#"{"type":"error","context_id":"c1","done":true,"status_code":429,"error":"busy"}"#;
        assert_eq!(frame(Direction::Received, error).unwrap().said, Said::Refused(429));
    }
}
