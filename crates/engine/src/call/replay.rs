//! The audio of the utterance that was not transcribed to its end yet, for the next candidate.

use bytes::Bytes;
use std::collections::VecDeque;

/// Audio from before speech was noticed, in seconds.
const BEFORE: f64 = 0.3;
/// No utterance is kept longer, in seconds.
const LONGEST: f64 = 30.0;

/// Keeps what somebody says until it is transcribed, and a little from before.
#[derive(Debug)]
pub(crate) struct Replay {
    bytes_per_second: usize,
    frames: VecDeque<Bytes>,
    /// Bytes in `frames`.
    kept: usize,
    /// Bytes of the whole stream so far.
    sent: u64,
}

impl Replay {
    pub(crate) fn new(sample_rate: u32) -> Replay {
        let bytes_per_second = (sample_rate.max(1) as usize).saturating_mul(2);
        Replay { bytes_per_second, frames: VecDeque::new(), kept: 0, sent: 0 }
    }

    /// Keeps a frame that was sent. `is_owed` is whether something was said that is not transcribed yet.
    pub(crate) fn push(&mut self, audio: Bytes, is_owed: bool) {
        self.sent += audio.len() as u64;
        self.kept += audio.len();
        self.frames.push_back(audio);
        self.keep(if is_owed { LONGEST } else { BEFORE });
    }

    /// Forgets what was transcribed: everything before `end`, in seconds of the whole stream.
    pub(crate) fn transcribed(&mut self, end: f64) {
        let after = (self.seconds() - end).max(0.0);
        let bytes = self.keep(after);
        // A frame that was transcribed in part is cut, or its words come twice.
        let excess = self.kept.saturating_sub(bytes) & !1;
        if let Some(first) = self.frames.front_mut() {
            *first = first.slice(excess.min(first.len())..);
            self.kept -= excess.min(self.kept);
        }
        self.frames.shrink_to(8);
    }

    /// Drops frames from the front while what remains is still so many seconds. Gives those seconds in bytes.
    fn keep(&mut self, seconds: f64) -> usize {
        let bytes = (seconds * self.bytes_per_second as f64).round() as usize;
        while let Some(first) = self.frames.front()
            && self.kept - first.len() >= bytes
        {
            self.kept -= first.len();
            self.frames.pop_front();
        }
        bytes
    }

    /// The length of the whole stream so far, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.sent as f64 / self.bytes_per_second as f64
    }

    /// Where the kept audio begins, in seconds of the whole stream.
    pub(crate) fn begins_at(&self) -> f64 {
        (self.sent - self.kept as u64) as f64 / self.bytes_per_second as f64
    }

    /// The kept audio. Frames are shared, not copied.
    pub(crate) fn frames(&self) -> Vec<Bytes> {
        self.frames.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second() -> Bytes {
        Bytes::from(vec![0; 32_000])
    }

    #[test]
    fn speech_is_kept_from_a_little_before_it_until_it_is_transcribed() {
        let mut replay = Replay::new(16_000);
        for _ in 0..20 {
            replay.push(Bytes::from(vec![0; 1_600]), false);
        }
        assert!((replay.begins_at() - 0.7).abs() < 1e-9, "{}", replay.begins_at());
        (0..3).for_each(|_| replay.push(second(), true));
        assert!((replay.begins_at() - 0.7).abs() < 1e-9);
        replay.transcribed(3.0);
        assert_eq!((replay.begins_at(), replay.seconds(), replay.frames().len()), (3.0, 4.0, 1));
        replay.transcribed(9.0);
        assert_eq!(replay.frames().len(), 0);
    }

    #[test]
    fn a_frame_that_was_transcribed_in_part_is_cut_between_samples() {
        let mut replay = Replay::new(16_000);
        replay.push(Bytes::from_iter((0..3_200).map(|n| n as u8)), true);
        replay.transcribed(0.075_01);
        assert_eq!(replay.frames()[0][..4], [96, 97, 98, 99]);
        assert!((replay.begins_at() - 0.075).abs() < 1e-9);
    }

    /// Draws numbers that are the same in every run.
    fn draw(state: &mut u64, below: u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % below
    }

    #[test]
    fn what_was_transcribed_and_what_is_replayed_is_what_was_said() {
        for seed in 0..300 {
            let mut state = seed;
            let mut replay = Replay::new(8_000);
            let (mut sent, mut told, mut said) = (Vec::new(), 0_usize, None);
            for number in 0..draw(&mut state, 120) {
                let is_owed = draw(&mut state, 8) > 0;
                let frame: Vec<u8> =
                    (0..2 * (1 + draw(&mut state, 900))).map(|n| (n + number) as u8).collect();
                let before = sent.len();
                sent.extend_from_slice(&frame);
                replay.push(frame.into(), is_owed);
                said = if is_owed { said.or(Some(before)) } else { None };
                if draw(&mut state, 20) == 0 {
                    told = told.max(2 * draw(&mut state, sent.len() as u64 / 2 + 1) as usize);
                    replay.transcribed(told as f64 / 16_000.0);
                }
                let kept = replay.frames().concat();
                let begins = sent.len() - kept.len();
                assert_eq!(begins as f64 / 16_000.0, replay.begins_at());
                assert_eq!(sent[begins..], kept);
                // Nothing is heard twice, and of what is owed nothing is lost.
                assert!(begins >= told, "{begins} {told}");
                assert!(said.is_none_or(|said| begins <= said.max(told)), "{begins} {said:?} {told}");
            }
        }
    }

    #[test]
    fn an_endless_utterance_does_not_grow() {
        let mut replay = Replay::new(16_000);
        (0..1_000).for_each(|_| replay.push(second(), true));
        assert_eq!(replay.frames().len(), 30);
    }
}
