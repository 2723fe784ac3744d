//! The request path, one file a stage: resolve, admit, meter, settle. The only writer of the ledger.
//!
//! Embedded in an agent, the call itself is done by LiveKit's plugin; everything before and after is here.

mod admit;
mod attempt;
mod call;
mod clock;
mod error;
mod meter;
mod resolve;
mod route;
mod settle;
mod shared;
mod tap;
mod target;

pub use admit::{Facts, Options, Scope};
pub use attempt::Attempt;
pub use call::{ChatCall, Drained, ListenCall, SpeakCall};
pub use clock::now;
pub use error::Error;
pub use meter::{Meter, Reading};
pub use resolve::{Ask, Found};
pub use route::{Basis, Route, RouteError, RoutePart, route};
pub use route::{Candidate, Chain, Fallback, Patience, Plan, Wishes, health::Circuit};
pub use settle::{ChatText, Outcome, Settled};
pub use shared::Collect;
pub use target::Target;

use shared::Shared;
use std::{collections::HashMap, sync::Arc, time::Duration};
use vg_core::{RequestId, config::Config};

/// What an engine is opened with. The environment comes in as a map: nothing below the edges reads it.
#[derive(Debug)]
pub struct Setup {
    /// The checked configuration.
    pub config: Config,
    /// The environment.
    pub variables: HashMap<String, String>,
    /// The ledger's URL; `None` for no ledger.
    pub database_url: Option<String>,
}

/// One engine serves a process. It is cheap to share and never crosses a fork: a child opens its own.
#[derive(Debug, Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

impl Engine {
    /// Opens an engine. The ledger is opened by its own writer, in the background: trouble with it is reported
    /// there and never here.
    ///
    /// # Errors
    /// When the database URL is not one, or when the default project needs a variable that is not set.
    pub fn open(setup: Setup) -> Result<Engine, Error> {
        Ok(Engine { shared: Arc::new(Shared::open(setup, None)?) })
    }

    /// Opens an engine that hands its lines to `collect` in place of a ledger. It is called on the thread that
    /// settles, so it must return at once.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open_collecting(setup: Setup, collect: Collect) -> Result<Engine, Error> {
        let setup = Setup { database_url: None, ..setup };
        Ok(Engine { shared: Arc::new(Shared::open(setup, Some(collect))?) })
    }

    /// The configuration that holds now.
    pub fn config(&self) -> Arc<Config> {
        self.shared.config()
    }

    /// The project of requests that name none.
    pub fn default_project(&self) -> &str {
        &self.shared.default_project
    }

    /// Whether the owner wants a log line for each request.
    pub fn logs_requests(&self) -> bool {
        self.shared.logs_requests
    }

    /// The name of this agent in the fleet, if it was given one.
    pub fn agent_id(&self) -> Option<Arc<str>> {
        self.shared.agent_id.clone()
    }

    /// Mints the id of a conversation.
    ///
    /// # Errors
    /// When the kernel gives no randomness.
    pub fn mint_session_id(&self) -> Result<String, Error> {
        clock::session_id(clock::now())
    }

    /// Mints the id of a request: its attempts share it.
    ///
    /// # Errors
    /// When the kernel gives no randomness.
    pub fn mint_request_id(&self) -> Result<RequestId, Error> {
        clock::request_id(clock::now())
    }

    /// Waits, at most `timeout`, until every line booked so far is durable. Returns how many still are not.
    pub fn flush(&self, timeout: Duration) -> u64 {
        self.shared.writer.as_ref().map_or(0, |writer| writer.flush(timeout).pending)
    }

    /// How many lines of this process are durable: a `kill -9` after this returned loses none of them.
    pub fn durable_lines(&self) -> u64 {
        self.shared.writer.as_ref().map_or(0, vg_store::Writer::watermark)
    }

    /// Takes another configuration from now on. Calls in flight keep their plan; the ledger's place and what
    /// `observability` says stay those of the start.
    pub fn reload(&self, config: Config) {
        self.shared.set_config(config);
    }

    /// The models that calls are kept away from.
    pub fn health(&self) -> Vec<(Arc<str>, Circuit)> {
        self.shared.health.snapshot()
    }

    /// Settles every open attempt as cancelled and flushes. The engine stays usable.
    pub fn close(&self, timeout: Duration) -> u64 {
        self.shared.settle_open();
        self.flush(timeout)
    }

    /// Lets go of the ledger's file before this process forks; waits for that at most `timeout`. A child that got a
    /// copy of an open database would believe in locks that only its parent holds.
    pub fn before_fork(&self, timeout: Duration) {
        if let Some(writer) = &self.shared.writer {
            writer.park(timeout);
        }
    }

    /// Goes on after a fork, in the parent: once for each [`Engine::before_fork`].
    pub fn after_fork(&self) {
        if let Some(writer) = &self.shared.writer {
            writer.unpark();
        }
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }
}
