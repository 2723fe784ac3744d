//! The error of this crate.

use std::{io, path::PathBuf};
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
    /// The configuration has no such project.
    #[error("there is no project `{id}`: `projects` of voicegw.yaml names them")]
    NoProject {
        /// What was asked for.
        id: String,
    },
    /// There is no route.
    #[error(transparent)]
    Route(#[from] vg_engine::RouteError),
    /// No line names this session.
    #[error("there is no session `{id}`")]
    NoSession {
        /// What was asked for.
        id: String,
    },
    /// The owner's secret is no key. It is named, never shown.
    #[error(
        "`{source_name}` does not hold a Fernet key (32 bytes in base64): make one with `openssl rand -base64 32`"
    )]
    SecretMalformed {
        /// The variable or the file.
        source_name: String,
    },
    /// The file of the owner's secret cannot be used.
    #[error(
        "failed to {doing} the secret that keys are kept under, `{}`: make it accessible to this user or set \
         `VOICEGW_SECRET`", path.display()
    )]
    SecretFile {
        /// The file.
        path: PathBuf,
        /// What we were doing.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no secret and no home folder to keep a new one in.
    #[error(
        "there is no secret to keep keys under: set `VOICEGW_SECRET` (make one with `openssl rand -base64 32`)"
    )]
    NoSecretPlace,
    /// A key was issued under another secret.
    #[error(
        "the key `{key}` was issued under another secret (`{secret_id}`): put that one into \
         `VOICEGW_SECRET_FALLBACK`, or issue a new key"
    )]
    SecretUnknown {
        /// The public part of the key.
        key: String,
        /// What the secret goes by in the store.
        secret_id: String,
    },
    /// The kernel gave no randomness.
    #[error("the kernel gave no randomness: {0}")]
    Randomness(getrandom::Error),
    /// A name that is none.
    #[error("the {what} must have 1 to 128 characters, not {length}")]
    BadName {
        /// What is named, such as `tenant`.
        what: &'static str,
        /// How many characters there were.
        length: usize,
    },
    /// No key of a project has this id.
    #[error("there is no key `{id}`: `voicegw keys list` shows all of them")]
    NoKey {
        /// What was asked for.
        id: String,
    },
    /// No provider of this version has this name.
    #[error("there is no provider `{id}`")]
    NoProvider {
        /// What was asked for.
        id: String,
    },
    /// No reconciliation has this number.
    #[error("there is no reconciliation {id}: `voicegw reconcile history` shows all of them")]
    NoReconciliation {
        /// What was asked for.
        id: i64,
    },
    /// Corrections are for periods that are closed.
    #[error("the period of reconciliation {id} is open: close it with `voicegw reconcile close {id}` first")]
    PeriodIsOpen {
        /// The reconciliation.
        id: i64,
    },
    /// A bill of sums cannot be looked at request by request.
    #[error(
        "the bill tells no single requests: Deepgram's requests and ElevenLabs' history do, \
         see `docs/reconcile-formats.md`"
    )]
    NoSingleRequests,
    /// A value of the configuration is needed whose variable is not set.
    #[error(transparent)]
    Unset(#[from] vg_core::config::Unset),
    /// The store did not answer in time.
    #[error("the store did not answer within {seconds} s")]
    Slow {
        /// How long it was waited for.
        seconds: u64,
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
            Error::NotADay { .. }
            | Error::BackwardDays { .. }
            | Error::BadName { .. }
            | Error::NoSingleRequests => Kind::BadRequest,
            Error::Off
            | Error::PeriodIsOpen { .. }
            | Error::SecretMalformed { .. }
            | Error::NoSecretPlace
            | Error::SecretUnknown { .. } => Kind::Conflict,
            Error::NoProject { .. }
            | Error::NoSession { .. }
            | Error::NoKey { .. }
            | Error::NoProvider { .. }
            | Error::NoReconciliation { .. } => Kind::NotFound,
            Error::Route(error) => error.kind(),
            Error::Unset(_) => Kind::Unauthenticated,
            Error::Store(error) => error.kind(),
            Error::SecretFile { .. } | Error::Slow { .. } | Error::Write(_) => Kind::Unavailable,
            Error::Randomness(_) => Kind::Internal,
        }
    }
    /// The error with its causes, in one line, for logs.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
