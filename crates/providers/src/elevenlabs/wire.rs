//! ElevenLabs' messages: what the clients read, and the little of them that the meter reads.

use crate::{
    client::Words,
    shared::{http::shortened, json_text::Text, lenient, websocket},
};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use vg_core::{
    Modality,
    call::{Failure, Letter, Word},
    provider::{Direction, Frame, Said},
};

/// Reads a text frame of a speaking or a listening socket, for the meter.
pub fn frame(modality: Modality, direction: Direction, text: &str) -> Option<Frame<'_>> {
    match (modality, direction) {
        (Modality::Tts, Direction::Sent) => serde_json::from_str::<Asked<'_>>(text).ok()?.frame(),
        (Modality::Tts, Direction::Received) => {
            let spoken: Spoken<'_> = serde_json::from_str(text).ok()?;
            let said = if spoken.error.is_some() {
                Said::Refused(failure(text).status.unwrap_or(500))
            } else if spoken.audio.0.is_empty() {
                return None;
            } else {
                Said::Output
            };
            Some(Frame { context: spoken.context(), said })
        }
        (Modality::Stt, Direction::Sent) => {
            let nanos = serde_json::from_str::<Chunk<'_>>(text).ok()?.nanos()?;
            Some(Frame { context: None, said: Said::Audio(nanos) })
        }
        (Modality::Stt, Direction::Received) => {
            let heard: Heard<'_> = serde_json::from_str(text).ok()?;
            let said = match heard.kind.as_ref() {
                PARTIAL | COMMITTED | TIMED => Said::Output,
                kind => Said::Refused(status_of(kind)?),
            };
            Some(Frame { context: None, said })
        }
        (Modality::Llm, _) => None,
    }
}

/// A message to a speaking socket, as far as it is counted: text, or a dialogue's lines.
#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    context_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    inputs: Option<Vec<Line<'a>>>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

impl<'a> Asked<'a> {
    fn frame(self) -> Option<Frame<'a>> {
        let characters = match (self.text, self.inputs) {
            (Some(text), _) => spoken_characters(&text),
            (None, Some(lines)) => lines.iter().map(|line| spoken_characters(&line.text)).sum(),
            (None, None) => return None,
        };
        Some(Frame { context: self.context_id, said: Said::Text(characters) })
    }
}

/// The characters of a text to speak. A single blank opens a context and is not spoken.
pub fn spoken_characters(text: &str) -> u64 {
    if text == " " { 0 } else { text.chars().count() as u64 }
}

/// Audio on its way to a listening socket: 16-bit, one channel.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    audio_base_64: Cow<'a, str>,
    sample_rate: u64,
}

impl Chunk<'_> {
    /// How long it is; `None` for a sign of life.
    fn nanos(&self) -> Option<u64> {
        let bare = self.audio_base_64.trim_end_matches('=').len() as u64;
        let samples = bare * 3 / 4 / 2;
        (samples > 0).then(|| samples * 1_000_000_000 / self.sample_rate.max(1))
    }
}

/// A message of a speaking socket. Names differ between the two sockets, and between what the documentation shows
/// and what is sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Spoken<'a> {
    /// Audio in base64.
    #[serde(borrow)]
    pub audio: Text<'a>,
    /// When the letters of the text sound, as it was sent.
    #[serde(borrow)]
    pub alignment: Option<Alignment<'a>>,
    #[serde(rename = "contextId", borrow)]
    camel_context: Option<Cow<'a, str>>,
    #[serde(borrow)]
    context_id: Option<Cow<'a, str>>,
    #[serde(rename = "isFinal")]
    camel_final: Option<bool>,
    is_final: Option<bool>,
    error: Option<Value>,
}

impl<'a> Spoken<'a> {
    /// The synthesis it belongs to.
    pub fn context(&self) -> Option<Cow<'a, str>> {
        self.camel_context.clone().or_else(|| self.context_id.clone())
    }

    /// Whether nothing follows for its synthesis.
    pub fn is_last(&self) -> bool {
        self.camel_final.or(self.is_final).unwrap_or_default()
    }
}

/// When letters sound, in milliseconds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Alignment<'a> {
    #[serde(borrow, deserialize_with = "lenient::or_default")]
    chars: Vec<Cow<'a, str>>,
    #[serde(
        rename = "charStartTimesMs",
        alias = "charsStartTimesMs",
        alias = "char_start_times_ms",
        deserialize_with = "lenient::or_default"
    )]
    starts: Vec<f64>,
    #[serde(
        rename = "charDurationsMs",
        alias = "charsDurationsMs",
        alias = "char_durations_ms",
        deserialize_with = "lenient::or_default"
    )]
    durations: Vec<f64>,
}

impl Alignment<'_> {
    /// Where the first letter begins, in seconds.
    pub fn start(&self) -> Option<f64> {
        self.starts.first().map(|millis| millis / 1000.0)
    }

    /// The letters with their times in seconds, shifted by `offset`.
    pub fn letters(&self, offset: f64) -> impl Iterator<Item = Letter> {
        let times = self.starts.iter().zip(&self.durations);
        self.chars.iter().zip(times).map(move |(text, (start, duration))| Letter {
            text: text.clone().into_owned(),
            start: offset + start / 1000.0,
            end: offset + (start + duration.max(0.0)) / 1000.0,
        })
    }
}

/// Reads a text frame of a speaking socket.
///
/// # Errors
/// When it is not what the documentation says, or an error of ElevenLabs', with the synthesis it concerns.
pub fn spoken(text: &str) -> Result<Spoken<'_>, (Option<Cow<'_, str>>, Failure)> {
    let spoken: Spoken<'_> =
        serde_json::from_str(text).map_err(|error| (None, websocket::malformed(&error)))?;
    if spoken.error.is_some() {
        return Err((spoken.context(), failure(text)));
    }
    Ok(spoken)
}

/// A guess at what is being said.
pub const PARTIAL: &str = "partial_transcript";
/// What was said.
pub const COMMITTED: &str = "committed_transcript";
/// The same once more, with when its words were said.
pub const TIMED: &str = "committed_transcript_with_timestamps";

/// A message of a listening socket, or the answer for a recording.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Heard<'a> {
    /// [`PARTIAL`], [`COMMITTED`], [`TIMED`], `session_started`, an error, …
    #[serde(rename = "message_type", borrow)]
    pub kind: Cow<'a, str>,
    /// What was said.
    #[serde(borrow)]
    pub text: Text<'a>,
    /// What it is in.
    #[serde(borrow)]
    pub language_code: Option<Cow<'a, str>>,
    /// How long the recording is, in seconds.
    pub audio_duration_secs: Option<f64>,
    #[serde(borrow)]
    words: Option<Vec<HeardWord<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HeardWord<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(deserialize_with = "lenient::or_default")]
    start: f64,
    #[serde(deserialize_with = "lenient::or_default")]
    end: f64,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    speaker_id: Text<'a>,
    logprob: Option<f64>,
}

impl Heard<'_> {
    /// The words as our callers read them: blanks and sounds between them are none.
    pub fn words(&self) -> Vec<Word> {
        let is_word = |word: &&HeardWord<'_>| matches!(word.kind.0.as_ref(), "" | "word");
        let word = |word: &HeardWord<'_>| Word {
            text: word.text.0.trim().to_owned(),
            start: word.start,
            end: word.end,
            confidence: word.logprob.map(f64::exp).filter(|sure| (0.0..=1.0).contains(sure)),
            speaker: (!word.speaker_id.0.is_empty()).then(|| word.speaker_id.0.clone().into_owned()),
        };
        self.words.iter().flatten().filter(is_word).map(word).collect()
    }
}

/// How sure ElevenLabs is of these words: the geometric mean.
pub fn confidence(words: &[Word]) -> Option<f64> {
    let known: Vec<f64> = words.iter().filter_map(|word| word.confidence).collect();
    let sum: f64 = known.iter().map(|sure| sure.ln()).sum();
    (!known.is_empty()).then(|| (sum / known.len() as f64).exp())
}

/// Reads a text frame of a listening socket.
///
/// # Errors
/// When it is not what the documentation says, or an error of ElevenLabs'.
pub fn heard(text: &str) -> Result<Heard<'_>, Failure> {
    let heard: Heard<'_> = serde_json::from_str(text).map_err(|error| websocket::malformed(&error))?;
    if status_of(&heard.kind).is_some() { Err(failure(text)) } else { Ok(heard) }
}

/// The status that a word for an error would have over HTTP; none for what is no error.
fn status_of(word: &str) -> Option<u16> {
    Some(match word {
        "auth_error" | "invalid_api_key" | "missing_permissions" => 401,
        "quota_exceeded" => 402,
        "unaccepted_terms" => 403,
        "voice_not_found" | "model_not_found" => 404,
        "rate_limited"
        | "resource_exhausted"
        | "queue_overflow"
        | "system_busy"
        | "commit_throttled"
        | "too_many_concurrent_requests" => 429,
        "input_error" | "invalid_request" | "chunk_size_exceeded" | "input_timeout_exceeded" => 400,
        "error" | "transcriber_error" | "internal_error" | "session_time_limit_exceeded" => 500,
        _ => return None,
    })
}

/// The fields of an error in the middle of a socket. The word for it is the type of the message at a listening socket
/// and `error` at a speaking one, where it may also be a sentence.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Failed<'a> {
    #[serde(borrow)]
    message_type: Text<'a>,
    #[serde(borrow)]
    error: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
}

/// What an error message says.
fn failure(text: &str) -> Failure {
    let failed: Failed<'_> = serde_json::from_str(text).unwrap_or_default();
    let words = [failed.message_type.0.as_ref(), failed.error.0.as_ref()];
    let word = words.into_iter().find(|word| status_of(word).is_some());
    let said = [failed.message.0.as_ref(), failed.error.0.as_ref()];
    let said = said.into_iter().find(|said| !said.is_empty()).unwrap_or("no reason given");
    let status = word.and_then(status_of).unwrap_or(500);
    Failure::refused(status, format!("ElevenLabs failed: {}", shortened(said)))
        .with_code(word.map(str::to_owned))
}

/// What a refusal's body says: `detail` is an object, in two forms, or a list of what is wrong with the request.
pub fn refusal(body: &[u8]) -> Words {
    let Ok(whole) = serde_json::from_slice::<Value>(body) else {
        return Words { message: shortened(&String::from_utf8_lossy(body)), code: None };
    };
    let detail = whole.get("detail").unwrap_or(&whole);
    let first = detail.get(0).unwrap_or(detail);
    let text = |name: &str| first.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let message = text("message").or_else(|| text("msg")).or_else(|| first.as_str()).unwrap_or_default();
    let code = text("code").or_else(|| text("status")).or_else(|| text("type"));
    Words { message: shortened(message), code: code.map(shortened) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(modality: Modality, direction: Direction, text: &str) -> Option<(Said, Option<String>)> {
        frame(modality, direction, text).map(|frame| (frame.said, frame.context.map(Cow::into_owned)))
    }

    #[test]
    fn texts_count_and_what_opens_and_closes_a_context_does_not() {
        let sent = |text| said(Modality::Tts, Direction::Sent, text);
        let context = || Some("c1".to_owned());
        for (text, characters) in [
            (r#"{"text":" ","voice_settings":{"speed":1.0},"context_id":"c1"}"#, 0),
            (r#"{"text":"Grüße. ","context_id":"c1","flush":true}"#, 7),
            (r#"{"text":"","context_id":"c1","flush":true}"#, 0),
            (
                r#"{"context_id":"c1","inputs":[{"text":"Hi. ","voice_id":"v"},{"text":"Yo","voice_id":"w"}]}"#,
                6,
            ),
        ] {
            assert_eq!(sent(text), Some((Said::Text(characters), context())), "{text}");
        }
        assert_eq!(sent(r#"{"context_id":"c1","close_context":true}"#), None);
        assert_eq!(sent(r#"{"context_id":"c1","voices":["v"]}"#), None);
    }

    #[test]
    fn audio_is_output_and_errors_refuse_in_either_spelling() {
        let received = |text| said(Modality::Tts, Direction::Received, text);
        let context = || Some("c1".to_owned());
        for (text, wanted) in [
            (r#"{"audio":"AAAA","contextId":"c1"}"#, Some((Said::Output, context()))),
            (r#"{"audio":"AAAA","context_id":"c1","is_final":false}"#, Some((Said::Output, context()))),
            (r#"{"isFinal":true,"contextId":"c1","audio":null}"#, None),
            (r#"{"error":"quota_exceeded","message":"m","code":1008}"#, Some((Said::Refused(402), None))),
            (r#"{"error":"It went wrong.","contextId":"c1"}"#, Some((Said::Refused(500), context()))),
            (r#"{"error":null,"audio":"AAAA","contextId":"c1"}"#, Some((Said::Output, context()))),
        ] {
            assert_eq!(received(text), wanted, "{text}");
        }
    }

    #[test]
    fn audio_inside_of_messages_is_measured() {
        let sent = |text: &str| said(Modality::Stt, Direction::Sent, text);
        // 1, 2 and 3 samples end with no, two and one filler.
        for (audio, samples) in [("AAA=", 1), ("AAAAAA==", 2), ("AAAAAAAA", 3)] {
            let text = format!(
                r#"{{"message_type":"input_audio_chunk","audio_base_64":"{audio}","commit":false,"sample_rate":16000}}"#
            );
            assert_eq!(sent(&text), Some((Said::Audio(samples * 62_500), None)));
        }
        let alive =
            r#"{"message_type":"input_audio_chunk","audio_base_64":"","commit":true,"sample_rate":16000}"#;
        assert_eq!(sent(alive), None);
    }

    #[test]
    fn transcripts_are_output_and_errors_refuse() {
        let received = |kind: &str| {
            let text = format!(r#"{{"message_type":"{kind}","text":"a","error":"e"}}"#);
            said(Modality::Stt, Direction::Received, &text).map(|(said, _)| said)
        };
        assert_eq!(received("partial_transcript"), Some(Said::Output));
        assert_eq!(received("committed_transcript_with_timestamps"), Some(Said::Output));
        assert_eq!(received("auth_error"), Some(Said::Refused(401)));
        assert_eq!(received("session_started"), None);
        assert_eq!(received("something_new"), None);
    }

    #[test]
    fn every_known_form_of_a_refusal_is_read() {
        for (body, message, code) in [
            (
                r#"{"detail":{"type":"authentication_error","code":"unauthorized","message":"No.","status":"x"}}"#,
                "No.",
                Some("unauthorized"),
            ),
            (
                r#"{"detail":{"status":"quota_exceeded","message":"None left."}}"#,
                "None left.",
                Some("quota_exceeded"),
            ),
            (r#"{"detail":[{"loc":["body"],"msg":"missing","type":"m"}]}"#, "missing", Some("m")),
            (r#"{"detail":"Not Found"}"#, "Not Found", None),
            ("upstream error", "upstream error", None),
        ] {
            let words = refusal(body.as_bytes());
            assert_eq!((words.message.as_str(), words.code.as_deref()), (message, code), "{body}");
        }
    }
}
