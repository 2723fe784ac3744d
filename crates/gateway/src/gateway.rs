//! What every handler sees: the engine, the configuration that holds now, who is let in, and how many are in.

use crate::{Error, Keys, Limits, SetupError, auth::Verifier, occupancy::Occupancy};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vg_core::{Kind, config::Config};
use vg_engine::Engine;

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

/// The server's state, shared by all handlers.
pub struct Gateway {
    pub(crate) engine: Arc<Engine>,
    pub(crate) limits: Limits,
    #[expect(dead_code, reason = "for the desk routes")]
    pub(crate) variables: HashMap<String, String>,
    #[expect(dead_code, reason = "for the desk routes")]
    pub(crate) database_url: Option<String>,
    #[expect(dead_code, reason = "for the desk routes")]
    pub(crate) temporary: PathBuf,
    pub(crate) version: &'static str,
    pub(crate) occupancy: Arc<Occupancy>,
    config: RwLock<Arc<Config>>,
    verifier: Verifier,
    started: Instant,
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
        let verifier = Verifier::new(keys, &config, &|name| variables.get(name).cloned())?;
        Ok(Arc::new(Gateway {
            engine,
            limits,
            variables,
            database_url,
            temporary,
            version,
            occupancy: Arc::default(),
            config: RwLock::new(Arc::new(config)),
            verifier,
            started: Instant::now(),
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
        self.verifier.reload(&config)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        Ok(())
    }

    /// The configuration that holds now.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
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

    /// Whether calls are still taken.
    ///
    /// # Errors
    /// When the server is about to stop.
    #[expect(dead_code, reason = "for the inference routes")]
    pub(crate) fn admit(&self) -> Result<(), Error> {
        if self.draining.is_cancelled() {
            return Err(Error::new(Kind::Unavailable, "the server is stopping").with_code("draining"));
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
