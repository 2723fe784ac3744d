//! Whether somebody speaks, by the energy of the audio. The engine decides by it what is kept for a replay and whether
//! silence of a provider means anything; a provider that hears recordings only is sent the utterances it finds.

use std::time::Duration;

/// Audio quieter than this is silence whatever the noise: the root mean square of 16-bit samples, about -44 dBFS.
const QUIETEST: f64 = 200.0;
/// How far above the noise speech is.
const ABOVE_NOISE: f64 = 3.0;
/// How long the energy must stay down before speech has ended: between words it falls too.
const HANGOVER: Duration = Duration::from_millis(400);

/// Follows one stream of 16-bit little-endian PCM, one channel.
#[derive(Debug)]
pub struct SpeechDetector {
    bytes_per_second: f64,
    /// What it sounds like while nobody speaks.
    noise: f64,
    /// Speech since its beginning, pauses included.
    speech: Duration,
    /// The silence at its end.
    silence: Duration,
}

impl SpeechDetector {
    /// Hears nothing yet.
    pub fn new(sample_rate: u32) -> SpeechDetector {
        SpeechDetector {
            bytes_per_second: f64::from(sample_rate.max(1)) * 2.0,
            noise: QUIETEST,
            speech: Duration::ZERO,
            silence: Duration::ZERO,
        }
    }

    /// Hears a frame.
    pub fn push(&mut self, audio: &[u8]) {
        let length = Duration::from_secs_f64(audio.len() as f64 / self.bytes_per_second);
        let energy = root_mean_square(audio);
        if energy > (self.noise * ABOVE_NOISE).max(QUIETEST) {
            self.speech += self.silence + length;
            self.silence = Duration::ZERO;
            // Something loud that never ends is noise.
            self.noise *= 1.0 + 0.02 * length.as_secs_f64();
            return;
        }
        // The noise floor falls at once and rises slowly.
        self.noise = if energy < self.noise { energy } else { self.noise.mul_add(0.95, energy * 0.05) };
        if self.speech > Duration::ZERO {
            self.silence += length;
            if self.silence >= HANGOVER {
                self.ended();
            }
        }
    }

    /// Whether somebody speaks, or paused just now.
    pub fn is_speaking(&self) -> bool {
        self.speech > Duration::ZERO
    }

    /// How long the speech is so far, pauses included.
    pub const fn speech(&self) -> Duration {
        self.speech
    }

    /// How long the pause at its end is so far.
    pub const fn silence(&self) -> Duration {
        self.silence
    }

    /// Speech has ended, or was transcribed.
    pub fn ended(&mut self) {
        self.speech = Duration::ZERO;
        self.silence = Duration::ZERO;
    }
}

fn root_mean_square(audio: &[u8]) -> f64 {
    let (samples, _) = audio.as_chunks::<2>();
    if samples.is_empty() {
        return 0.0;
    }
    let square = |sample: &[u8; 2]| {
        let sample = i32::from(i16::from_le_bytes(*sample));
        u64::from((sample * sample).cast_unsigned())
    };
    (samples.iter().map(square).sum::<u64>() as f64 / samples.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(amplitude: i16) -> Vec<u8> {
        (0..800).flat_map(|i| if i % 2 == 0 { amplitude } else { -amplitude }.to_le_bytes()).collect()
    }

    #[test]
    fn speech_is_what_is_louder_than_the_noise_and_lasts_over_short_pauses() {
        let mut detector = SpeechDetector::new(16_000);
        (0..20).for_each(|_| detector.push(&frame(100)));
        assert!(!detector.is_speaking());
        (0..4).for_each(|_| detector.push(&frame(3_000)));
        assert!(detector.is_speaking());
        (0..4).for_each(|_| detector.push(&frame(100)));
        assert!(detector.is_speaking());
        (0..8).for_each(|_| detector.push(&frame(100)));
        assert!(!detector.is_speaking());
    }

    #[test]
    fn silence_is_never_speech() {
        let mut detector = SpeechDetector::new(16_000);
        (0..100).for_each(|_| detector.push(&frame(0)));
        (0..100).for_each(|_| detector.push(&frame(150)));
        assert!(!detector.is_speaking());
        detector.push(&[]);
        detector.push(&[7]);
    }
}
