//! Exit codes, and which error means which.

use std::fmt;
use vg_core::Kind;

/// It did what it was asked.
pub const DONE: u8 = 0;
/// It could not, and the owner can do something about it.
pub const FAILED: u8 = 1;
/// The command line is wrong. Failures beyond the owner's reach share the number, see [`code_of_kind`].
pub const USAGE: u8 = 2;
/// Two sides that were to agree do not, and it was asked to say so with its exit code.
pub const DIFFERS: u8 = 3;
/// It was stopped with Ctrl+C.
pub const INTERRUPTED: u8 = 130;

/// The exit code of an error's kind.
pub const fn code_of_kind(kind: Kind) -> u8 {
    match kind {
        Kind::BadRequest
        | Kind::Unauthenticated
        | Kind::Forbidden
        | Kind::NotFound
        | Kind::Conflict
        | Kind::BudgetExceeded
        | Kind::Blocked
        | Kind::RateLimited => 1,
        Kind::UpstreamFailed | Kind::UpstreamTimeout | Kind::Unavailable | Kind::Internal => 2,
    }
}

/// The exit code of an error: that of the first one in its chain that has a kind.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    if find::<BadUsage>(error).is_some() {
        return USAGE;
    }
    let kind = find::<vg_core::Error>(error).map(vg_core::Error::kind);
    let kind = kind.or_else(|| find::<vg_services::Error>(error).map(vg_services::Error::kind));
    kind.map_or(FAILED, code_of_kind)
}

/// Whether the reader of our output went away, as `head` does.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    find::<std::io::Error>(error).is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The first error of this type in the chain, below hints too.
fn find<T: std::error::Error + Send + Sync + 'static>(error: &anyhow::Error) -> Option<&T> {
    error.chain().find_map(|cause| {
        let below = || cause.downcast_ref::<Advised>().and_then(|advised| find::<T>(&advised.error));
        cause.downcast_ref::<T>().or_else(below)
    })
}

/// An argument that the parser let through and that is still wrong, such as a date that is none.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadUsage(pub String);

/// An error together with what to do about it, printed as `hint:` lines below it.
#[derive(Debug)]
pub struct Advised {
    error: anyhow::Error,
    hint: String,
}

impl Advised {
    /// What to do.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Advised {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// Adds a hint to an error.
pub trait Advise<T> {
    /// Says what to do about the error, if there is one.
    ///
    /// # Errors
    /// The same error, with the hint.
    fn advise(self, hint: impl FnOnce() -> String) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Advise<T> for Result<T, E> {
    fn advise(self, hint: impl FnOnce() -> String) -> anyhow::Result<T> {
        self.map_err(|error| anyhow::Error::new(Advised { error: error.into(), hint: hint() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn an_error_keeps_its_code_below_hints_and_context() {
        let usage: anyhow::Result<()> = Err(BadUsage("bad date".into()))
            .context("failed to export")
            .advise(|| "write it as 2026-01-31".into());
        assert_eq!(code(&usage.unwrap_err()), USAGE);
        let direct: anyhow::Result<()> = Err(BadUsage("bad date".into())).advise(|| "see --help".into());
        assert_eq!(code(&direct.unwrap_err()), USAGE);
        assert_eq!(code(&anyhow::anyhow!("no")), FAILED);
        for kind in Kind::ALL {
            assert!(matches!(code_of_kind(kind), 1 | 2));
        }
    }
}
