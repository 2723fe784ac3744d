//! What every handler sees: the engine, the configuration that holds now, who is let in, and how many are in.

use crate::{Error, Keys, Limits, SetupError, auth::Verifier, occupancy::Occupancy, quota::Quota};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vg_core::config::{Config, env::active_project};
use vg_engine::Engine;
use vg_services::{
    LedgerDoor,
    status::{Status, status},
};

/// What a gateway is made of.
pub struct Setup {
    /// The engine, opened with the same configuration.
    pub engine: Arc<Engine>,
    /// The stored keys.
    pub keys: Arc<dyn Keys>,
    /// The checked configuration.
    pub config: Config,
    /// The environment.
    pub variables: HashMap<String, String>,
    /// The ledger's URL; `None` when there is no ledger.
    pub database_url: Option<String>,
    /// The folder for temporary files, where writers may have left spools.
    pub temporary: PathBuf,
    /// The version, as `/health` tells it.
    pub version: &'static str,
    /// The caps.
    pub limits: Limits,
}

/// What a reload replaces.
struct Current {
    config: Arc<Config>,
    default_project: Arc<str>,
}

impl Current {
    fn of(config: Config, variables: &HashMap<String, String>) -> Result<Current, SetupError> {
        let default_project = active_project(&config, &|name| variables.get(name).cloned())?.into();
        Ok(Current { config: Arc::new(config), default_project })
    }
}

/// The server's state, shared by all handlers.
pub struct Gateway {
    pub(crate) engine: Arc<Engine>,
    pub(crate) limits: Limits,
    pub(crate) variables: HashMap<String, String>,
    pub(crate) ledger: LedgerDoor,
    pub(crate) version: &'static str,
    pub(crate) occupancy: Arc<Occupancy>,
    pub(crate) quota: Quota,
    current: RwLock<Current>,
    verifier: Verifier,
    started: Instant,
    /// In epoch seconds.
    started_at: i64,
    /// No new calls.
    draining: CancellationToken,
    /// No calls at all.
    stopped: CancellationToken,
    /// Connections and sockets.
    tasks: TaskTracker,
}

impl Gateway {
    /// Makes the state. Nothing listens yet.
    ///
    /// # Errors
    /// When static keys are configured and all are empty.
    pub fn new(setup: Setup) -> Result<Arc<Gateway>, SetupError> {
        let Setup { engine, keys, config, variables, database_url, temporary, version, limits } = setup;
        let current = Current::of(config.clone(), &variables)?;
        let verifier = Verifier::new(keys, &config, &|name| variables.get(name).cloned())?;
        Ok(Arc::new(Gateway {
            engine,
            limits,
            variables,
            ledger: LedgerDoor::new(database_url.as_deref(), &temporary),
            version,
            occupancy: Arc::default(),
            quota: Quota::new(),
            current: RwLock::new(current),
            verifier,
            started: Instant::now(),
            started_at: vg_engine::now().0 / 1_000_000,
            draining: CancellationToken::new(),
            stopped: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }

    /// Takes another configuration, from now on; what is going on ends as it began. The address, the ledger's
    /// place and the environment stay those of the start.
    ///
    /// # Errors
    /// When static keys are configured and all are empty; the old configuration then holds.
    pub fn reload(&self, config: Config) -> Result<(), SetupError> {
        let current = Current::of(config.clone(), &self.variables)?;
        self.verifier.reload(&config)?;
        self.engine.reload(config);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(())
    }

    /// The configuration that holds now.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.current().config)
    }

    /// The project of requests whose key names none.
    pub(crate) fn default_project(&self) -> Arc<str> {
        Arc::clone(&self.current().default_project)
    }

    /// What there is to work with, as the default project sees it.
    pub(crate) fn status(&self) -> Status {
        status(&self.config(), &self.default_project(), &|name| self.variables.get(name).cloned())
    }

    fn current(&self) -> RwLockReadGuard<'_, Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many static keys are configured.
    pub fn static_keys(&self) -> usize {
        self.verifier.static_keys()
    }

    /// Whether anybody may ask, since no key of any kind exists.
    ///
    /// # Errors
    /// When the stored keys cannot be looked up.
    pub async fn is_open(&self) -> Result<bool, Error> {
        self.verifier.is_open().await
    }

    /// The engine.
    pub const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Seconds since the start.
    pub(crate) fn uptime_seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// When the server started, in epoch seconds.
    pub(crate) const fn started_at(&self) -> i64 {
        self.started_at
    }

    /// Whether calls are still taken.
    ///
    /// # Errors
    /// When the server is about to stop.
    pub(crate) fn admit(&self) -> Result<(), Error> {
        if self.draining.is_cancelled() {
            return Err(Error::stopping().with_code("draining"));
        }
        Ok(())
    }

    /// Cancelled when no new calls are taken.
    pub(crate) const fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Cancelled when every call must end.
    pub(crate) const fn stopped(&self) -> &CancellationToken {
        &self.stopped
    }

    /// Where connections and sockets run, so that a stop can wait for them.
    pub(crate) const fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
}
