//! Which models answer: a circuit breaker for each model at each address.
//!
//! Closed: calls pass. After some failures in a row: open, and candidates behind it go to the end of every plan. After
//! the cool-down: one call at a time may try (half-open); its success closes the circuit, its failure opens it again.

use crate::target::Target;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use vg_core::{
    Kind,
    call::{Failure, Retry},
    config::Failover,
};

/// More circuits than this are not kept: model names come from callers.
const MOST: usize = 1_024;

/// The state of one circuit, for status and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// Calls pass.
    Closed,
    /// Calls go elsewhere if they can.
    Open,
    /// One call at a time tries.
    HalfOpen,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
    is_probed: bool,
}

/// The circuits of an engine. A circuit without a failure is not kept.
#[derive(Debug, Default)]
pub(crate) struct Health {
    circuits: Mutex<HashMap<Key, State>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    model_id: Arc<str>,
    base_url: Option<String>,
}

impl Key {
    fn of(target: &Target) -> Key {
        Key { model_id: Arc::clone(&target.model_id), base_url: target.endpoint.base_url.clone() }
    }
}

impl Health {
    /// Whether a call should rather go elsewhere. When the cool-down is over, the first to ask is told no, and so
    /// becomes the probe.
    pub(crate) fn is_open(&self, target: &Target) -> bool {
        let mut circuits = self.lock();
        if circuits.is_empty() {
            return false;
        }
        let Some(state) = circuits.get_mut(&Key::of(target)) else { return false };
        match state.open_until {
            None => false,
            Some(until) if Instant::now() < until || state.is_probed => true,
            Some(_) => {
                state.is_probed = true;
                false
            }
        }
    }

    /// An attempt was answered.
    pub(crate) fn succeeded(&self, target: &Target) {
        let mut circuits = self.lock();
        if !circuits.is_empty() {
            circuits.remove(&Key::of(target));
        }
    }

    /// An attempt failed.
    pub(crate) fn failed(&self, target: &Target, failure: &Failure, failover: &Failover) {
        if !speaks_of_provider(failure) {
            return self.abandoned(target);
        }
        let mut circuits = self.lock();
        let key = Key::of(target);
        if circuits.len() >= MOST && !circuits.contains_key(&key) {
            return;
        }
        let state = circuits.entry(key).or_default();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= failover.breaker_failures {
            let cooldown = Duration::from_secs(u64::from(failover.breaker_cooldown_seconds));
            state.open_until = Some(Instant::now() + cooldown);
            state.is_probed = false;
        }
    }

    /// An attempt ended without telling anything about the provider: another one may probe.
    pub(crate) fn abandoned(&self, target: &Target) {
        if let Some(state) = self.lock().get_mut(&Key::of(target)) {
            state.is_probed = false;
        }
    }

    /// Every circuit that is not closed, by model id.
    pub(crate) fn snapshot(&self) -> Vec<(Arc<str>, Circuit)> {
        let now = Instant::now();
        let told = |(key, state): (&Key, &State)| {
            let circuit = if now < state.open_until? { Circuit::Open } else { Circuit::HalfOpen };
            Some((Arc::clone(&key.model_id), circuit))
        };
        self.lock().iter().filter_map(told).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, State>> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is wrong says nothing of the provider it was sent to.
fn speaks_of_provider(failure: &Failure) -> bool {
    failure.retry != Retry::Never && failure.kind != Kind::BadRequest
}
