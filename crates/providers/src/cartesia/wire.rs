//! Cartesia's messages: what the clients read, and the little of them that the meter reads.

use crate::{
    client::Words,
    shared::{http::shortened, json_text::Text, lenient, websocket},
};
use serde::Deserialize;
use std::borrow::Cow;
use vg_core::{
    call::{Failure, Letter, Word},
    provider::{Direction, Frame, Said},
};

/// The fields of the messages that count, of both directions; the audio itself is skipped unread.
#[derive(Deserialize)]
struct Counted<'a> {
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
    let message: Counted<'_> = serde_json::from_str(text).ok()?;
    let said = match (direction, message.kind.as_deref()) {
        (Direction::Sent, _) => Said::Text(message.transcript?.chars().count() as u64),
        (Direction::Received, Some("chunk" | "transcript" | "turn.update" | "turn.end")) => Said::Output,
        (Direction::Received, Some("error")) => Said::Refused(message.status_code.unwrap_or(500)),
        _ => return None,
    };
    Some(Frame { context: message.context_id, said })
}

/// A message of a speaking socket.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Spoken<'a> {
    /// `chunk`, `timestamps`, `done`, `error`, …
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// The synthesis it belongs to.
    #[serde(borrow)]
    pub context_id: Option<Cow<'a, str>>,
    /// Audio in base64.
    #[serde(borrow)]
    pub data: Text<'a>,
    /// When words sound.
    #[serde(borrow)]
    pub word_timestamps: Option<Times<'a>>,
}

/// When words sound, in seconds from the beginning of the context.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Times<'a> {
    #[serde(borrow, deserialize_with = "lenient::or_default")]
    words: Vec<Cow<'a, str>>,
    #[serde(deserialize_with = "lenient::or_default")]
    start: Vec<f64>,
    #[serde(deserialize_with = "lenient::or_default")]
    end: Vec<f64>,
}

impl Times<'_> {
    /// The words, shifted by the seconds spoken before their context.
    pub fn letters(&self, earlier: f64) -> Vec<Letter> {
        let times = self.start.iter().zip(&self.end);
        let letter = |(word, (start, end)): (&Cow<'_, str>, (&f64, &f64))| Letter {
            text: word.clone().into_owned(),
            start: start + earlier,
            end: end + earlier,
        };
        self.words.iter().zip(times).map(letter).collect()
    }
}

/// A message of a listening socket, or the answer for a recording.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Heard<'a> {
    /// `transcript`, `turn.update`, `done`, `error`, …
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// The turn so far.
    #[serde(borrow)]
    pub transcript: Option<Cow<'a, str>>,
    /// What was heard since the last final piece.
    #[serde(borrow)]
    pub text: Option<Cow<'a, str>>,
    /// The piece will not change.
    #[serde(deserialize_with = "lenient::or_default")]
    pub is_final: bool,
    /// How much audio it covers, in seconds.
    pub duration: Option<f64>,
    /// What it is in.
    #[serde(borrow)]
    pub language: Option<Cow<'a, str>>,
    #[serde(borrow)]
    words: Option<Vec<HeardWord<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HeardWord<'a> {
    #[serde(borrow)]
    word: Cow<'a, str>,
    #[serde(deserialize_with = "lenient::or_default")]
    start: f64,
    #[serde(deserialize_with = "lenient::or_default")]
    end: f64,
}

impl Heard<'_> {
    /// The words as our callers read them.
    pub fn words(&self) -> Vec<Word> {
        let word = |word: &HeardWord<'_>| Word {
            text: word.word.trim().to_owned(),
            start: word.start,
            end: word.end,
            ..Word::default()
        };
        self.words.iter().flatten().map(word).collect()
    }
}

/// Reads a text frame of a listening socket.
///
/// # Errors
/// When it is not what the documentation says, or an error of Cartesia's.
pub fn heard(text: &str) -> Result<Heard<'_>, Failure> {
    let heard: Heard<'_> = serde_json::from_str(text).map_err(|error| websocket::malformed(&error))?;
    if heard.kind == "error" { Err(failure(text)) } else { Ok(heard) }
}

/// The fields of an error, in the versions before and after March 2026.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Failed<'a> {
    status_code: Option<u16>,
    code: Option<u16>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error_code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    title: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

impl Failed<'_> {
    fn words(&self) -> Words {
        let message = match (self.title.as_deref(), self.message.as_deref(), self.error.as_deref()) {
            (Some(title), Some(message), _) => format!("{title}: {message}"),
            (title, message, error) => message.or(error).or(title).unwrap_or_default().to_owned(),
        };
        Words { message: shortened(&message), code: self.error_code.as_deref().map(shortened) }
    }
}

/// What an error message in the middle of a socket says.
fn failure(text: &str) -> Failure {
    let failed: Failed<'_> = serde_json::from_str(text).unwrap_or_default();
    let words = failed.words();
    let said = if words.message.is_empty() { "no reason given" } else { &words.message };
    let status = failed.status_code.or(failed.code).filter(|status| *status >= 400).unwrap_or(500);
    Failure::refused(status, format!("Cartesia failed: {said}")).with_code(words.code)
}

/// What a refusal's body says: JSON since March 2026, plain text before.
pub fn refusal(body: &[u8]) -> Words {
    match serde_json::from_slice::<Failed<'_>>(body) {
        Ok(failed) => failed.words(),
        Err(_) => Words { message: shortened(&String::from_utf8_lossy(body)), code: None },
    }
}

/// Reads a text frame of a speaking socket.
///
/// # Errors
/// When it is not what the documentation says, or an error of Cartesia's.
pub fn spoken(text: &str) -> Result<Spoken<'_>, (Option<Cow<'_, str>>, Failure)> {
    let spoken: Spoken<'_> =
        serde_json::from_str(text).map_err(|error| (None, websocket::malformed(&error)))?;
    if spoken.kind == "error" {
        return Err((spoken.context_id, failure(text)));
    }
    Ok(spoken)
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
