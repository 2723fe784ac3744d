//! The error of this crate.

use std::io;
use vg_core::Kind;

/// What can go wrong with desk work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A day that is none.
    #[error("`{given}` is not a day: write it as YYYY-MM-DD, such as 2026-01-31")]
    NotADay {
        /// What was given.
        given: String,
    },
    /// A last day before the first one.
    #[error("the last day, {last}, lies before the first one, {first}")]
    BackwardDays {
        /// The first day.
        first: chrono::NaiveDate,
        /// The last day.
        last: chrono::NaiveDate,
    },
    /// There is to be no ledger.
    #[error("the ledger is off")]
    Off,
    /// No line names this session.
    #[error("there is no session `{id}`")]
    NoSession {
        /// What was asked for.
        id: String,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Store(#[from] vg_store::Error),
    /// An export could not be written.
    #[error("failed to write the export")]
    Write(#[source] io::Error),
}

impl Error {
    /// The kind of this error.
    pub const fn kind(&self) -> Kind {
        match self {
            Error::NotADay { .. } | Error::BackwardDays { .. } => Kind::BadRequest,
            Error::Off => Kind::Conflict,
            Error::NoSession { .. } => Kind::NotFound,
            Error::Store(error) => error.kind(),
            Error::Write(_) => Kind::Unavailable,
        }
    }
}
