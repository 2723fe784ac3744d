//! Whether a provider's silence means that it hears nothing: speech that we hear, of which it says no word.
//!
//! A provider that noticed the speech is not deaf, though it may say nothing before the speech is over: some
//! transcribe as one speaks, others an utterance at its end.

use std::time::Duration;
use tokio::time::Instant;
use vg_core::call::Heard;
use vg_providers::speech::SpeechDetector;

/// Once it is over, shorter speech need not be heard: it may have been a cough.
const SHORTEST: Duration = Duration::from_millis(1_500);

/// Follows one candidate.
#[derive(Debug, Default)]
pub(crate) struct Deafness {
    since: Option<Instant>,
    /// How long the last speech was.
    spoken: Duration,
    /// Utterances that it noticed and has not finished.
    noticed: usize,
    /// It noticed what is being said, and has said nothing of it.
    is_listening: bool,
    /// It has said no word since it noticed the last utterance.
    owes_words: bool,
}

impl Deafness {
    /// Since when speech waits to be noticed.
    pub(crate) const fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Audio was sent to it, after the detector heard it.
    pub(crate) fn sent(&mut self, detector: &SpeechDetector) {
        if detector.is_speaking() {
            self.spoken = detector.speech();
            if !self.is_listening {
                self.since.get_or_insert_with(Instant::now);
            }
            return;
        }
        let was_listening = std::mem::take(&mut self.is_listening);
        if self.spoken < SHORTEST {
            self.since = None;
        } else if was_listening && self.owes_words {
            // Its time begins when the speech is over.
            self.since = Some(Instant::now());
        }
    }

    /// It said something.
    pub(crate) fn said(&mut self, heard: &Heard) {
        self.since = None;
        self.owes_words = match heard {
            Heard::SpeechStarted => true,
            Heard::Interim(_) | Heard::Preflight(_) | Heard::Final(_) => false,
            Heard::Finalized => self.owes_words,
        };
        match heard {
            Heard::SpeechStarted => {
                self.noticed = self.noticed.saturating_add(1);
                self.is_listening = true;
            }
            // Words may still be of the utterance before the one it noticed last.
            Heard::Interim(_) | Heard::Preflight(_) => self.is_listening &= self.noticed > 1,
            Heard::Final(_) => {
                self.noticed = self.noticed.saturating_sub(1);
                self.is_listening &= self.noticed > 0;
            }
            Heard::Finalized => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vg_core::call::Transcript;

    /// Sends so many milliseconds of speech or of silence.
    fn send(deafness: &mut Deafness, detector: &mut SpeechDetector, millis: usize, is_speech: bool) -> bool {
        let loud: i16 = if is_speech { 4_000 } else { 20 };
        let frame: Vec<u8> =
            (0..160).flat_map(|i| if i % 2 == 0 { loud } else { -loud }.to_le_bytes()).collect();
        for _ in 0..millis / 10 {
            detector.push(&frame);
            deafness.sent(detector);
        }
        deafness.since().is_some()
    }

    #[test]
    fn only_speech_of_some_length_must_be_noticed_and_still_after_it_is_over() {
        let (mut deafness, mut detector) = (Deafness::default(), SpeechDetector::new(16_000));
        assert!(!send(&mut deafness, &mut detector, 1_000, false));
        assert!(send(&mut deafness, &mut detector, 500, true));
        assert!(!send(&mut deafness, &mut detector, 1_000, false));
        assert!(send(&mut deafness, &mut detector, 2_000, true));
        assert!(send(&mut deafness, &mut detector, 5_000, false));
        deafness.said(&Heard::Final(Transcript::default()));
        assert!(deafness.since().is_none());
    }

    #[test]
    fn one_that_noticed_speech_must_say_what_it_was_when_it_is_over() {
        let (mut deafness, mut detector) = (Deafness::default(), SpeechDetector::new(16_000));
        send(&mut deafness, &mut detector, 500, true);
        deafness.said(&Heard::SpeechStarted);
        assert!(!send(&mut deafness, &mut detector, 3_000, true));
        assert!(send(&mut deafness, &mut detector, 1_000, false));
        deafness.said(&Heard::Final(Transcript::default()));
        assert!(!send(&mut deafness, &mut detector, 5_000, false));
    }

    #[test]
    fn one_that_transcribes_at_the_end_has_time_till_then() {
        let (mut deafness, mut detector) = (Deafness::default(), SpeechDetector::new(16_000));
        let words = || Heard::Interim(Transcript::default());
        send(&mut deafness, &mut detector, 500, true);
        deafness.said(&Heard::SpeechStarted);
        assert!(!send(&mut deafness, &mut detector, 9_000, true));
        // The words of the first utterance come while the second one is being said.
        deafness.said(&Heard::SpeechStarted);
        deafness.said(&words());
        deafness.said(&Heard::Final(Transcript::default()));
        assert!(!send(&mut deafness, &mut detector, 9_000, true));
        // What transcribes as one speaks must go on doing so.
        deafness.said(&words());
        assert!(send(&mut deafness, &mut detector, 100, true));
    }
}
