//! `POST /v1/audio/transcriptions`: the forms an answer can take, for providers that do not speak this API.

use super::Invalid;
use serde_json::{Value, json};
use std::fmt::Write;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `{"text"}`.
    Json,
    /// The bare text.
    Text,
    /// SubRip subtitles.
    Srt,
    /// WebVTT subtitles.
    Vtt,
    /// The text with segments, and words if asked for.
    VerboseJson,
}

/// A word, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// The word.
    pub word: String,
    /// Where it begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
}

/// What was heard.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    /// The text.
    pub text: String,
    /// The language, if known.
    pub language: Option<String>,
    /// The length of the recording in seconds, if known.
    pub duration: Option<f64>,
    /// The words, if the provider gives them.
    pub words: Vec<Word>,
}

/// A subtitle is cut after this many words, or where a sentence ends.
const WORDS_OF_A_CUE: usize = 12;

impl Form {
    /// The form a request asks for; `json` when it says nothing.
    ///
    /// # Errors
    /// A form this server cannot make.
    pub fn of_name(name: Option<&str>) -> Result<Form, Invalid> {
        match name {
            None | Some("json") => Ok(Form::Json),
            Some("text") => Ok(Form::Text),
            Some("srt") => Ok(Form::Srt),
            Some("vtt") => Ok(Form::Vtt),
            Some("verbose_json") => Ok(Form::VerboseJson),
            Some(other) => Err(Invalid::param(
                "response_format",
                format!("`{other}` is not one of json, text, srt, vtt, verbose_json"),
            )),
        }
    }

    /// The media type of this form.
    pub const fn media_type(self) -> &'static str {
        match self {
            Form::Json | Form::VerboseJson => "application/json",
            Form::Text | Form::Srt => "text/plain; charset=utf-8",
            Form::Vtt => "text/vtt; charset=utf-8",
        }
    }

    /// Writes what was heard. `with_words` adds the words to `verbose_json`.
    pub fn write(self, heard: &Heard, with_words: bool) -> String {
        match self {
            Form::Json => json!({"text": heard.text}).to_string(),
            Form::Text => format!("{}\n", heard.text),
            Form::Srt => subtitles(heard, ',', ""),
            Form::Vtt => subtitles(heard, '.', "WEBVTT\n\n"),
            Form::VerboseJson => verbose(heard, with_words).to_string(),
        }
    }
}

fn verbose(heard: &Heard, with_words: bool) -> Value {
    let segments: Vec<_> = cues(heard)
        .iter()
        .enumerate()
        .map(|(id, cue)| json!({"id": id, "start": cue.start, "end": cue.end, "text": cue.text}))
        .collect();
    let mut answer = json!({"task": "transcribe", "text": heard.text, "segments": segments});
    if let Some(answer) = answer.as_object_mut() {
        if let Some(language) = &heard.language {
            answer.insert("language".to_owned(), json!(language));
        }
        if let Some(duration) = heard.duration {
            answer.insert("duration".to_owned(), json!(duration));
        }
        if with_words {
            let words: Vec<_> =
                heard.words.iter().map(|w| json!({"word": w.word, "start": w.start, "end": w.end})).collect();
            answer.insert("words".to_owned(), json!(words));
        }
    }
    answer
}

struct Cue {
    start: f64,
    end: f64,
    text: String,
}

/// Words grouped for reading; the whole text in one where there are no words.
fn cues(heard: &Heard) -> Vec<Cue> {
    if heard.words.is_empty() {
        let end = heard.duration.unwrap_or(0.0);
        return vec![Cue { start: 0.0, end, text: heard.text.clone() }];
    }
    let mut cues = Vec::new();
    let mut open: Option<(Cue, usize)> = None;
    for word in &heard.words {
        let (cue, count) =
            open.get_or_insert_with(|| (Cue { start: word.start, end: word.end, text: String::new() }, 0));
        if !cue.text.is_empty() {
            cue.text.push(' ');
        }
        cue.text.push_str(&word.word);
        cue.end = word.end;
        *count += 1;
        if (*count >= WORDS_OF_A_CUE || word.word.ends_with(['.', '!', '?']))
            && let Some((cue, _)) = open.take()
        {
            cues.push(cue);
        }
    }
    cues.extend(open.map(|(cue, _)| cue));
    cues
}

fn subtitles(heard: &Heard, separator: char, head: &str) -> String {
    let mut text = head.to_owned();
    for (number, cue) in cues(heard).iter().enumerate() {
        let _ = writeln!(
            text,
            "{}\n{} --> {}\n{}\n",
            number + 1,
            clock(cue.start, separator),
            clock(cue.end, separator),
            cue.text
        );
    }
    text
}

/// `HH:MM:SS,mmm`, or with another separator.
fn clock(seconds: f64, separator: char) -> String {
    let millis = (seconds.max(0.0) * 1_000.0).round() as u64;
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    format!("{hours:02}:{minutes:02}:{:02}{separator}{:03}", millis / 1_000 % 60, millis % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard() -> Heard {
        let word = |word: &str, start, end| Word { word: word.to_owned(), start, end };
        Heard {
            text: "Hello there. Bye".to_owned(),
            language: Some("en".to_owned()),
            duration: Some(3.2),
            words: vec![word("Hello", 0.1, 0.5), word("there.", 0.6, 1.0), word("Bye", 62.0, 3661.5)],
        }
    }

    #[test]
    fn subtitles_break_at_sentences() {
        let srt =
            "1\n00:00:00,100 --> 00:00:01,000\nHello there.\n\n2\n00:01:02,000 --> 01:01:01,500\nBye\n\n";
        assert_eq!(Form::Srt.write(&heard(), false), srt);
        assert_eq!(Form::Vtt.write(&heard(), false), format!("WEBVTT\n\n{}", srt.replace(',', ".")));
    }

    #[test]
    fn verbose_answers_leave_out_what_is_unknown() {
        let bare = Heard { text: "x".to_owned(), ..Heard::default() };
        let value: Value = serde_json::from_str(&Form::VerboseJson.write(&bare, true)).unwrap();
        assert_eq!(value.get("language"), None);
        assert_eq!(value["words"], json!([]));
        let value: Value = serde_json::from_str(&Form::VerboseJson.write(&heard(), false)).unwrap();
        assert_eq!((&value["segments"][1]["text"], value.get("words")), (&json!("Bye"), None));
    }

    #[test]
    fn an_unknown_form_names_the_known_ones() {
        assert!(Form::of_name(Some("diarized_json")).unwrap_err().message.contains("verbose_json"));
    }
}
