//! OpenAI's API as its clients speak it to us. <https://platform.openai.com/docs/api-reference>, read 2026-11.
//!
//! Chat bodies stay the client's own JSON: only what routing needs is read, and whatever a newer client adds
//! reaches the provider.

pub mod chat;
pub mod models;
pub mod speech;
pub mod transcription;

/// A request that does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// The parameter, as OpenAI's `error.param` names it.
    pub param: Option<&'static str>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Invalid {
    /// A wrong parameter.
    pub fn param(param: &'static str, message: impl Into<String>) -> Invalid {
        Invalid { param: Some(param), message: message.into() }
    }

    /// A wrong body.
    pub fn body(message: impl Into<String>) -> Invalid {
        Invalid { param: None, message: message.into() }
    }
}

/// A required text of a body.
fn text(
    body: &mut serde_json::Map<String, serde_json::Value>,
    name: &'static str,
) -> Result<String, Invalid> {
    match body.remove(name) {
        Some(serde_json::Value::String(text)) if !text.trim().is_empty() => Ok(text),
        Some(_) => Err(Invalid::param(name, format!("`{name}` must be a text that is not empty"))),
        None => Err(Invalid::param(name, format!("`{name}` is required"))),
    }
}

/// The object a body must be.
fn object(body: &[u8]) -> Result<serde_json::Map<String, serde_json::Value>, Invalid> {
    match serde_json::from_slice(body) {
        Ok(serde_json::Value::Object(object)) => Ok(object),
        Ok(_) => Err(Invalid::body("the body must be a JSON object")),
        Err(error) => Err(Invalid::body(format!("the body is not JSON: {error}"))),
    }
}
