//! Listening: Scribe guesses as it hears, and says what was said when an utterance is committed: by its own ear, or
//! when it is asked to.

use super::{options, wire};
use crate::{
    client::{Call, Words},
    shared::{
        listening::{Dialect, Notice},
        query, websocket,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::Request;
use serde_json::{Map, Value, json};
use std::{collections::VecDeque, time::Duration};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};
use vg_core::call::{Failure, Heard, ListenRequest, Transcript, Word};

/// A commit after less audio than this closes the session (livekit-plugins-elevenlabs 1.8.9 pads likewise).
const SHORTEST_COMMIT_MILLIS: u64 = 300;

/// A session.
pub struct Commits {
    request: ListenRequest,
    /// Audio sent since we asked for a commit, and since the last one that happened, in bytes.
    unasked: u64,
    uncommitted: u64,
    /// Audio sent on this socket, silence of ours included, in bytes.
    sent: u64,
    /// The silences of ours that were sent so far: where each begins, and its length, in seconds.
    silences: Vec<(f64, f64)>,
    /// Commits that we wait for.
    awaited: u32,
    is_finishing: bool,
    /// The seconds of audio that committed utterances covered.
    told_until: f64,
    /// The latest guess at an utterance that is not committed.
    open: Option<Transcript>,
}

impl Commits {
    /// Begins in silence.
    pub fn new(request: ListenRequest) -> Commits {
        Commits {
            request,
            unasked: 0,
            uncommitted: 0,
            sent: 0,
            silences: Vec::new(),
            awaited: 0,
            is_finishing: false,
            told_until: 0.0,
            open: None,
        }
    }

    fn chunk(&self, audio: &[u8], is_commit: bool) -> Utf8Bytes {
        let mut chunk = json!({
            "message_type": "input_audio_chunk",
            "audio_base_64": STANDARD.encode(audio),
            "commit": is_commit,
            "sample_rate": self.request.sample_rate,
        });
        // Only a session's first message may say what was said before it.
        let before = self.request.extra.get("previous_text").filter(|_| self.sent == 0 && !is_commit);
        if let (Some(before), Some(fields)) = (before, chunk.as_object_mut()) {
            fields.insert("previous_text".to_owned(), before.clone());
        }
        chunk.to_string().into()
    }

    fn commit(&mut self) -> Utf8Bytes {
        self.awaited += 1;
        (self.unasked, self.uncommitted) = (0, 0);
        self.chunk(&[], true)
    }

    fn seconds(&self, bytes: u64) -> f64 {
        bytes as f64 / 2.0 / f64::from(self.request.sample_rate.max(1))
    }

    /// A time on the socket's clock on that of the asker's audio, which has no silence of ours.
    fn unpadded(&self, time: f64) -> f64 {
        let before = self.silences.iter().filter(|(start, _)| *start < time);
        time - before.map(|(start, length)| length.min(time - start)).sum::<f64>()
    }

    fn guess(&mut self, text: &str, now: f64, heard: &mut VecDeque<Heard>) {
        if self.open.is_none() {
            heard.push_back(Heard::SpeechStarted);
        }
        let start = self.told_until;
        let duration = (now - start).max(0.0);
        let guess = Transcript { text: text.to_owned(), start, duration, ..Transcript::default() };
        self.open = Some(guess.clone());
        heard.push_back(Heard::Interim(guess));
    }

    fn committed(&mut self, message: &wire::Heard<'_>, now: f64, heard: &mut VecDeque<Heard>) {
        let placed =
            |word: Word| Word { start: self.unpadded(word.start), end: self.unpadded(word.end), ..word };
        let words: Vec<Word> = message.words().into_iter().map(placed).collect();
        let start = words.first().map_or(self.told_until, |word| word.start);
        let end = words.last().map_or(now, |word| word.end);
        let transcript = Transcript {
            text: message.text.0.trim().to_owned(),
            language: message.language_code.as_deref().map(str::to_owned),
            start,
            duration: (end - start).max(0.0),
            confidence: wire::confidence(&words),
            words,
            ..Transcript::default()
        };
        self.told_until = end.max(self.told_until);
        let is_empty = transcript.text.is_empty();
        if self.open.is_none() && !is_empty {
            heard.push_back(Heard::SpeechStarted);
        }
        if self.open.take().is_some() || !is_empty {
            heard.push_back(Heard::Final(transcript));
        }
    }
}

impl Dialect for Commits {
    const KEEP_ALIVE: (Duration, fn() -> Message) = (Duration::from_secs(10), || Message::Ping(Bytes::new()));
    const IDLE: Duration = Duration::from_secs(15);
    const SAYS_END: bool = false;

    /// Pings are no sign of life here.
    fn sign_of_life(&self) -> Message {
        Message::Text(self.chunk(&[], false))
    }

    fn audio(&mut self, audio: Bytes) -> Message {
        let chunk = self.chunk(&audio, false);
        for bytes in [&mut self.unasked, &mut self.uncommitted, &mut self.sent] {
            *bytes += audio.len() as u64;
        }
        Message::Text(chunk)
    }

    fn padding(&mut self) -> Bytes {
        let wanted = u64::from(self.request.sample_rate) * SHORTEST_COMMIT_MILLIS / 1000 * 2;
        let missing = if self.unasked == 0 { 0 } else { wanted.saturating_sub(self.uncommitted) };
        if missing > 0 {
            self.silences.push((self.seconds(self.sent), self.seconds(missing)));
        }
        vec![0; usize::try_from(missing).unwrap_or_default()].into()
    }

    fn is_settled(&self) -> bool {
        self.unasked == 0 && self.awaited == 0
    }

    fn request(&self, call: &Call) -> Result<Request<()>, Failure> {
        let address = options::listen(&call.endpoint, &self.request);
        websocket::finish(websocket::request(&address, options::KEY_HEADER, call.endpoint.key()?)?)
    }

    fn words(body: &[u8]) -> Words {
        wire::refusal(body)
    }

    fn opened(&mut self) {
        (self.unasked, self.uncommitted, self.sent, self.awaited) = (0, 0, 0, 0);
        (self.told_until, self.open) = (0.0, None);
        self.silences.clear();
    }

    fn read(&mut self, text: &str, now: f64, heard: &mut VecDeque<Heard>) -> Result<Notice, Failure> {
        let message = wire::heard(text)?;
        let said = message.text.0.as_ref();
        let now = self.unpadded(now);
        let mut notice = Notice::default();
        match message.kind.as_ref() {
            wire::PARTIAL => {
                notice.is_output = true;
                if !said.trim().is_empty() {
                    self.guess(said.trim(), now, heard);
                }
            }
            // The same comes once more with times, unless there is nothing to time.
            wire::COMMITTED if !said.trim().is_empty() => notice.is_output = true,
            wire::COMMITTED | wire::TIMED => {
                notice.is_output = true;
                self.committed(&message, now, heard);
                self.uncommitted = 0;
                notice.is_finalized = self.awaited > 0;
                self.awaited = self.awaited.saturating_sub(1);
                notice.is_end = self.is_finishing && self.awaited == 0;
            }
            _ => {}
        }
        Ok(notice)
    }

    fn finalize(&mut self) -> Option<Utf8Bytes> {
        (self.unasked > 0).then(|| self.commit())
    }

    /// Nothing can change in mid-stream; it counts from the next connection on.
    fn update(&mut self, language: Option<String>, extra: Map<String, Value>) -> Option<String> {
        if language.is_some() {
            self.request.language = language;
        }
        self.request.extra = query::merged([&self.request.extra, &extra]);
        None
    }

    fn finish(&mut self) -> Utf8Bytes {
        self.is_finishing = true;
        if self.unasked > 0 { self.commit() } else { self.chunk(&[], false) }
    }

    fn settle(&mut self, heard: &mut VecDeque<Heard>) {
        heard.extend(self.open.take().map(Heard::Final));
    }
}
