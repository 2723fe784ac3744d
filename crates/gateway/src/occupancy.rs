//! Who is in: calls that run, and sockets by key. Guards, so that nothing is counted after it ended.

use crate::Error;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use vg_core::Kind;

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Occupancy {
    calls: AtomicUsize,
    sockets: Mutex<HashMap<Option<Arc<str>>, usize>>,
}

/// A call that runs: what a stop in good order waits for.
#[derive(Debug)]
pub(crate) struct CallGuard(Arc<Occupancy>);

/// A socket that is open.
#[derive(Debug)]
pub(crate) struct SocketGuard {
    occupancy: Arc<Occupancy>,
    key: Option<Arc<str>>,
}

impl Occupancy {
    /// How many calls run.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Counts a call until the guard is dropped.
    pub(crate) fn call(self: &Arc<Self>) -> CallGuard {
        self.calls.fetch_add(1, Ordering::Relaxed);
        CallGuard(Arc::clone(self))
    }

    /// Counts a socket of `key` until the guard is dropped.
    ///
    /// # Errors
    /// When the key has `most` already.
    pub(crate) fn socket(self: &Arc<Self>, key: Option<Arc<str>>, most: usize) -> Result<SocketGuard, Error> {
        let mut sockets = self.lock();
        let count = sockets.entry(key.clone()).or_default();
        if *count >= most {
            let message = format!("this key has {most} sockets open, which is the most");
            let error = Error::new(Kind::RateLimited, message).with_code("too_many_sockets");
            return Err(error.retry_after(Duration::from_secs(1)));
        }
        *count += 1;
        drop(sockets);
        Ok(SocketGuard { occupancy: Arc::clone(self), key })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<Arc<str>>, usize>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        let mut sockets = self.occupancy.lock();
        if let Some(count) = sockets.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                sockets.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_open_another_socket_when_one_closed() {
        let occupancy = Arc::new(Occupancy::default());
        let key = Some(Arc::from("k"));
        let first = occupancy.socket(key.clone(), 1).unwrap();
        assert_eq!(occupancy.socket(key.clone(), 1).unwrap_err().status(), 429);
        assert!(occupancy.socket(None, 1).is_ok());
        drop(first);
        assert!(occupancy.socket(key, 1).is_ok());
        assert!(occupancy.lock().is_empty());
    }
}
