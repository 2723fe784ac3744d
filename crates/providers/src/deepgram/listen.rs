//! Listening, first version of the API: it gives an utterance in parts, which are joined here.

use super::{options, wire};
use crate::{
    client::{Call, Words},
    shared::{
        listening::{Dialect, Notice},
        query, websocket,
    },
};
use http::Request;
use serde_json::{Map, Value, json};
use std::{collections::VecDeque, time::Duration};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use vg_core::call::{Failure, Heard, ListenRequest, Transcript, Word};

/// A stream's options and the utterance it is in.
pub struct Utterances {
    request: ListenRequest,
    /// Whether the model knows key terms.
    takes_terms: bool,
    /// What will not change of the utterance.
    settled: Parts,
    /// Whether the caller knows that someone speaks.
    is_speaking: bool,
}

impl Utterances {
    /// Begins in silence.
    pub fn new(model: &str, request: ListenRequest) -> Utterances {
        let takes_terms = model.is_empty() || model.starts_with("nova-3");
        Utterances { request, takes_terms, settled: Parts::default(), is_speaking: false }
    }

    fn begin(&mut self, heard: &mut VecDeque<Heard>) {
        if !std::mem::replace(&mut self.is_speaking, true) {
            heard.push_back(Heard::SpeechStarted);
        }
    }

    fn results(&mut self, results: &wire::Results<'_>, heard: &mut VecDeque<Heard>) {
        if let Some(best) = results.channel.alternatives.first()
            && !best.transcript.is_empty()
        {
            self.begin(heard);
            if results.is_final {
                self.settled.add(results, best);
            } else {
                let mut guess = self.settled.clone();
                guess.add(results, best);
                heard.push_back(Heard::Interim(guess.transcript()));
            }
        }
        if results.is_final && (results.speech_final || results.from_finalize) {
            self.end(heard);
        }
    }

    /// Ends the utterance, if there is one; without a word if none was understood after speech began.
    fn end(&mut self, heard: &mut VecDeque<Heard>) {
        if std::mem::take(&mut self.is_speaking) {
            heard.push_back(Heard::Final(std::mem::take(&mut self.settled).transcript()));
        }
    }
}

impl Dialect for Utterances {
    const KEEP_ALIVE: (Duration, fn() -> Message) =
        (Duration::from_secs(5), || Message::Text(wire::KEEP_ALIVE));
    /// <https://developers.deepgram.com/docs/audio-keep-alive>: a socket that never got audio may be closed.
    const IDLE: Duration = Duration::from_secs(10);
    const SAYS_END: bool = true;

    fn request(&self, call: &Call) -> Result<Request<()>, Failure> {
        let address = options::listen(&call.endpoint, &self.request);
        let key = call.endpoint.key()?;
        websocket::finish(websocket::request(&address, "authorization", &format!("Token {key}"))?)
    }

    fn words(body: &[u8]) -> Words {
        wire::refusal(body)
    }

    fn opened(&mut self) {
        self.settled = Parts::default();
    }

    fn read(&mut self, text: &str, _: f64, heard: &mut VecDeque<Heard>) -> Result<Notice, Failure> {
        let mut notice = Notice::default();
        match wire::message(text)? {
            wire::Message::SpeechStarted => self.begin(heard),
            wire::Message::Results(results) => {
                self.results(&results, heard);
                notice.is_output = true;
                notice.is_finalized = results.from_finalize;
            }
            wire::Message::UtteranceEnd => self.end(heard),
            wire::Message::Metadata(processed_nanos) => {
                notice.processed_nanos = processed_nanos;
                notice.is_end = true;
            }
            wire::Message::Failed(failure) => return Err(failure),
            _ => {}
        }
        Ok(notice)
    }

    fn finalize(&mut self) -> Option<Utf8Bytes> {
        Some(wire::FINALIZE)
    }

    /// Deepgram does not confirm when it had nothing left to transcribe.
    fn finalize_overdue(&mut self, heard: &mut VecDeque<Heard>) {
        self.end(heard);
    }

    /// Key terms can change while it listens, where the model knows them; the rest counts from the next connection
    /// on.
    fn update(&mut self, language: Option<String>, extra: Map<String, Value>) -> Option<String> {
        let keyterms = extra.get("keyterm").filter(|_| self.takes_terms).map(options::list);
        if language.is_some() {
            self.request.language = language;
        }
        self.request.extra = query::merged([&self.request.extra, &extra]);
        keyterms.map(|keyterms| json!({"type": "Configure", "keyterms": keyterms}).to_string())
    }

    fn finish(&mut self) -> Utf8Bytes {
        wire::CLOSE_STREAM
    }

    fn settle(&mut self, heard: &mut VecDeque<Heard>) {
        self.end(heard);
    }
}

/// The parts of an utterance, joined.
#[derive(Debug, Default, Clone)]
struct Parts {
    text: String,
    words: Vec<Word>,
    language: Option<String>,
    start: Option<f64>,
    end: f64,
    /// The mean of the parts' confidences, each as often as it has words.
    confidence: f64,
    weight: f64,
}

impl Parts {
    fn add(&mut self, results: &wire::Results<'_>, best: &wire::Alternative<'_>) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(&best.transcript);
        let words = wire::words(&best.words);
        let start = words.first().map_or(results.start, |word| word.start);
        self.start.get_or_insert(start);
        self.end = words.last().map_or(results.start + results.duration, |word| word.end);
        let weight = words.len().max(1) as f64;
        self.weight += weight;
        self.confidence += (best.confidence - self.confidence) * (weight / self.weight);
        if self.language.is_none() {
            self.language = best.languages.first().map(|language| language.clone().into_owned());
        }
        self.words.extend(words);
    }

    fn transcript(self) -> Transcript {
        let start = self.start.unwrap_or_default();
        Transcript {
            text: self.text,
            language: self.language,
            start,
            duration: (self.end - start).max(0.0),
            confidence: (self.weight > 0.0).then_some(self.confidence),
            speaker: wire::most_heard_speaker(&self.words),
            words: self.words,
        }
    }
}
