//! Writing what clients read: never a `null`.

use serde::{Serialize, Serializer};

/// A number that JSON has: what is none is 0, which clients take for "unknown".
pub(super) fn finite<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(if value.is_finite() { *value } else { 0.0 })
}

/// As [`finite`], for a number that may be left out.
pub(super) fn finite_if_any<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    finite(&value.unwrap_or_default(), serializer)
}

/// A message as JSON on one line.
pub(super) fn text(message: &impl Serialize) -> String {
    // Only a map with keys that are no texts cannot be written, and no message has one.
    serde_json::to_string(message).unwrap_or_default()
}
