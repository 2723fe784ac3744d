//! The ledger, its sessions and rollups, and the keys of projects, kept on SQLite.
//!
//! Three doors: [`Writer`] takes lines from memory and makes them durable in the background, [`Reader`] answers
//! questions, [`Desk`] changes what people manage. None knows a price or a provider. The file belongs to us only when it carries our application
//! id; any other file is never written.

mod address;
mod columns;
mod desk;
mod error;
mod key;
mod queue;
mod reconciliation;
mod sketch;
mod spool;
mod sqlite;

pub mod query;
pub mod reader;
pub mod writer;

pub use desk::Desk;
pub use error::Error;
pub use key::{Issue, LivekitKey, NewVirtualKey, VirtualKey};
pub use query::{CostQuery, CostRow, Costs, Distribution, Group, HourRow, LatencyRow, LineQuery, Order};
pub use query::{Part, Session, SessionOrder, SessionQuery, UsageRow};
pub use reader::Reader;
pub use reconciliation::{NewReconciliation, Reconciliation};
pub use writer::{Flushed, Options, Stats, Writer};

/// Starts the writer of the ledger at `url`: a path, `sqlite:<path>` or `sqlite://<path>`.
///
/// # Errors
/// When the address is not one of these, or the writer's thread cannot start. Trouble with the file itself is
/// not an error here: see [`Writer`].
pub fn open(url: &str) -> Result<Writer, Error> {
    Writer::open(url)
}
