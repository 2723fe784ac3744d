//! The server: LiveKit's inference wire, OpenAI's API and the desk routes on one port, one engine behind them.
//!
//! [`Gateway`] is what every handler sees; `router.rs` says which URL is whose; `serve.rs` accepts connections and
//! drains. No SQL and no prices here: a handler reads a request, calls the engine or a service, writes the answer.

mod auth;
mod body;
mod booking;
mod chat;
mod error;
mod gateway;
mod keys;
mod limits;
mod livekit;
mod occupancy;
mod openai;
mod quota;
mod router;
mod routes;
mod serve;
mod stream;

pub use auth::{Caller, Rights};
pub use error::{Error, Invalid, SetupError};
pub use gateway::{Gateway, Setup};
pub use keys::{Keys, KeysError, LivekitKey, VirtualKey};
pub use limits::Limits;
pub use router::router;
pub use serve::{Stop, serve};
