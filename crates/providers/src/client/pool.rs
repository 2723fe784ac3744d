//! WebSockets kept open between calls, for providers that answer one request after another on the same one.

use super::Socket;
use futures_util::{FutureExt, StreamExt};
use http::Request;
use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::{BuildHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// How many sockets of one address and one key are kept.
const LIMIT_PER_KEY: usize = 256;
/// How many addresses with their keys are kept sockets for.
const LIMIT_OF_KEYS: usize = 64;
/// How many left-over messages are read from a kept socket before it is given up.
const LEFT_OVER_LIMIT: usize = 4096;

/// How long a provider lets a socket live.
#[derive(Debug, Clone, Copy)]
pub struct Lifetime {
    /// Since its last use.
    pub idle: Duration,
    /// Since it was opened.
    pub whole: Duration,
}

/// Which sockets may stand for one another: those of one address with the same headers, credentials included.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    address: String,
    headers: u64,
}

/// A socket that can be kept for another call when its own is done with it.
#[derive(Debug)]
pub struct PooledSocket {
    /// The socket.
    pub socket: Socket,
    /// Whether it served a call before this one.
    pub is_reused: bool,
    key: Key,
    opened: Instant,
}

impl PooledSocket {
    pub(super) fn new(socket: Socket, key: Key) -> PooledSocket {
        PooledSocket { socket, is_reused: false, key, opened: Instant::now() }
    }

    /// Reads what the call before left unread, and says whether the other side still holds the socket open.
    fn is_open(&mut self) -> bool {
        for _ in 0..LEFT_OVER_LIMIT {
            match self.socket.next().now_or_never() {
                None => return true,
                Some(Some(Ok(message))) if !matches!(message, Message::Close(_)) => {}
                Some(_) => return false,
            }
        }
        false
    }
}

/// A socket nobody uses at the moment.
struct Idle {
    pooled: PooledSocket,
    until: Instant,
}

/// The sockets nobody uses at the moment, those of one key in the order they were put back.
#[derive(Default)]
pub(super) struct IdleSockets {
    sockets: Mutex<HashMap<Key, VecDeque<Idle>>>,
    hasher: RandomState,
}

impl IdleSockets {
    /// The key of the sockets that a request opens.
    pub(super) fn key(&self, request: &Request<()>) -> Key {
        let mut hasher = self.hasher.build_hasher();
        for (name, value) in request.headers() {
            name.as_str().hash(&mut hasher);
            value.as_bytes().hash(&mut hasher);
        }
        Key { address: request.uri().to_string(), headers: hasher.finish() }
    }

    /// The socket that was put back last, of those still open.
    pub(super) fn take(&self, key: &Key) -> Option<PooledSocket> {
        let now = Instant::now();
        loop {
            let Idle { mut pooled, until } = self.lock().get_mut(key)?.pop_back()?;
            if now < until && pooled.is_open() {
                pooled.is_reused = true;
                return Some(pooled);
            }
        }
    }

    /// Keeps a socket until its time is over.
    pub(super) fn put(&self, pooled: PooledSocket, lifetime: Lifetime) {
        let now = Instant::now();
        let until = (now + lifetime.idle).min(pooled.opened + lifetime.whole);
        let mut closed = Vec::new(); // closing is left for after the lock
        let mut sockets = self.lock();
        sockets.retain(|_, idle| {
            let over = idle.iter().take_while(|idle| idle.until <= now).count();
            closed.extend(idle.drain(..over));
            !idle.is_empty()
        });
        if until > now && (sockets.len() < LIMIT_OF_KEYS || sockets.contains_key(&pooled.key)) {
            let idle = sockets.entry(pooled.key.clone()).or_default();
            if idle.len() == LIMIT_PER_KEY {
                closed.extend(idle.pop_front());
            }
            idle.push_back(Idle { pooled, until });
        }
        drop(sockets);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, VecDeque<Idle>>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
