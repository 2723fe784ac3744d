//! How far the texts of a synthesis were spoken, where the provider says when what of them sounds.

use std::collections::VecDeque;
use vg_core::call::Letter;

/// What was said comes back in order with its times, so a text is done when the audio has reached the end of its last
/// letter. Blanks are left out, since words come back without.
#[derive(Debug, Default)]
pub struct Progress {
    /// For each text that was not reached: the letters up to its end.
    ends: VecDeque<u64>,
    letters_said: u64,
    letters_heard: u64,
    /// For each text whose last letter has a time: when it ends, in seconds.
    times: VecDeque<f64>,
    done: usize,
}

impl Progress {
    /// A text was sent.
    pub fn said(&mut self, text: &str) {
        self.letters_said += letters(text);
        self.ends.push_back(self.letters_said);
    }

    /// Words or characters have their times. Says whether a text ends with them.
    pub fn heard(&mut self, pieces: &[Letter]) -> bool {
        let before = self.times.len();
        for piece in pieces {
            self.letters_heard += letters(&piece.text);
            while self.ends.front().is_some_and(|end| *end <= self.letters_heard) {
                self.ends.pop_front();
                self.times.push_back(piece.end);
            }
        }
        self.times.len() > before
    }

    /// How many texts are done with so many seconds of audio, when it is more than before.
    pub fn done_by(&mut self, seconds: f64) -> Option<usize> {
        let before = self.done;
        // Times are written with few digits, audio ends with a sample.
        while self.times.front().is_some_and(|end| *end <= seconds + 0.001) {
            self.times.pop_front();
            self.done += 1;
        }
        (self.done > before).then_some(self.done)
    }

    /// Whether nothing of what was said is missing.
    pub fn is_complete(&self) -> bool {
        self.ends.is_empty() && self.times.is_empty()
    }
}

fn letters(text: &str) -> u64 {
    text.chars().filter(|letter| !letter.is_whitespace()).count() as u64
}
