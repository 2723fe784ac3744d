//! A stream of audio into utterances, by its energy. All times are of the audio, not of the clock.

use crate::speech::SpeechDetector;
use bytes::{Bytes, BytesMut};
use std::time::Duration;

/// How much audio is judged at once.
const WINDOW: Duration = Duration::from_millis(20);
/// Shorter sounds are no speech: a click, a knock.
const SHORTEST: Duration = Duration::from_millis(100);
/// How much is kept from before speech was noticed: words begin quietly.
const BEFORE: Duration = Duration::from_millis(300);
/// An utterance is cut here; Whisper hears 30 s at once.
const LONGEST: Duration = Duration::from_secs(30);

/// What was found in the audio.
#[derive(Debug)]
pub(super) enum Found {
    /// Somebody began to speak.
    Began,
    /// They ended.
    Ended(Utterance),
}

/// A stretch of speech.
#[derive(Debug)]
pub(super) struct Utterance {
    /// 16-bit samples: the speech, with a little of what was before and after it.
    pub samples: Bytes,
    /// Where the samples begin.
    pub offset: Duration,
    /// Where the speech begins.
    pub start: Duration,
    /// Where it ends.
    pub end: Duration,
}

/// Follows one stream of 16-bit little-endian PCM, one channel.
pub(super) struct Utterances {
    detector: SpeechDetector,
    bytes_per_window: usize,
    /// Less than a window.
    rest: BytesMut,
    /// The utterance so far, or what is kept from before one.
    kept: BytesMut,
    /// Windows so far.
    windows: u32,
    /// Where the utterance that goes on begins and was last loud; none while nobody is taken to speak.
    speech: Option<(Duration, Duration)>,
}

impl Utterances {
    /// Hears nothing yet.
    pub(super) fn new(sample_rate: u32) -> Utterances {
        let samples = u64::from(sample_rate) * WINDOW.as_millis() as u64 / 1000;
        Utterances {
            detector: SpeechDetector::new(sample_rate),
            bytes_per_window: usize::try_from(samples * 2).unwrap_or(usize::MAX).max(2),
            rest: BytesMut::new(),
            kept: BytesMut::new(),
            windows: 0,
            speech: None,
        }
    }

    /// Takes the next audio, cut anywhere.
    pub(super) fn push(&mut self, audio: &[u8]) -> Vec<Found> {
        self.rest.extend_from_slice(audio);
        let mut found = Vec::new();
        while self.rest.len() >= self.bytes_per_window {
            let window = self.rest.split_to(self.bytes_per_window);
            found.extend(self.hear(&window));
        }
        found
    }

    /// Ends the utterance that goes on, if there is one: what comes belongs to another one.
    pub(super) fn finish(&mut self) -> Option<Utterance> {
        let rest = self.rest.split();
        if self.speech.is_some() {
            let whole = rest.len() - rest.len() % 2;
            self.kept.extend_from_slice(rest.get(..whole).unwrap_or_default());
        }
        self.cut()
    }

    fn hear(&mut self, window: &[u8]) -> Option<Found> {
        self.kept.extend_from_slice(window);
        self.windows = self.windows.saturating_add(1);
        self.detector.push(window);
        if !self.detector.is_speaking() {
            let ended = self.cut();
            let before = self.bytes_per_window * windows(BEFORE);
            let superfluous = self.kept.len().saturating_sub(before);
            let _ = self.kept.split_to(superfluous);
            return ended.map(Found::Ended);
        }
        let now = self.now();
        let last = now - self.detector.silence().min(now);
        match &mut self.speech {
            Some((_, end)) => {
                *end = last;
                (self.kept.len() >= self.bytes_per_window * windows(LONGEST))
                    .then(|| self.cut())?
                    .map(Found::Ended)
            }
            None if self.detector.speech() >= SHORTEST => {
                self.speech = Some((last - self.detector.speech().min(last), last));
                Some(Found::Began)
            }
            None => None,
        }
    }

    fn cut(&mut self) -> Option<Utterance> {
        let (start, end) = self.speech.take()?;
        self.detector.ended();
        let samples = self.kept.split().freeze();
        let length = WINDOW.saturating_mul(u32::try_from(samples.len() / self.bytes_per_window).unwrap_or(0));
        Some(Utterance { offset: self.now().saturating_sub(length), samples, start, end })
    }

    fn now(&self) -> Duration {
        WINDOW.saturating_mul(self.windows)
    }
}

const fn windows(of: Duration) -> usize {
    (of.as_millis() / WINDOW.as_millis()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio(millis: usize, loud: i16) -> Vec<u8> {
        (0..millis * 16)
            .flat_map(|place| if place / 20 % 2 == 0 { loud } else { -loud }.to_le_bytes())
            .collect()
    }

    fn speech(millis: usize) -> Vec<u8> {
        audio(millis, 3_000)
    }

    fn silence(millis: usize) -> Vec<u8> {
        audio(millis, 10)
    }

    /// What is found, however the audio is cut.
    fn found(audio: &[u8], piece: usize) -> Vec<String> {
        let mut utterances = Utterances::new(16_000);
        let mut found: Vec<Found> = audio.chunks(piece).flat_map(|piece| utterances.push(piece)).collect();
        found.extend(utterances.finish().map(Found::Ended));
        let millis = |at: Duration| at.as_millis();
        let shown = found.iter().map(|found| match found {
            Found::Began => "began".to_owned(),
            Found::Ended(heard) => {
                let length = heard.samples.len() / 32;
                format!("{}+{length} {}-{}", millis(heard.offset), millis(heard.start), millis(heard.end))
            }
        });
        shown.collect()
    }

    #[test]
    fn each_utterance_is_found_with_a_little_before_and_after_it() {
        let audio = [silence(1_000), speech(800), silence(1_000), speech(400), silence(200)].concat();
        let wanted = ["began", "700+1500 1000-1800", "began", "2500+900 2800-3200"];
        for piece in [1, 333, 640, 1_600, audio.len()] {
            assert_eq!(found(&audio, piece), wanted, "in pieces of {piece}");
        }
    }

    #[test]
    fn pauses_between_words_end_nothing_and_clicks_are_none() {
        assert_eq!(
            found(&[speech(400), silence(300), speech(400)].concat(), 640),
            ["began", "0+1100 0-1100"]
        );
        assert!(found(&[silence(500), speech(60), silence(900)].concat(), 640).is_empty());
        assert!(found(&silence(60_000), 640).is_empty());
    }

    #[test]
    fn speech_without_end_is_cut_and_none_of_it_is_lost() {
        let found = found(&speech(70_000), 1_600);
        assert_eq!(found.len(), 6, "{found:?}");
        assert_eq!(found[1], "0+30000 0-30000");
        let lengths =
            found.iter().filter_map(|found| found.split_once('+')?.1.split_once(' ')?.0.parse::<u32>().ok());
        assert_eq!(lengths.sum::<u32>(), 70_000);
    }
}
