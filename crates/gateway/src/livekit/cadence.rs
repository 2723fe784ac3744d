//! When a speaking socket may send: not further ahead of the playing time than it is worth, and not silent for long
//! while a client waits.

use std::{pin::Pin, time::Duration};
use tokio::time::{Instant, Sleep, sleep_until};

/// Both clients give up after 10 s without a frame, also while they wait for their own model to go on.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(4);

/// The clocks of one synthesis.
#[derive(Debug)]
pub(super) struct Cadence {
    /// From when on the audio plays.
    playing_since: Option<Instant>,
    /// How much of it was sent.
    sent: Duration,
    last_frame: Instant,
}

impl Cadence {
    /// A synthesis begins.
    pub(super) fn start() -> Cadence {
        Cadence { playing_since: None, sent: Duration::ZERO, last_frame: Instant::now() }
    }

    /// A frame was sent.
    pub(super) fn frame(&mut self) {
        self.last_frame = Instant::now();
    }

    /// Audio was sent.
    pub(super) fn audio(&mut self, length: Duration) {
        self.frame();
        self.playing_since.get_or_insert(self.last_frame);
        self.sent += length;
    }

    /// How much audio was sent.
    pub(super) const fn sent(&self) -> Duration {
        self.sent
    }

    /// When the client is to hear that we live.
    pub(super) fn keepalive_at(&self) -> Instant {
        self.last_frame + KEEPALIVE_EVERY
    }

    /// When more audio may be sent, at most `ahead` of its playing time; `None` is now.
    pub(super) fn resumes_at(&self, ahead: Duration) -> Option<Instant> {
        let resumes = self.playing_since? + self.sent.checked_sub(ahead)?;
        (resumes > Instant::now()).then_some(resumes)
    }
}

/// The one timer of a socket. It rings too early rather than too late, and whoever hears it looks at the clock: what
/// is put off with every frame then costs nothing.
#[derive(Debug)]
pub(super) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    /// Rings at an instant.
    pub(super) fn at(instant: Instant) -> Alarm {
        Alarm(Box::pin(sleep_until(instant)))
    }

    /// Rings no later than at an instant.
    pub(super) fn no_later_than(&mut self, instant: Instant) {
        if instant < self.0.deadline() {
            self.0.as_mut().reset(instant);
        }
    }

    /// Resolves when it rings; it is then set to `next`. Cancel-safe.
    pub(super) async fn ring(&mut self, next: Instant) {
        self.0.as_mut().await;
        self.0.as_mut().reset(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AHEAD: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn audio_waits_when_it_is_a_minute_ahead() {
        let mut cadence = Cadence::start();
        cadence.audio(Duration::from_secs(60));
        assert_eq!(cadence.resumes_at(AHEAD), None);
        cadence.audio(Duration::from_secs(5));
        let resumes = cadence.resumes_at(AHEAD).unwrap();
        assert_eq!(resumes - Instant::now(), Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(cadence.resumes_at(AHEAD), None);
        assert_eq!(cadence.sent(), Duration::from_secs(65));
    }

    #[tokio::test(start_paused = true)]
    async fn any_frame_puts_the_keepalive_off() {
        let mut cadence = Cadence::start();
        tokio::time::advance(Duration::from_secs(3)).await;
        cadence.frame();
        assert_eq!(cadence.keepalive_at() - Instant::now(), KEEPALIVE_EVERY);
    }
}
