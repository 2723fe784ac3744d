//! The error of this crate, and the closed list of kinds every crate's error maps to.

use std::fmt;

/// What went wrong, as one of a closed list. The edges (HTTP, WebSocket, CLI, MCP, Python) each have one
/// exhaustive table from `Kind` to what their callers understand; routing reads it, never message text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The caller's input is wrong; the same input fails again.
    BadRequest,
    /// No credentials, or wrong ones.
    Unauthenticated,
    /// Credentials are known but may not do this.
    Forbidden,
    /// The named thing does not exist.
    NotFound,
    /// The named thing exists already, or is in a state that forbids this.
    Conflict,
    /// A budget refuses the request.
    BudgetExceeded,
    /// A guardrail refuses the request.
    Blocked,
    /// Too many requests for now.
    RateLimited,
    /// The provider failed or refused.
    UpstreamFailed,
    /// The provider did not answer in time.
    UpstreamTimeout,
    /// Something we need is not there for now.
    Unavailable,
    /// A defect of ours.
    Internal,
}

impl Kind {
    /// Every kind, for the tables that must cover them all.
    pub const ALL: [Kind; 12] = [
        Kind::BadRequest,
        Kind::Unauthenticated,
        Kind::Forbidden,
        Kind::NotFound,
        Kind::Conflict,
        Kind::BudgetExceeded,
        Kind::Blocked,
        Kind::RateLimited,
        Kind::UpstreamFailed,
        Kind::UpstreamTimeout,
        Kind::Unavailable,
        Kind::Internal,
    ];

    /// The name used in logs and in the ledger: snake case, stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::BadRequest => "bad_request",
            Kind::Unauthenticated => "unauthenticated",
            Kind::Forbidden => "forbidden",
            Kind::NotFound => "not_found",
            Kind::Conflict => "conflict",
            Kind::BudgetExceeded => "budget_exceeded",
            Kind::Blocked => "blocked",
            Kind::RateLimited => "rate_limited",
            Kind::UpstreamFailed => "upstream_failed",
            Kind::UpstreamTimeout => "upstream_timeout",
            Kind::Unavailable => "unavailable",
            Kind::Internal => "internal",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What can be wrong with the values of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Text that is not one of the words of an enumeration.
    #[error("`{given}` is not a {what}; it must be one of {allowed}")]
    UnknownWord {
        /// What the text should have named, such as `modality`.
        what: &'static str,
        /// The text as given.
        given: String,
        /// The allowed words, comma-separated.
        allowed: &'static str,
    },
    /// An amount that does not fit the ledger (above about 9.2 million USD for one line).
    #[error("the amount {0} USD does not fit a ledger line")]
    AmountTooLarge(String),
    /// Bytes or text that are not an id.
    #[error("`{0}` is not an id")]
    NotAnId(String),
}

impl Error {
    /// The kind of this error.
    pub const fn kind(&self) -> Kind {
        match self {
            Error::UnknownWord { .. } | Error::NotAnId(_) => Kind::BadRequest,
            Error::AmountTooLarge(_) => Kind::Internal,
        }
    }
}
