//! Exports of a ledger, read back by other means than those that wrote them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot set itself up has failed"
)]

mod csv_reader;
mod focus;
mod focus_rules;
mod formats;
mod month;
