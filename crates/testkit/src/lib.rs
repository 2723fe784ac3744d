//! What tests of several crates need. Named from `[dev-dependencies]` alone.

pub mod fuzz;
pub mod http;
pub mod ledger;
pub mod sim;
