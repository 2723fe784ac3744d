//! Stage `route`: a target and its fallbacks into a [`Plan`], the candidates in the order they are tried.

use crate::target::Target;
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};

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

/// What the request says about fallbacks and patience; unset is as the owner's configuration says.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Replaces the configured chain.
    pub fallbacks: Option<Vec<Fallback>>,
    /// How long an attempt may take to be accepted.
    pub timeout: Option<Duration>,
    /// How often a candidate is tried again before the next one.
    pub retries: Option<u32>,
}

/// One candidate.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The model at its provider.
    pub target: Arc<Target>,
    /// The provider's own options, if this candidate has its own instead of the request's.
    pub extra: Option<Map<String, Value>>,
}

/// The candidates of a call, the first to be tried first.
#[derive(Debug, Clone)]
pub struct Plan {
    /// At least one.
    pub candidates: Vec<Candidate>,
    /// How long an attempt may take to be accepted.
    pub timeout: Duration,
    /// How often a candidate is tried again before the next one.
    pub retries: u32,
}
