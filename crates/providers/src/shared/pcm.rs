//! Counting 16-bit audio of one channel as it comes.

use bytes::{Bytes, BytesMut};

/// Audio so far.
#[derive(Debug)]
pub struct Track {
    sample_rate: u64,
    samples: u64,
    nanos: u64,
    /// The first half of a sample that was cut by the end of a frame.
    half: Option<u8>,
}

impl Track {
    /// Nothing came yet.
    pub fn new(sample_rate: u32) -> Track {
        Track { sample_rate: u64::from(sample_rate.max(1)), samples: 0, nanos: 0, half: None }
    }

    /// Takes audio and gives it back in whole samples, with its length in nanoseconds; the lengths add up to that
    /// of all samples.
    pub fn add(&mut self, audio: Bytes) -> (Bytes, u64) {
        let mut whole = match self.half.take() {
            Some(half) => {
                let mut joined = BytesMut::with_capacity(audio.len() + 1);
                joined.extend_from_slice(&[half]);
                joined.extend_from_slice(&audio);
                joined.freeze()
            }
            None => audio,
        };
        if whole.len() % 2 == 1 {
            self.half = whole.split_off(whole.len() - 1).first().copied();
        }
        self.samples += whole.len() as u64 / 2;
        let before = self.nanos;
        let nanos = u128::from(self.samples) * 1_000_000_000 / u128::from(self.sample_rate);
        self.nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        (whole, self.nanos - before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_cut_in_two_is_joined_and_the_lengths_add_up() {
        let mut track = Track::new(24_000);
        let audio: Vec<u8> = (0..=250).collect();
        let mut joined = Vec::new();
        let mut nanos = 0;
        for piece in audio.chunks(7) {
            let (whole, length) = track.add(Bytes::copy_from_slice(piece));
            assert_eq!(whole.len() % 2, 0);
            joined.extend_from_slice(&whole);
            nanos += length;
        }
        assert_eq!(joined, audio[..250]);
        assert_eq!(nanos, 125 * 1_000_000_000 / 24_000);
    }
}
