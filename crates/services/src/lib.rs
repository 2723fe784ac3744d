//! Desk work: what the command line, the HTTP API, the dashboard and the MCP server ask of the ledger.
//!
//! One folder a noun, each with the arguments, the function and the result. A result serializes to the body of
//! its HTTP route. Clocks and the environment are read by the callers and handed in.

pub mod budgets;
pub mod checks;
pub mod costs;
pub mod csv;
mod error;
pub mod export;
mod instant;
pub mod keys;
pub mod latency;
mod ledger;
pub mod logs;
pub mod metrics;
pub mod models;
mod page;
mod price;
pub mod prices;
pub mod projects;
pub mod reconcile;
pub mod routing;
pub mod secrets;
pub mod sessions;
pub mod status;
mod window;

pub use error::Error;
pub use instant::civil;
pub use ledger::{Ledger, LedgerDoor};
pub use page::Page;
pub use window::{Days, Period, Window};
