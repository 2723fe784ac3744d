//! Requests of the last minute by provider, for the quota headers that LiveKit's clients log. Counted here, not
//! enforced: a limit holds over all processes of a store, and this is one of them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use tokio::time::Instant;

/// One bucket a second.
const SECONDS: usize = 60;

/// The counters.
#[derive(Debug)]
pub(crate) struct Quota {
    since: Instant,
    windows: Mutex<HashMap<Box<str>, Window>>,
}

#[derive(Debug)]
struct Window {
    counts: [u32; SECONDS],
    /// The second that was counted last.
    last: u64,
}

impl Quota {
    pub(crate) fn new() -> Quota {
        Quota { since: Instant::now(), windows: Mutex::default() }
    }

    /// Counts a request at this provider, and tells how many there were within a minute, with it.
    pub(crate) fn count(&self, provider: &str) -> u32 {
        let second = self.since.elapsed().as_secs();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        match windows.get_mut(provider) {
            Some(window) => window.count(second),
            None => {
                let mut window = Window { counts: [0; SECONDS], last: second };
                let count = window.count(second);
                windows.insert(provider.into(), window);
                count
            }
        }
    }
}

impl Window {
    fn count(&mut self, second: u64) -> u32 {
        let passed = second.saturating_sub(self.last).min(SECONDS as u64);
        for step in 1..=passed {
            if let Some(bucket) = self.counts.get_mut(place(self.last + step)) {
                *bucket = 0;
            }
        }
        self.last = self.last.max(second);
        if let Some(bucket) = self.counts.get_mut(place(second)) {
            *bucket = bucket.saturating_add(1);
        }
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

const fn place(second: u64) -> usize {
    (second % SECONDS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_request_counts_for_a_minute() {
        let quota = Quota::new();
        assert_eq!((quota.count("openai"), quota.count("openai"), quota.count("groq")), (1, 2, 1));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(quota.count("openai"), 3);
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(quota.count("openai"), 2);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(quota.count("openai"), 1);
    }
}
