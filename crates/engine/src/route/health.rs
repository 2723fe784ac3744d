//! Which models answer: a circuit breaker for each model at each address.
//!
//! Closed: calls pass. After some failures in a row: open, and calls go to the other candidates first. After the
//! cool-down: one call at a time may try (half-open); its success closes the circuit, its failure opens it again.

use crate::target::Target;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use vg_core::{
    call::{Failure, Retry},
    config::Failover,
};

/// More circuits than this are not kept: model names come from callers.
const MOST: usize = 1_024;

/// The state of a circuit that is not closed, for status and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// Calls go elsewhere if they can.
    Open,
    /// One call at a time tries.
    HalfOpen,
}

impl Circuit {
    /// `open` or `half_open`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Circuit::Open => "open",
            Circuit::HalfOpen => "half_open",
        }
    }
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
    is_probed: bool,
}

impl State {
    fn is_cooling_down(&self) -> bool {
        self.open_until.is_some_and(|until| Instant::now() < until)
    }
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
    /// Whether a call should rather go elsewhere: the circuit is open, or another call probes it.
    pub(crate) fn is_open(&self, target: &Target) -> bool {
        self.with(target, |state| state.is_cooling_down() || state.is_probed).unwrap_or(false)
    }

    /// A try begins. Says whether it is the one that probes a half-open circuit; such a try must end with
    /// [`Health::probed`], or nobody probes again.
    pub(crate) fn begins(&self, target: &Target) -> bool {
        let probe = |state: &mut State| {
            let is_half_open = state.open_until.is_some() && !state.is_cooling_down();
            is_half_open && !std::mem::replace(&mut state.is_probed, true)
        };
        self.with(target, probe).unwrap_or(false)
    }

    /// A probe ended, whatever it told.
    pub(crate) fn probed(&self, target: &Target) {
        self.with(target, |state| state.is_probed = false);
    }

    /// A try was answered.
    pub(crate) fn succeeded(&self, target: &Target) {
        let mut circuits = self.lock();
        if !circuits.is_empty() {
            circuits.remove(&Key::of(target));
        }
    }

    /// A try failed. Only a failure that may pass speaks of the provider: a wrong request, a bad key or an unknown
    /// model is that of one caller, and must not keep the others away.
    pub(crate) fn failed(&self, target: &Target, failure: &Failure, failover: &Failover) {
        if failure.retry != Retry::Again {
            return;
        }
        let mut circuits = self.lock();
        let key = Key::of(target);
        if circuits.len() >= MOST && !circuits.contains_key(&key) {
            circuits.retain(|_, state| state.is_cooling_down());
            if circuits.len() >= MOST {
                return;
            }
        }
        let state = circuits.entry(key).or_default();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= failover.breaker_failures {
            let cooldown = Duration::from_secs(u64::from(failover.breaker_cooldown_seconds));
            state.open_until = Some(Instant::now() + cooldown);
        }
    }

    /// Every circuit that is not closed, by model id.
    pub(crate) fn snapshot(&self) -> Vec<(Arc<str>, Circuit)> {
        let told = |(key, state): (&Key, &State)| {
            state.open_until?;
            let circuit = if state.is_cooling_down() { Circuit::Open } else { Circuit::HalfOpen };
            Some((Arc::clone(&key.model_id), circuit))
        };
        self.lock().iter().filter_map(told).collect()
    }

    fn with<T>(&self, target: &Target, look: impl FnOnce(&mut State) -> T) -> Option<T> {
        let mut circuits = self.lock();
        // Almost always: nothing fails.
        if circuits.is_empty() {
            return None;
        }
        circuits.get_mut(&Key::of(target)).map(look)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, State>> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
