//! Frames waiting for their time on a socket.

use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// What is to leave on a socket and when; frames due at the same time keep their order.
#[derive(Debug)]
pub(crate) struct Outbox<T> {
    waiting: BTreeMap<(Instant, u64), T>,
    next: u64,
    not_before: Option<Instant>,
}

impl<T> Outbox<T> {
    pub(crate) fn new() -> Outbox<T> {
        Outbox { waiting: BTreeMap::new(), next: 0, not_before: None }
    }

    pub(crate) fn put(&mut self, due: Instant, item: T) {
        let due = self.not_before.map_or(due, |earliest| due.max(earliest));
        self.waiting.insert((due, self.next), item);
        self.next += 1;
    }

    /// Drops what `unwanted` picks.
    pub(crate) fn discard(&mut self, unwanted: impl Fn(&T) -> bool) {
        self.waiting.retain(|_, item| !unwanted(item));
    }

    /// Lets nothing leave for `pause` from now on.
    pub(crate) fn postpone(&mut self, pause: Duration) {
        let earliest = Instant::now() + pause;
        self.not_before = Some(earliest);
        for (_, item) in std::mem::take(&mut self.waiting) {
            self.put(earliest, item);
        }
    }

    /// Waits for the next item's time and takes it; waits for ever when there is none. Safe to drop: an item is
    /// taken only when it is returned.
    pub(crate) async fn next(&mut self) -> T {
        let Some((due, _)) = self.waiting.keys().next() else { return std::future::pending().await };
        tokio::time::sleep_until(*due).await;
        match self.waiting.pop_first() {
            Some((_, item)) => item,
            None => std::future::pending().await,
        }
    }
}
