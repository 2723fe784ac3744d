//! The audio of the utterance that was not transcribed to its end yet, for the next candidate.
//!
//! There are thousands of streams and few failures, so it is kept as µ-law, half as large: telephone networks carry
//! speech so, and recognisers are made for it. No candidate that hears a stream from its beginning hears µ-law.

use super::mulaw;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;

/// Audio from before speech was noticed, in seconds.
const BEFORE: f64 = 0.3;
/// No utterance is kept longer, in seconds.
const LONGEST: f64 = 30.0;

/// Keeps what somebody says until it is transcribed, and a little from before.
#[derive(Debug)]
pub(crate) struct Replay {
    sample_rate: f64,
    /// One byte a sample.
    frames: VecDeque<Bytes>,
    /// The first half of a sample that was cut by the end of a frame.
    half: Option<u8>,
    /// Samples in `frames`.
    kept: usize,
    /// Samples of the whole stream so far.
    sent: u64,
}

impl Replay {
    pub(crate) fn new(sample_rate: u32) -> Replay {
        Replay {
            sample_rate: f64::from(sample_rate.max(1)),
            frames: VecDeque::new(),
            half: None,
            kept: 0,
            sent: 0,
        }
    }

    /// Keeps a frame that was sent. `is_owed` is whether something was said that is not transcribed yet.
    pub(crate) fn push(&mut self, audio: &[u8], is_owed: bool) {
        let frame = mulaw::compress(&mut self.half, audio);
        self.sent += frame.len() as u64;
        self.kept += frame.len();
        self.frames.push_back(frame.into());
        self.keep(if is_owed { LONGEST } else { BEFORE });
    }

    /// Forgets what was transcribed: everything before `end`, in seconds of the whole stream.
    pub(crate) fn transcribed(&mut self, end: f64) {
        let samples = self.keep((self.seconds() - end).max(0.0));
        // A frame that was transcribed in part is cut, or its words come twice.
        let excess = self.kept.saturating_sub(samples);
        if let Some(first) = self.frames.front_mut() {
            let cut = excess.min(first.len());
            first.advance(cut);
            self.kept -= cut;
        }
        self.frames.shrink_to(8);
    }

    /// Drops frames from the front while what remains is still so many seconds. Gives those seconds in samples.
    fn keep(&mut self, seconds: f64) -> usize {
        let samples = (seconds * self.sample_rate).round() as usize;
        while let Some(first) = self.frames.front()
            && self.kept - first.len() >= samples
        {
            self.kept -= first.len();
            self.frames.pop_front();
        }
        samples
    }

    /// The length of the whole stream so far, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.sent as f64 / self.sample_rate
    }

    /// Where the kept audio begins, in seconds of the whole stream.
    pub(crate) fn begins_at(&self) -> f64 {
        (self.sent - self.kept as u64) as f64 / self.sample_rate
    }

    /// The kept audio, as it is sent: the next frame of the stream follows it.
    pub(crate) fn frames(&self) -> Vec<Bytes> {
        let whole = self.frames.iter().map(|frame| Bytes::from(mulaw::expand(frame)));
        whole.chain(self.half.map(|half| Bytes::copy_from_slice(&[half]))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SECOND: [u8; 32_000] = [0; 32_000];

    #[test]
    fn speech_is_kept_from_a_little_before_it_until_it_is_transcribed() {
        let mut replay = Replay::new(16_000);
        for _ in 0..20 {
            replay.push(&SECOND[..1_600], false);
        }
        assert!((replay.begins_at() - 0.7).abs() < 1e-9, "{}", replay.begins_at());
        (0..3).for_each(|_| replay.push(&SECOND, true));
        assert!((replay.begins_at() - 0.7).abs() < 1e-9);
        replay.transcribed(3.0);
        assert_eq!((replay.begins_at(), replay.seconds(), replay.frames().len()), (3.0, 4.0, 1));
        replay.transcribed(9.0);
        assert_eq!(replay.frames().len(), 0);
    }

    #[test]
    fn a_frame_that_was_transcribed_in_part_is_cut_between_samples() {
        let mut replay = Replay::new(16_000);
        let audio = mulaw::expand(&Vec::from_iter((0..1_600).map(|n| n as u8)));
        replay.push(&audio, true);
        replay.transcribed(0.075_01);
        assert_eq!(replay.frames(), [&audio[2_400..]]);
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
            let (mut audio, mut sent, mut told, mut said) = (Vec::new(), 0, 0_usize, None);
            for number in 0..draw(&mut state, 120) {
                let is_owed = draw(&mut state, 8) > 0;
                // Samples that µ-law has, so that nothing is rounded; some are cut by the end of a frame.
                let samples: Vec<u8> = (0..1 + draw(&mut state, 900)).map(|n| (n + number) as u8).collect();
                audio.extend(mulaw::expand(&samples));
                let before = sent;
                let end = audio.len() - draw(&mut state, 2) as usize;
                replay.push(&audio[sent..end], is_owed);
                sent = end;
                said = if is_owed { said.or(Some(before)) } else { None };
                if draw(&mut state, 20) == 0 {
                    told = told.max(2 * draw(&mut state, sent as u64 / 2 + 1) as usize);
                    replay.transcribed(told as f64 / 16_000.0);
                }
                let kept = replay.frames().concat();
                let begins = sent - kept.len();
                assert_eq!(begins as f64 / 16_000.0, replay.begins_at());
                assert_eq!(audio[begins..sent], kept);
                // Nothing is heard twice, and of what is owed nothing is lost.
                assert!(begins >= told, "{begins} {told}");
                assert!(said.is_none_or(|said| begins <= said.max(told)), "{begins} {said:?} {told}");
            }
        }
    }

    #[test]
    fn an_endless_utterance_does_not_grow() {
        let mut replay = Replay::new(16_000);
        (0..1_000).for_each(|_| replay.push(&SECOND, true));
        assert_eq!(replay.frames().len(), 30);
    }
}
