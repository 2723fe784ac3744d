//! What a transcription in OpenAI's shape says.

use crate::shared::{api_error::ErrorBody, seconds, sse::Decoder};
use serde::Deserialize;
use vg_core::{
    Quantity, Source, Usage,
    call::{Transcript, Word},
};

/// The usage of a transcription: tokens for the models billed so, else seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct TranscriptionUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_token_details: Option<TokenDetails>,
    seconds: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
struct TokenDetails {
    audio_tokens: Option<u64>,
}

impl TranscriptionUsage {
    /// The quantities this message reports.
    pub fn quantities(&self) -> Usage {
        let reported = [
            (Quantity::InputTokens, self.input_tokens),
            (Quantity::InputAudioTokens, self.input_token_details.and_then(|details| details.audio_tokens)),
            (Quantity::OutputTokens, self.output_tokens),
            (Quantity::AudioNanos, self.seconds.and_then(seconds::to_nanos)),
        ];
        reported.into_iter().fold(Usage::UNKNOWN, |usage, (quantity, value)| match value {
            Some(value) => usage.with(quantity, value, Source::ProviderReported),
            None => usage,
        })
    }
}

/// A language as the newest models name it.
#[derive(Debug, Deserialize)]
pub struct Language {
    /// Its code.
    pub code: String,
}

/// A transcription, or an event of a streamed one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    #[serde(rename = "type")]
    kind: Option<String>,
    text: Option<String>,
    language: Option<String>,
    languages: Option<Vec<Language>>,
    duration: Option<f64>,
    words: Option<Vec<Timed>>,
    segments: Option<Vec<Timed>>,
    usage: Option<TranscriptionUsage>,
    error: Option<ErrorBody>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Timed {
    word: String,
    start: f64,
    end: f64,
}

/// What was read of an answer.
#[derive(Debug, Default)]
pub struct Read {
    /// What was heard.
    pub transcript: Transcript,
    /// How long the recording is, in seconds.
    pub duration: Option<f64>,
    /// What it cost.
    pub usage: Option<TranscriptionUsage>,
    /// The failure, where one stands in the place of the answer or in its middle.
    pub error: Option<ErrorBody>,
}

/// Reads an answer by its media type: JSON, server-sent events, or text, subtitles included.
///
/// # Errors
/// When it is not what its media type says.
pub fn read(media_type: &str, body: &[u8]) -> Result<Read, serde_json::Error> {
    if media_type.starts_with("text/event-stream") {
        return events(body);
    }
    if media_type.starts_with("application/json") {
        return Ok(said(serde_json::from_slice(body)?));
    }
    let text = String::from_utf8_lossy(body).trim().to_owned();
    Ok(Read { transcript: Transcript { text, ..Transcript::default() }, ..Read::default() })
}

fn events(body: &[u8]) -> Result<Read, serde_json::Error> {
    let mut decoder = Decoder::default();
    decoder.push(body);
    let mut read = Read::default();
    let mut take = |data: &[u8]| -> Result<(), serde_json::Error> {
        if data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let event: Answer = serde_json::from_slice(data)?;
        if event.error.is_some() || event.kind.as_deref() == Some("transcript.text.done") {
            read = said(event);
        }
        Ok(())
    };
    // An event too long to be true ends the reading: what was understood until then holds.
    while let Ok(Some(event)) = decoder.next() {
        take(&event.data)?;
    }
    if let Some(event) = decoder.finish() {
        take(&event.data)?;
    }
    Ok(read)
}

fn said(answer: Answer) -> Read {
    let named =
        answer.languages.and_then(|languages| languages.into_iter().next()).map(|language| language.code);
    let segments = answer.segments.unwrap_or_default();
    let start = segments.first().map_or(0.0, |segment| segment.start);
    let end = segments.last().map(|segment| segment.end).or(answer.duration).unwrap_or(0.0);
    let word = |word: Timed| Word { text: word.word, start: word.start, end: word.end, ..Word::default() };
    let transcript = Transcript {
        text: answer.text.unwrap_or_default(),
        language: named.or(answer.language),
        start,
        duration: (end - start).max(0.0),
        words: answer.words.unwrap_or_default().into_iter().map(word).collect(),
        ..Transcript::default()
    };
    Read { transcript, duration: answer.duration, usage: answer.usage, error: answer.error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_form_of_an_answer_is_read() {
        let tokens =
            br#"{"text":"hello","languages":[{"code":"en"}],"usage":{"type":"tokens","input_tokens":14,
            "input_token_details":{"text_tokens":10,"audio_tokens":4},"output_tokens":5,"total_tokens":19}}"#;
        let answer = read("application/json", tokens).unwrap();
        assert_eq!(
            (answer.transcript.text.as_str(), answer.transcript.language.as_deref()),
            ("hello", Some("en"))
        );
        let usage = answer.usage.unwrap().quantities();
        assert_eq!(usage.value(Quantity::InputAudioTokens), Some(4));
        assert_eq!(usage.get(Quantity::AudioNanos), None);

        let verbose = br#"{"task":"transcribe","language":"english","duration":3.2,"text":"hi you","words":[
            {"word":"hi","start":0.5,"end":0.7},{"word":"you","start":0.7,"end":1.0}],"segments":[{"id":0,"start":0.5,
            "end":1.0,"text":"hi you"}],"usage":{"type":"duration","seconds":4}}"#;
        let answer = read("application/json; charset=utf-8", verbose).unwrap();
        assert_eq!(
            (answer.duration, answer.transcript.start, answer.transcript.duration),
            (Some(3.2), 0.5, 0.5)
        );
        assert_eq!(answer.transcript.words[1].text, "you");
        assert_eq!(answer.usage.unwrap().quantities().value(Quantity::AudioNanos), Some(4_000_000_000));

        let streamed = b"data: {\"type\":\"transcript.text.delta\",\"delta\":\"hel\"}\n\ndata: {\"type\":\"transcript.text.done\",\"text\":\"hello\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":1,\"output_tokens\":2}}\n\ndata: [DONE]\n\n";
        let answer = read("text/event-stream", streamed).unwrap();
        assert_eq!((answer.transcript.text.as_str(), answer.usage.is_some()), ("hello", true));

        assert_eq!(read("text/plain", b"hello\n").unwrap().transcript.text, "hello");
        assert!(read("application/json", b"{\"broken").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_can_make_it_panic(bytes: Vec<u8>) {
            for media_type in ["application/json", "text/event-stream", "text/plain"] {
                let _ = read(media_type, &bytes);
            }
        }
    }
}
