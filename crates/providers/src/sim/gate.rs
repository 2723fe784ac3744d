//! The speech gate: tells speech from silence by the energy of the audio alone.

/// How much audio is judged at a time.
const WINDOW_MILLIS: u64 = 20;
/// Root mean square, of 32,768, above which a window is loud: about -44 dBFS.
const LOUD: f64 = 200.0;
/// Loud windows in a row that begin speech.
const WINDOWS_TO_START: u64 = 3;
/// A shorter pause is part of speaking, whatever endpointing was asked for: words have gaps.
const SHORTEST_PAUSE_MILLIS: u64 = 200;

/// What the gate noticed; times are milliseconds of audio since the first sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noticed {
    /// Someone began to speak.
    Started {
        /// When.
        at: u64,
    },
    /// They are still speaking.
    Speaking {
        /// For how long.
        since: u64,
        /// Until now.
        at: u64,
    },
    /// They fell silent.
    Ended {
        /// When they began.
        from: u64,
        /// When they were last loud.
        to: u64,
    },
}

#[derive(Debug)]
pub(super) struct Gate {
    samples_per_window: usize,
    pause_windows: u64,
    window: Vec<i16>,
    windows: u64,
    loud_in_a_row: u64,
    /// The windows in which the speech going on began and was last loud.
    speech: Option<(u64, u64)>,
}

impl Gate {
    pub(super) fn new(sample_rate: u32, endpointing_millis: u64) -> Gate {
        let samples = u64::from(sample_rate) * WINDOW_MILLIS / 1000;
        Gate {
            samples_per_window: usize::try_from(samples).unwrap_or(usize::MAX).max(1),
            pause_windows: endpointing_millis.max(SHORTEST_PAUSE_MILLIS).div_ceil(WINDOW_MILLIS),
            window: Vec::new(),
            windows: 0,
            loud_in_a_row: 0,
            speech: None,
        }
    }

    /// Listens to `samples` and says what was noticed in them, in order.
    pub(super) fn hear(&mut self, samples: &[i16]) -> Vec<Noticed> {
        let mut noticed = Vec::new();
        for sample in samples {
            self.window.push(*sample);
            if self.window.len() == self.samples_per_window {
                let loud = root_mean_square(&self.window) >= LOUD;
                self.window.clear();
                noticed.extend(self.judge(loud));
            }
        }
        noticed
    }

    /// Ends the speech going on, if any: no more audio will come for it.
    pub(super) fn finish(&mut self) -> Option<Noticed> {
        self.loud_in_a_row = 0;
        let (first, last) = self.speech.take()?;
        Some(Noticed::Ended { from: millis(first), to: millis(last + 1) })
    }

    fn judge(&mut self, loud: bool) -> Option<Noticed> {
        let window = self.windows;
        self.windows += 1;
        self.loud_in_a_row = if loud { self.loud_in_a_row + 1 } else { 0 };
        match self.speech {
            None if self.loud_in_a_row >= WINDOWS_TO_START => {
                let first = window + 1 - WINDOWS_TO_START;
                self.speech = Some((first, window));
                Some(Noticed::Started { at: millis(first) })
            }
            None => None,
            Some((first, last)) => {
                let last = if loud { window } else { last };
                self.speech = Some((first, last));
                if window - last >= self.pause_windows {
                    self.finish()
                } else {
                    Some(Noticed::Speaking { since: millis(first), at: millis(window + 1) })
                }
            }
        }
    }
}

fn millis(windows: u64) -> u64 {
    windows * WINDOW_MILLIS
}

fn root_mean_square(samples: &[i16]) -> f64 {
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (energy / samples.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(millis: usize) -> Vec<i16> {
        (0..millis * 16).map(|n| if n / 20 % 2 == 0 { 3_000 } else { -3_000 }).collect()
    }

    fn silence(millis: usize) -> Vec<i16> {
        (0..millis * 16).map(|n| (n % 7) as i16 - 3).collect()
    }

    fn edges(gate: &mut Gate, audio: &[i16]) -> Vec<Noticed> {
        gate.hear(audio).into_iter().filter(|n| !matches!(n, Noticed::Speaking { .. })).collect()
    }

    #[test]
    fn silence_yields_nothing() {
        let mut gate = Gate::new(16_000, 300);
        assert_eq!(gate.hear(&silence(5_000)), []);
        assert_eq!(gate.finish(), None);
    }

    #[test]
    fn speech_ends_after_the_pause_that_was_asked_for() {
        let mut gate = Gate::new(16_000, 500);
        assert_eq!(edges(&mut gate, &silence(200)), []);
        assert_eq!(edges(&mut gate, &tone(1_000)), [Noticed::Started { at: 200 }]);
        assert_eq!(edges(&mut gate, &silence(480)), []);
        assert_eq!(edges(&mut gate, &silence(40)), [Noticed::Ended { from: 200, to: 1_200 }]);
    }

    #[test]
    fn a_gap_between_words_does_not_end_speech() {
        let mut gate = Gate::new(16_000, 25);
        edges(&mut gate, &tone(400));
        assert_eq!(edges(&mut gate, &silence(180)), []);
        assert_eq!(edges(&mut gate, &tone(400)), []);
        assert_eq!(gate.finish(), Some(Noticed::Ended { from: 0, to: 980 }));
    }

    #[test]
    fn a_click_is_not_speech() {
        let mut gate = Gate::new(16_000, 25);
        assert_eq!(edges(&mut gate, &tone(40)), []);
        assert_eq!(edges(&mut gate, &silence(400)), []);
    }

    #[test]
    fn frames_of_any_size_are_heard_the_same() {
        let mut whole = Gate::new(16_000, 300);
        let mut pieces = Gate::new(16_000, 300);
        let audio = [silence(300), tone(700), silence(700)].concat();
        let in_pieces: Vec<Noticed> = audio.chunks(137).flat_map(|piece| pieces.hear(piece)).collect();
        assert_eq!(whole.hear(&audio), in_pieces);
    }
}
