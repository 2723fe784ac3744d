//! AssemblyAI's messages: those of a streaming session, and those of a recording's transcript.

use crate::{
    client::Words,
    shared::{http::shortened, lenient::or_default, seconds, websocket},
};
use serde::Deserialize;
use std::borrow::Cow;
use tokio_tungstenite::tungstenite::{Utf8Bytes, protocol::CloseFrame};
use vg_core::{
    call::{Failure, Transcript, Word},
    provider::{Direction, Frame, Said},
};

/// A sign of life.
pub const KEEP_ALIVE: Utf8Bytes = Utf8Bytes::from_static(r#"{"type":"KeepAlive"}"#);
/// End the turn now.
pub const FORCE_ENDPOINT: Utf8Bytes = Utf8Bytes::from_static(r#"{"type":"ForceEndpoint"}"#);
/// Say what is left, and end the session.
pub const TERMINATE: Utf8Bytes = Utf8Bytes::from_static(r#"{"type":"Terminate"}"#);

/// A message of the server.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Told<'a> {
    /// The kind, such as `Turn`.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// `Turn`: all of the turn so far.
    #[serde(borrow, deserialize_with = "or_default")]
    transcript: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "or_default")]
    words: Vec<TimedWord<'a>>,
    /// Whether the turn is over.
    #[serde(deserialize_with = "or_default")]
    pub end_of_turn: bool,
    /// Whether the text has its punctuation.
    #[serde(deserialize_with = "or_default")]
    pub turn_is_formatted: bool,
    #[serde(borrow)]
    language_code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    speaker_label: Option<Cow<'a, str>>,
    /// `Termination`: how long the session lasted.
    session_duration_seconds: Option<f64>,
    /// `Error`.
    error_code: Option<u16>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
}

/// A word; times are in milliseconds, of the session or of the recording.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TimedWord<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    text: Cow<'a, str>,
    #[serde(deserialize_with = "or_default")]
    start: f64,
    #[serde(deserialize_with = "or_default")]
    end: f64,
    confidence: Option<f64>,
    #[serde(borrow)]
    speaker: Option<Cow<'a, str>>,
}

/// Reads a message of the server.
///
/// # Errors
/// When it is not one.
pub fn told(text: &str) -> Result<Told<'_>, Failure> {
    serde_json::from_str(text).map_err(|error| websocket::malformed(&error))
}

impl Told<'_> {
    /// What was heard of the turn so far.
    pub fn turn(&self) -> Transcript {
        transcript(
            &self.transcript,
            &self.words,
            self.language_code.as_deref(),
            self.speaker_label.as_deref(),
        )
    }

    /// How long the session lasted, in nanoseconds.
    pub fn session_nanos(&self) -> Option<u64> {
        self.session_duration_seconds.and_then(seconds::to_nanos)
    }

    /// What an `Error` says.
    pub fn failure(&self) -> Failure {
        let said = shortened(self.error.as_deref().unwrap_or_default());
        let said = if said.is_empty() { "no reason given" } else { &said };
        let code = self.error_code.unwrap_or(0);
        let message = format!("AssemblyAI failed with {code}: {said}");
        Failure::refused(status_of(code), message).with_code(Some(code.to_string()))
    }
}

fn transcript(
    text: &str,
    words: &[TimedWord<'_>],
    language: Option<&str>,
    speaker: Option<&str>,
) -> Transcript {
    let words: Vec<Word> = words
        .iter()
        .map(|word| Word {
            text: word.text.clone().into_owned(),
            start: word.start / 1_000.0,
            end: word.end / 1_000.0,
            confidence: word.confidence,
            speaker: known_speaker(word.speaker.as_deref()),
        })
        .collect();
    let start = words.first().map_or(0.0, |word| word.start);
    let end = words.last().map_or(start, |word| word.end);
    let known: Vec<f64> = words.iter().filter_map(|word| word.confidence).collect();
    Transcript {
        text: if text.is_empty() { joined(&words) } else { text.to_owned() },
        language: language.map(str::to_owned),
        start,
        duration: (end - start).max(0.0),
        confidence: (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64),
        speaker: known_speaker(speaker),
        words,
    }
}

/// A partial turn of some models has its words only.
fn joined(words: &[Word]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn known_speaker(label: Option<&str>) -> Option<String> {
    label.filter(|label| *label != "UNKNOWN").map(str::to_owned)
}

/// The HTTP status that an `Error`'s or a close's code stands for: 1008 is whatever is wrong with the account.
/// <https://www.assemblyai.com/docs/api-reference/streaming-api>, read 2026-11, and the SDK's list.
fn status_of(code: u16) -> u16 {
    match code {
        1008 | 4001 => 401,
        4002 => 402,
        3006 | 3007 => 400,
        3008 | 4031 => 408,
        3009 | 4029 => 429,
        400..=599 => code,
        _ => 500,
    }
}

/// What a close means.
pub fn closed(frame: Option<&CloseFrame>) -> Failure {
    let failure = websocket::closed(frame);
    let Some(frame) = frame.filter(|frame| u16::from(frame.code) > 1001) else { return failure };
    Failure::refused(status_of(frame.code.into()), failure.message).with_code(failure.code)
}

/// Reads a text frame for the meter.
pub fn frame(direction: Direction, text: &str) -> Option<Frame<'_>> {
    if direction == Direction::Sent {
        return None;
    }
    let told = told(text).ok()?;
    let said = match told.kind.as_ref() {
        "Turn" => Said::Output,
        "Termination" => Said::SessionLasted(told.session_nanos()?),
        "Error" => Said::Refused(told.failure().status?),
        _ => return None,
    };
    Some(Frame { context: None, said })
}

/// Where an uploaded recording lies.
#[derive(Debug, Deserialize)]
pub struct Uploaded {
    /// Its address, which only AssemblyAI can read.
    pub upload_url: String,
}

/// A recording's transcript, finished or not.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Recording<'a> {
    /// Its name.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// `queued`, `processing`, `completed` or `error`.
    #[serde(borrow)]
    pub status: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "or_default")]
    text: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "or_default")]
    words: Vec<TimedWord<'a>>,
    #[serde(borrow)]
    language_code: Option<Cow<'a, str>>,
    /// The length of the recording, in seconds.
    pub audio_duration: Option<f64>,
    /// Why it failed.
    #[serde(borrow)]
    pub error: Option<Cow<'a, str>>,
}

impl Recording<'_> {
    /// What was heard.
    pub fn transcript(&self) -> Transcript {
        transcript(&self.text, &self.words, self.language_code.as_deref(), None)
    }
}

#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    error: Cow<'a, str>,
}

/// What a refusal's body says.
pub fn refusal(body: &[u8]) -> Words {
    match serde_json::from_slice::<Refusal<'_>>(body) {
        Ok(refusal) => Words { message: shortened(&refusal.error), code: None },
        Err(_) => Words { message: shortened(&String::from_utf8_lossy(body)), code: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_read_with_its_words_in_seconds() {
        // <https://www.assemblyai.com/docs/api-reference/streaming-api>, read 2026-11.
        let turn = r#"{"type":"Turn","turn_order":0,"turn_is_formatted":false,"end_of_turn":false,"transcript":"my name is",
            "utterance":"","end_of_turn_confidence":0.2,"words":[{"text":"my","start":1216,"end":1627,"confidence":0.95,
            "word_is_final":false,"speaker":"A"},{"text":"name","start":1627,"end":1800,"confidence":0.85}],
            "language_code":"en","speaker_label":"UNKNOWN"}"#;
        let heard = told(turn).unwrap().turn();
        assert_eq!(
            (heard.text.as_str(), heard.language.as_deref(), heard.speaker),
            ("my name is", Some("en"), None)
        );
        assert_eq!((heard.start, heard.words[0].end), (1.216, 1.627));
        assert!((heard.duration - 0.584).abs() < 1e-9 && (heard.confidence.unwrap() - 0.9).abs() < 1e-9);
        assert_eq!(heard.words[0].speaker.as_deref(), Some("A"));
        let bare = r#"{"type":"Turn","transcript":null,"words":[{"text":"a"},{"text":"b"}]}"#;
        assert_eq!(told(bare).unwrap().turn().text, "a b");
    }

    #[test]
    fn the_meter_is_told_of_the_session_and_of_refusals() {
        let said = |text| frame(Direction::Received, text).map(|frame| frame.said);
        let end = r#"{"type":"Termination","audio_duration_seconds":12,"session_duration_seconds":15}"#;
        assert_eq!(said(end), Some(Said::SessionLasted(15_000_000_000)));
        let wrong = r#"{"type":"Error","error_code":1008,"error":"Unauthorized Connection: bad key"}"#;
        assert_eq!(said(wrong), Some(Said::Refused(401)));
        assert_eq!(said(r#"{"type":"Error","error":"?"}"#), Some(Said::Refused(500)));
        assert_eq!(said(r#"{"type":"Turn","transcript":"a"}"#), Some(Said::Output));
        assert_eq!(said(r#"{"type":"Begin","id":"x"}"#), None);
        assert_eq!(frame(Direction::Sent, end), None);
    }
}
