//! Reading what a provider leaves out in one way or another.

use serde::{Deserialize, Deserializer};

/// A field that may be `null` where the documentation has a value; to be used with `default`.
///
/// # Errors
/// When it is neither.
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    reader: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(reader)?.unwrap_or_default())
}
