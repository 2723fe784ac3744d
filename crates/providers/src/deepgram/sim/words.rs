//! The parts of Deepgram's messages that its transcriptions share.

use crate::sim::Utterance;
use axum::extract::ws::Message;
use serde_json::{Value, json};

/// The only guess at what was said.
pub(super) fn alternative(utterance: &Utterance) -> Value {
    let words: Vec<Value> = utterance
        .words
        .iter()
        .map(|word| {
            let bare: String =
                word.text.chars().filter(|letter| letter.is_alphanumeric() || *letter == '\'').collect();
            json!({
                "word": bare.to_lowercase(),
                "start": in_seconds(word.start),
                "end": in_seconds(word.end),
                "confidence": 0.99,
                "punctuated_word": word.text,
            })
        })
        .collect();
    let confidence = if words.is_empty() { 0.0 } else { 0.99 };
    json!({"transcript": utterance.text(), "confidence": confidence, "words": words})
}

pub(super) fn frame(message: Value) -> Message {
    Message::text(message.to_string())
}

pub(super) fn in_seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

/// A time, as Deepgram writes it.
pub(super) fn written(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
