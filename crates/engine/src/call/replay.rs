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
        self.keep(after);
        self.frames.shrink_to(8);
    }

    /// Drops frames from the front while what remains is still so many seconds.
    fn keep(&mut self, seconds: f64) {
        let bytes = (seconds * self.bytes_per_second as f64) as usize;
        while let Some(first) = self.frames.front()
            && self.kept - first.len() >= bytes
        {
            self.kept -= first.len();
            self.frames.pop_front();
        }
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
    fn an_endless_utterance_does_not_grow() {
        let mut replay = Replay::new(16_000);
        (0..1_000).for_each(|_| replay.push(second(), true));
        assert_eq!(replay.frames().len(), 30);
    }
}
