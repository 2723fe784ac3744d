//! Deepgram's messages: what the clients read and write, and the little of them that the meter reads.

use crate::{
    client::Words,
    shared::{http::shortened, lenient, seconds, websocket},
};
use serde::Deserialize;
use std::borrow::Cow;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use vg_core::{
    call::{Failure, Word},
    provider::{Direction, Frame, Said},
};

/// A sign of life while there is no audio.
pub const KEEP_ALIVE: Utf8Bytes = Utf8Bytes::from_static(r#"{"type":"KeepAlive"}"#);
/// Transcribe now what was sent.
pub const FINALIZE: Utf8Bytes = Utf8Bytes::from_static(r#"{"type":"Finalize"}"#);
/// The same in the second version of the API: end the turn now.
pub const FORCE_END_TURN: Utf8Bytes = Utf8Bytes::from_static(r#"{"type":"ForceEndTurn"}"#);
/// No more audio comes.
pub const CLOSE_STREAM: Utf8Bytes = Utf8Bytes::from_static(r#"{"type":"CloseStream"}"#);
/// Speak what was said so far to its end.
pub const FLUSH: Utf8Bytes = Utf8Bytes::from_static(r#"{"type":"Flush"}"#);

/// The fields of the messages that count, of both directions; all else is skipped unread.
#[derive(Deserialize)]
struct Counted<'a> {
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
    let message: Counted<'_> = serde_json::from_str(text).ok()?;
    let said = match (direction, message.kind.as_ref()) {
        (Direction::Sent, "Speak") => Said::Text(message.text?.chars().count() as u64),
        (Direction::Received, "Metadata") => Said::AudioProcessed(seconds::to_nanos(message.duration?)?),
        (Direction::Received, "Results" | "TurnInfo") => Said::Output,
        _ => return None,
    };
    Some(Frame { context: None, said })
}

/// A message of a socket, of either modality.
#[derive(Debug)]
pub enum Message<'a> {
    /// Speech began.
    SpeechStarted,
    /// A part of an utterance.
    Results(Results<'a>),
    /// The pause after the last word was long enough to end an utterance.
    UtteranceEnd,
    /// What happens in a turn, in the second version of the API.
    TurnInfo(TurnInfo<'a>),
    /// The closing message of a listening stream has the audio it processed, in nanoseconds; the opening one of
    /// a speaking stream has nothing of interest.
    Metadata(Option<u64>),
    /// All sound of what was said before a `Flush` has come.
    Flushed,
    /// Something failed.
    Failed(Failure),
    /// Nothing of interest, now or later.
    Other,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
}

/// A part of an utterance, or a guess at one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Results<'a> {
    /// Where this part of the audio begins, in seconds.
    #[serde(deserialize_with = "lenient::or_default")]
    pub start: f64,
    /// How long it is.
    #[serde(deserialize_with = "lenient::or_default")]
    pub duration: f64,
    /// It will not change.
    #[serde(deserialize_with = "lenient::or_default")]
    pub is_final: bool,
    /// The utterance ends with it.
    #[serde(deserialize_with = "lenient::or_default")]
    pub speech_final: bool,
    /// It answers a `Finalize`.
    #[serde(deserialize_with = "lenient::or_default")]
    pub from_finalize: bool,
    /// The guesses.
    #[serde(borrow)]
    pub channel: Channel<'a>,
}

/// The guesses, the best first.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Channel<'a> {
    /// Them.
    #[serde(borrow, deserialize_with = "lenient::or_default")]
    pub alternatives: Vec<Alternative<'a>>,
    /// The language of a recording, if it was asked for.
    #[serde(borrow)]
    pub detected_language: Option<Cow<'a, str>>,
}

/// A guess.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Alternative<'a> {
    /// The text.
    #[serde(borrow)]
    pub transcript: Cow<'a, str>,
    /// From 0 to 1.
    #[serde(deserialize_with = "lenient::or_default")]
    pub confidence: f64,
    /// Its words.
    #[serde(borrow, deserialize_with = "lenient::or_default")]
    pub words: Vec<HeardWord<'a>>,
    /// The languages it is in, the most spoken first; only of models for many.
    #[serde(borrow, deserialize_with = "lenient::or_default")]
    pub languages: Vec<Cow<'a, str>>,
}

/// A word.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct HeardWord<'a> {
    #[serde(borrow)]
    word: Cow<'a, str>,
    #[serde(borrow)]
    punctuated_word: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "lenient::or_default")]
    start: f64,
    #[serde(deserialize_with = "lenient::or_default")]
    end: f64,
    confidence: Option<f64>,
    speaker: Option<u32>,
}

/// The words as our callers read them. Deepgram numbers speakers; LiveKit's plugin calls them `S0`, `S1`, so do we.
pub fn words(heard: &[HeardWord<'_>]) -> Vec<Word> {
    heard
        .iter()
        .map(|word| Word {
            text: word.punctuated_word.as_deref().unwrap_or(&word.word).to_owned(),
            start: word.start,
            end: word.end,
            confidence: word.confidence,
            speaker: word.speaker.map(|number| format!("S{number}")),
        })
        .collect()
}

/// Who said most of the words, if speakers are told apart; of several the first.
pub fn most_heard_speaker(words: &[Word]) -> Option<String> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for speaker in words.iter().filter_map(|word| word.speaker.as_deref()) {
        match counts.iter_mut().find(|(known, _)| *known == speaker) {
            Some((_, count)) => *count += 1,
            None => counts.push((speaker, 1)),
        }
    }
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(speaker, _)| speaker.to_owned())
}

/// What happens in a turn.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TurnInfo<'a> {
    /// `StartOfTurn`, `Update`, `EagerEndOfTurn`, `TurnResumed`, `EndOfTurn`.
    #[serde(borrow)]
    pub event: Cow<'a, str>,
    /// Where the turn begins, in seconds.
    #[serde(deserialize_with = "lenient::or_default")]
    pub audio_window_start: f64,
    /// Where it ends, so far.
    #[serde(deserialize_with = "lenient::or_default")]
    pub audio_window_end: f64,
    /// Its text, so far.
    #[serde(borrow)]
    pub transcript: Cow<'a, str>,
    /// Its words, so far.
    #[serde(borrow, deserialize_with = "lenient::or_default")]
    pub words: Vec<HeardWord<'a>>,
    /// The languages it is in, the most spoken first.
    #[serde(borrow, deserialize_with = "lenient::or_default")]
    pub languages: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Metadata {
    duration: Option<f64>,
}

/// A transcribed recording.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Recording<'a> {
    /// What was billed.
    pub metadata: RecordingMetadata,
    /// What was heard.
    #[serde(borrow)]
    pub results: RecordingResults<'a>,
}

/// What Deepgram says of a recording as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RecordingMetadata {
    /// Its length in seconds.
    pub duration: Option<f64>,
    channels: Option<u32>,
}

/// What was heard in each channel.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RecordingResults<'a> {
    /// The channels.
    #[serde(borrow, deserialize_with = "lenient::or_default")]
    pub channels: Vec<Channel<'a>>,
}

impl Recording<'_> {
    /// Each channel is billed.
    pub fn billed_nanos(&self) -> Option<u64> {
        let duration = self.metadata.duration?;
        seconds::to_nanos(duration * f64::from(self.metadata.channels.unwrap_or(1)))
    }
}

/// A failure in the middle of a socket, in the words of any of its versions.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Failed<'a> {
    #[serde(borrow)]
    code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    variant: Option<Cow<'a, str>>,
    #[serde(borrow)]
    description: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    err_msg: Option<Cow<'a, str>>,
}

/// Reads a text frame that was received.
///
/// # Errors
/// When it is not what the documentation says.
pub fn message(text: &str) -> Result<Message<'_>, Failure> {
    fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Failure> {
        serde_json::from_str(text).map_err(|error| websocket::malformed(&error))
    }
    // The same name means different things in different messages, so the kind is looked for first.
    Ok(match read::<Kind<'_>>(text)?.kind.as_ref() {
        "Results" => Message::Results(read(text)?),
        "TurnInfo" => Message::TurnInfo(read(text)?),
        "SpeechStarted" => Message::SpeechStarted,
        "UtteranceEnd" => Message::UtteranceEnd,
        "Metadata" => Message::Metadata(read::<Metadata>(text)?.duration.and_then(seconds::to_nanos)),
        "Flushed" => Message::Flushed,
        "Error" | "error" => Message::Failed(failure(&read(text)?)),
        _ => Message::Other,
    })
}

fn failure(failed: &Failed<'_>) -> Failure {
    let said = failed.description.as_deref().or(failed.message.as_deref()).or(failed.err_msg.as_deref());
    let said = shortened(said.unwrap_or("no reason given"));
    let code = failed.code.as_deref().or(failed.variant.as_deref()).map(shortened);
    Failure::dropped(format!("Deepgram failed: {said}")).with_code(code)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal<'a> {
    #[serde(borrow)]
    err_code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    err_msg: Option<Cow<'a, str>>,
    #[serde(borrow)]
    category: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    details: Option<Cow<'a, str>>,
}

/// What a refusal's body says, in its older or newer form, or as plain text.
pub fn refusal(body: &[u8]) -> Words {
    let Ok(refusal) = serde_json::from_slice::<Refusal<'_>>(body) else {
        return Words { message: shortened(&String::from_utf8_lossy(body)), code: None };
    };
    let message = match (refusal.err_msg.or(refusal.message), refusal.details) {
        (Some(message), Some(details)) => format!("{message} {details}"),
        (message, details) => message.or(details).unwrap_or_default().into_owned(),
    };
    let code = refusal.err_code.or(refusal.category).map(Cow::into_owned);
    Words { message: shortened(&message), code }
}

/// The order to speak `text`.
pub fn speak(text: &str) -> String {
    let text = serde_json::Value::from(text);
    format!(r#"{{"type":"Speak","text":{text}}}"#)
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
