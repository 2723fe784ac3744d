//! Stage `route`: a target and its fallbacks into a [`Plan`], the candidates of a call in their order.

mod chain;
pub(crate) mod health;
mod latency;
mod plan;

pub use chain::Chain;
pub use latency::{Basis, Route, RouteError, RoutePart, route};

use crate::target::Target;
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};
use vg_core::config::Failover;
use vg_providers::client::Clients;

/// A model named by the request to fall back on.
#[derive(Debug, Clone, Default)]
pub struct Fallback {
    /// The model string.
    pub model: String,
    /// Its voice; none, or empty, is the one of its model string or the provider's default.
    pub voice: Option<String>,
    /// The provider's own options for it, in place of the request's.
    pub extra: Map<String, Value>,
}

impl Fallback {
    /// A model as it is.
    pub fn of(model: impl Into<String>) -> Fallback {
        Fallback { model: model.into(), ..Fallback::default() }
    }
}

/// What the request says about fallbacks and patience; unset is as the owner's configuration says.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Replaces the configured chain.
    pub fallbacks: Option<Vec<Fallback>>,
    /// How long an attempt may take to be accepted.
    pub timeout: Option<Duration>,
    /// How often each candidate is tried again, once all were tried.
    pub retries: Option<u32>,
}

/// One candidate.
#[derive(Clone)]
pub struct Candidate {
    /// The model at its provider.
    pub target: Arc<Target>,
    /// How the provider is called.
    pub clients: Clients,
    /// The provider's own options, if this candidate has its own instead of the request's.
    pub extra: Option<Map<String, Value>>,
}

/// The candidates of a call, the first choice first. Those whose circuit is open are tried after the others.
#[derive(Debug, Clone)]
pub struct Plan {
    /// At least one.
    pub candidates: Vec<Candidate>,
    /// The model string asked for, as the ledger names a model: what a line served by another one names as
    /// `fallback_from`.
    pub asked: Arc<str>,
    /// How long to wait for what.
    pub patience: Patience,
}

/// How long a call waits before it moves on, and how often it tries again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For an attempt to be accepted.
    pub connect: Duration,
    /// For the first token of a chat.
    pub first_token: Duration,
    /// For the first audio, from the first text.
    pub first_audio: Duration,
    /// For a transcript, of speech.
    pub transcript: Duration,
    /// For a first token before the next candidate is asked too; none is never.
    pub hedge: Option<Duration>,
    /// Further tries of each candidate, once all were tried.
    pub retries: u32,
}

impl Patience {
    /// What the owner configured, and what the request wishes over it.
    pub fn new(failover: &Failover, wishes: &Wishes) -> Patience {
        let millis = |millis: u32| Duration::from_millis(u64::from(millis));
        Patience {
            connect: wishes.timeout.unwrap_or_else(|| millis(failover.connect_timeout_ms)),
            first_token: millis(failover.first_token_ms),
            first_audio: millis(failover.first_audio_ms),
            transcript: millis(failover.transcript_ms),
            hedge: (failover.hedge_after_ms > 0).then(|| millis(failover.hedge_after_ms)),
            retries: wishes.retries.unwrap_or(failover.retries),
        }
    }

    /// The same, with no less time for whatever comes first.
    #[must_use]
    pub fn at_least(self, time: Duration) -> Patience {
        Patience {
            connect: self.connect.max(time),
            first_token: self.first_token.max(time),
            first_audio: self.first_audio.max(time),
            transcript: self.transcript.max(time),
            ..self
        }
    }
}

impl std::fmt::Debug for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.target.fmt(f)
    }
}
