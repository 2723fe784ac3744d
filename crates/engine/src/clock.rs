//! The only place that reads the wall clock and the kernel's randomness.

use crate::Error;
use std::time::{SystemTime, UNIX_EPOCH};
use vg_core::{AttemptId, RequestId, UnixMicros};

/// The instant now.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> UnixMicros {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMicros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// Ten bytes from the kernel: never a state of this process, which a fork would copy.
fn random() -> Result<[u8; 10], Error> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(Error::Randomness)?;
    Ok(bytes)
}

/// Mints the id of an attempt that starts at `at`.
///
/// # Errors
/// When the kernel gives no randomness.
pub fn attempt_id(at: UnixMicros) -> Result<AttemptId, Error> {
    Ok(AttemptId::new(at, random()?))
}

/// Mints the id of a request made at `at`.
///
/// # Errors
/// When the kernel gives no randomness.
pub fn request_id(at: UnixMicros) -> Result<RequestId, Error> {
    Ok(RequestId::new(at, random()?))
}

/// Mints the id of a conversation: `vg-<uuid>`.
///
/// # Errors
/// When the kernel gives no randomness.
pub fn session_id(at: UnixMicros) -> Result<String, Error> {
    Ok(format!("vg-{}", request_id(at)?))
}
