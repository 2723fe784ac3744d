//! Why an attempt failed, and whether another one is worth making.

use crate::Kind;

/// What a failure says about the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The request itself is wrong: it fails everywhere.
    Never,
    /// This candidate will refuse it again, another one may not: a bad key, an unknown model, an option it lacks.
    Elsewhere,
    /// It may pass at the same candidate: an overload, a dropped connection, a timeout.
    Again,
}

/// Why an attempt at a provider failed. The message is the provider's own words or ours, without secrets and
/// without the caller's content, fit for a client and for the ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The kind.
    pub kind: Kind,
    /// The HTTP status or WebSocket close code the provider gave up with.
    pub status: Option<u16>,
    /// The provider's own word for it, such as `rate_limit_exceeded`.
    pub code: Option<String>,
    /// What happened.
    pub message: String,
    /// Whether to try again, and where.
    pub retry: Retry,
}

impl Failure {
    /// A request that is wrong wherever it goes.
    pub fn bad_request(message: impl Into<String>) -> Failure {
        Failure {
            kind: Kind::BadRequest,
            status: None,
            code: None,
            message: message.into(),
            retry: Retry::Never,
        }
    }

    /// A request this provider cannot serve, and another one might.
    pub fn unsupported(message: impl Into<String>) -> Failure {
        Failure { retry: Retry::Elsewhere, ..Failure::bad_request(message) }
    }

    /// The provider answered with an HTTP status, or closed with a WebSocket code (1000 and above).
    pub fn refused(status: u16, message: impl Into<String>) -> Failure {
        let (kind, retry) = match status {
            401 => (Kind::Unauthenticated, Retry::Elsewhere),
            402 | 403 => (Kind::Forbidden, Retry::Elsewhere),
            404 => (Kind::NotFound, Retry::Elsewhere),
            429 => (Kind::RateLimited, Retry::Again),
            408 | 504 => (Kind::UpstreamTimeout, Retry::Again),
            400..=499 => (Kind::BadRequest, Retry::Elsewhere),
            _ => (Kind::UpstreamFailed, Retry::Again),
        };
        Failure { kind, status: Some(status), code: None, message: message.into(), retry }
    }

    /// The provider could not be reached, or the connection broke.
    pub fn dropped(message: impl Into<String>) -> Failure {
        Failure {
            kind: Kind::UpstreamFailed,
            status: None,
            code: None,
            message: message.into(),
            retry: Retry::Again,
        }
    }

    /// The provider did not answer in time.
    pub fn timed_out(message: impl Into<String>) -> Failure {
        Failure { kind: Kind::UpstreamTimeout, ..Failure::dropped(message) }
    }

    /// The provider said something that cannot be understood.
    pub fn malformed(message: impl Into<String>) -> Failure {
        Failure::dropped(message)
    }

    /// The same failure with the provider's own word for it.
    #[must_use]
    pub fn with_code(mut self, code: Option<String>) -> Failure {
        self.code = code;
        self
    }
}
