//! What every attempt of an engine shares: the configuration, the way to the ledger.

use crate::{Error, Setup, attempt::Attempt, call::Calls, route::health::Health, settle::Outcome};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak},
};
use vg_core::{
    AttemptId, Line, Status,
    call::Failure,
    config::{Config, env::VOICEGW_AGENT_ID},
};
use vg_providers::client::Network;
use vg_store::Writer;

/// Takes lines that go elsewhere than to a ledger of this machine.
#[derive(Clone)]
pub struct Collect(Arc<dyn Fn(Line) + Send + Sync>);

impl Collect {
    /// Hands every line to `take`, which must return at once.
    pub fn new(take: impl Fn(Line) + Send + Sync + 'static) -> Collect {
        Collect(Arc::new(take))
    }
}

impl std::fmt::Debug for Collect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Collect")
    }
}

/// The engine's state. Immutable but for the register of open attempts.
#[derive(Debug)]
pub(crate) struct Shared {
    config: RwLock<Arc<Config>>,
    variables: HashMap<String, String>,
    pub(crate) default_project: String,
    pub(crate) agent_id: Option<Arc<str>>,
    pub(crate) writer: Option<Writer>,
    collect: Option<Collect>,
    /// What lines without a price say of where it is from.
    pub(crate) nothing: Arc<str>,
    pub(crate) logs_requests: bool,
    pub(crate) tracks_latency: bool,
    /// Time to first byte above which a request is slow, in microseconds.
    pub(crate) warns_above_micros: Option<u64>,
    /// Which models answer.
    pub(crate) health: Health,
    /// The calls that run.
    pub(crate) calls: Calls,
    network: OnceLock<Result<Arc<Network>, Failure>>,
    /// Attempts not settled yet, for an exit that drops nothing.
    open: Mutex<HashMap<AttemptId, Weak<Attempt>>>,
}

impl Shared {
    pub(crate) fn open(setup: Setup, collect: Option<Collect>) -> Result<Shared, Error> {
        let Setup { config, variables, database_url } = setup;
        // Made here, not in a call.
        config.tariff(config.default_project()?);
        let observed = &config.observability;
        let writer = match database_url.filter(|_| observed.cost_tracking) {
            Some(url) => Some(Writer::open(&url)?),
            None => None,
        };
        let tracks_latency = observed.latency_tracking && config.latency.enabled;
        let threshold = (config.latency.ttfb_warning_ms * 1_000.0) as u64;
        Ok(Shared {
            default_project: config.default_project()?.to_owned(),
            agent_id: variables
                .get(VOICEGW_AGENT_ID)
                .filter(|id| !id.is_empty())
                .map(|id| id.as_str().into()),
            writer,
            collect,
            nothing: "".into(),
            logs_requests: observed.request_logging,
            tracks_latency,
            warns_above_micros: tracks_latency.then_some(threshold),
            config: RwLock::new(Arc::new(config)),
            variables,
            health: Health::default(),
            calls: Calls::default(),
            network: OnceLock::new(),
            open: Mutex::default(),
        })
    }

    /// The configuration that holds now.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_config(&self, config: Config) {
        if let Ok(project) = config.default_project() {
            config.tariff(project);
        }
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// The connections to providers, made on the first call: an agent that embeds us never makes them.
    pub(crate) fn network(&self) -> Result<Arc<Network>, Failure> {
        let open = || {
            let failed = |error| Failure::dropped(format!("TLS cannot be set up: {error}"));
            Network::new().map(Arc::new).map_err(failed)
        };
        self.network.get_or_init(open).clone()
    }

    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// Whether lines go anywhere.
    pub(crate) fn keeps_lines(&self) -> bool {
        self.writer.is_some() || self.collect.is_some()
    }

    /// Books a line; returns at once.
    pub(crate) fn append(&self, line: Line) {
        if let Some(writer) = &self.writer {
            writer.append(line);
        } else if let Some(Collect(take)) = &self.collect {
            take(line);
        }
    }

    pub(crate) fn register(&self, attempt: &Arc<Attempt>) {
        self.lock_open().insert(attempt.id(), Arc::downgrade(attempt));
    }

    pub(crate) fn unregister(&self, id: AttemptId) {
        self.lock_open().remove(&id);
    }

    /// Settles what is still open as cancelled.
    pub(crate) fn settle_open(&self) {
        // Collected first: settling takes an attempt off the register.
        let open: Vec<_> = self.lock_open().values().filter_map(Weak::upgrade).collect();
        for attempt in open {
            attempt.settle(Outcome::new(Status::Cancelled));
        }
    }

    fn lock_open(&self) -> std::sync::MutexGuard<'_, HashMap<AttemptId, Weak<Attempt>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
