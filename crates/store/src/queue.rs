//! The memory between those who append and the one thread that writes: bounded, and never held for longer than
//! it takes to move a line.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use vg_core::Line;

/// Lines waiting for the writer, and how far it has come.
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    /// Tells the writer of work.
    work: Notify,
    /// Tells those who flush of progress.
    progress: Condvar,
    capacity: usize,
}

#[derive(Default)]
struct Inner {
    lines: Vec<Line>,
    /// Lines taken by the writer that are not durable yet.
    taken: u64,
    /// Lines accepted so far; the ones dropped are not among them.
    accepted: u64,
    /// The first so many accepted lines are durable.
    durable: u64,
    dropped: u64,
    /// The writer waits for work and must be told of it.
    idle: bool,
    /// Somebody waits for lines to be durable: do not gather.
    flushing: u32,
    /// So many want the writer to let go of the database.
    parking: u32,
    /// The writer has, and waits until nobody wants it any more.
    parked: bool,
    closing: bool,
    closed: bool,
}

/// What the writer finds when it looks.
pub(crate) struct Work {
    /// Lines to make durable, oldest first.
    pub(crate) lines: Vec<Line>,
    /// Nothing more will come once these are done.
    pub(crate) closing: bool,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Queue {
        Queue { inner: Mutex::default(), work: Notify::new(), progress: Condvar::new(), capacity }
    }

    /// A panic while the lock was held cannot leave it half-changed in a way that matters here.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line; a full or closed queue drops it and counts it.
    pub(crate) fn push(&self, line: Line) {
        let mut inner = self.lock();
        if inner.closing || inner.lines.len() + inner.taken as usize >= self.capacity {
            inner.dropped += 1;
            return;
        }
        inner.lines.push(line);
        inner.accepted += 1;
        let wake = std::mem::take(&mut inner.idle);
        drop(inner);
        if wake {
            self.work.notify_one();
        }
    }

    /// Waits until there is something to do or `at_most` has passed.
    pub(crate) async fn wait(&self, at_most: Duration) {
        {
            let mut inner = self.lock();
            if !inner.lines.is_empty() || inner.closing || inner.parking > 0 {
                return;
            }
            inner.idle = true;
        }
        let _ = tokio::time::timeout(at_most, self.work.notified()).await;
        self.lock().idle = false;
    }

    /// Lets lines gather for a moment, so that one transaction takes many; somebody flushing ends it.
    pub(crate) async fn gather(&self, moment: Duration, enough: usize) {
        {
            let inner = self.lock();
            if inner.flushing > 0 || inner.closing || inner.parking > 0 || inner.lines.len() >= enough {
                return;
            }
        }
        let _ = tokio::time::timeout(moment, self.work.notified()).await;
    }

    /// Takes all lines.
    pub(crate) fn take(&self) -> Work {
        let mut inner = self.lock();
        let lines = std::mem::take(&mut inner.lines);
        inner.taken += lines.len() as u64;
        Work { lines, closing: inner.closing }
    }

    /// Says that the next `count` lines taken are durable.
    pub(crate) fn done(&self, count: u64) {
        let mut inner = self.lock();
        inner.taken = inner.taken.saturating_sub(count);
        inner.durable += count;
        drop(inner);
        self.progress.notify_all();
    }

    /// Whether so much waits that the writer must stop waiting for the database.
    pub(crate) fn is_pressing(&self) -> bool {
        let inner = self.lock();
        inner.lines.len() + inner.taken as usize >= self.capacity / 4 * 3
    }

    /// The first so many accepted lines are durable.
    pub(crate) fn durable(&self) -> u64 {
        self.lock().durable
    }

    /// Lines accepted, durable and dropped so far.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let inner = self.lock();
        (inner.accepted, inner.durable, inner.dropped)
    }

    /// Waits until every line accepted before this call is durable, or the time is over. Answers how many are
    /// durable and how many of those are not.
    pub(crate) fn flush(&self, timeout: Duration) -> (u64, u64) {
        let deadline = Instant::now().checked_add(timeout);
        let mut inner = self.lock();
        let goal = inner.accepted;
        inner.flushing += 1;
        self.work.notify_one();
        while inner.durable < goal && !inner.closed {
            let left =
                deadline.map_or(Duration::from_secs(3600), |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            inner = self.progress.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        inner.flushing -= 1;
        (inner.durable, goal.saturating_sub(inner.durable))
    }

    /// Asks the writer to let go of the database and waits until it has, or the time is over; whether it has.
    pub(crate) fn park(&self, timeout: Duration) -> bool {
        let mut inner = self.lock();
        inner.parking += 1;
        self.work.notify_one();
        let waited = self.progress.wait_timeout_while(inner, timeout, |inner| !inner.parked && !inner.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.parked
    }

    /// Lets the writer go on, once everybody who parked it has said so.
    pub(crate) fn unpark(&self) {
        let mut inner = self.lock();
        inner.parking = inner.parking.saturating_sub(1);
        drop(inner);
        self.progress.notify_all();
    }

    /// Whether the writer is asked to let go of the database.
    pub(crate) fn must_park(&self) -> bool {
        self.lock().parking > 0
    }

    /// Said by the writer once it has let go; returns when it may go on. Blocks its thread.
    pub(crate) fn stay_parked(&self) {
        let mut inner = self.lock();
        inner.parked = true;
        self.progress.notify_all();
        inner = self
            .progress
            .wait_while(inner, |inner| inner.parking > 0)
            .unwrap_or_else(PoisonError::into_inner);
        inner.parked = false;
    }

    /// Takes no more lines and lets the writer end once it has written what is there.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    /// Said by the writer when it ends.
    pub(crate) fn closed(&self) {
        self.lock().closed = true;
        self.progress.notify_all();
    }

    /// Waits for the writer to end; whether it did.
    pub(crate) fn wait_closed(&self, timeout: Duration) -> bool {
        let inner = self.lock();
        let waited = self.progress.wait_timeout_while(inner, timeout, |inner| !inner.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }
}
