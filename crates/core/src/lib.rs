//! The nouns of VoiceGateway and the pure functions over them.
//!
//! No I/O, no clock, no environment: everything here is a value, or a function from values to values. The
//! crates above read files, sockets and clocks and hand the results in.

pub mod call;
pub mod config;
pub mod decimal;
pub mod error;
pub mod ids;
pub mod line;
pub mod modality;
pub mod model;
pub mod money;
pub mod price;
pub mod provider;
pub mod routed;
pub mod time;
pub mod tokens;
pub mod usage;

pub use error::{Error, Kind};
pub use ids::{AttemptId, RequestId};
pub use line::{Line, LineError, Status};
pub use modality::Modality;
pub use money::Money;
pub use routed::Routed;
pub use time::UnixMicros;
pub use usage::{Measured, Quantity, Source, Usage};
