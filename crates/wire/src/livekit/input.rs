//! Reading what clients send: numbers as texts, nulls for nothing, words that mean "you choose".

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

/// A message that cannot be read. The text names the place and quotes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// A model to fall back on.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct Fallback {
    /// The model string.
    pub model: String,
    /// Its voice; empty, or none, is the model's default.
    #[serde(default, deserialize_with = "or_default")]
    pub voice: String,
    /// The provider's own options.
    #[serde(default, deserialize_with = "or_default")]
    pub extra: Map<String, Value>,
}

/// How patient the client is with each attempt upstream.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
pub struct Connection {
    /// In seconds.
    #[serde(default)]
    pub timeout: Option<f64>,
    /// Further tries.
    #[serde(default)]
    pub retries: Option<u32>,
}

/// The list inside `fallback`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Fallbacks {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) models: Vec<Fallback>,
}

/// `null` is the default.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A text of which nothing, `""`, `auto` and Python's `NOT_GIVEN` all mean that the server chooses.
pub(super) fn chosen(text: Option<Cow<'_, str>>) -> Option<String> {
    text.filter(|text| !matches!(&**text, "" | "auto" | "NOT_GIVEN")).map(Cow::into_owned)
}

/// The model that a `?model=` of a handshake names. Only a hint: the authority is `session.create`.
pub fn hinted_model(query: Option<&str>) -> Option<String> {
    chosen(query.map(Cow::Borrowed))
}

/// A sample rate: 16000 or "16000".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate(pub(super) u32);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Rate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sample rate from 8000 to 48000, as a number or a text")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Rate, E> {
                match u32::try_from(value) {
                    Ok(rate @ 8_000..=48_000) => Ok(Rate(rate)),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(value), &self)),
                }
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Rate, E> {
                if value.fract() == 0.0 && value >= 0.0 {
                    return self.visit_u64(value as u64);
                }
                Err(E::invalid_value(de::Unexpected::Float(value), &self))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Rate, E> {
                match value.trim().parse::<f64>() {
                    Ok(number) => self.visit_f64(number),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Other("a text that is no number"), &self)),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// The only encoding there is.
pub(super) fn check_encoding(encoding: Option<&str>) -> Result<(), Unreadable> {
    match encoding {
        None | Some("" | "pcm_s16le") => Ok(()),
        Some(_) => Err(Unreadable("`encoding` must be `pcm_s16le`".to_owned())),
    }
}
