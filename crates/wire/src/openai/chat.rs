//! `POST /v1/chat/completions`.

use super::{Invalid, object};
use serde_json::{Map, Value};

/// A chat request.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatBody {
    /// The model string.
    pub model: String,
    /// Whether the answer is a stream.
    pub stream: bool,
    /// Models to fall back on, in place of the configured chain: our addition to the API, taken out of the body.
    pub fallbacks: Option<Vec<String>>,
    /// The body, with `model` in it.
    pub body: Map<String, Value>,
}

impl ChatBody {
    /// Reads a request.
    ///
    /// # Errors
    /// No JSON object, no `model`, no `messages`, or a `stream` or `fallbacks` of another type.
    pub fn read(bytes: &[u8]) -> Result<ChatBody, Invalid> {
        let mut body = object(bytes)?;
        let model = match body.get("model") {
            Some(Value::String(model)) if !model.trim().is_empty() => model.clone(),
            Some(_) => {
                return Err(Invalid::param("model", "`model` must be a text such as `openai/gpt-4.1-mini`"));
            }
            None => {
                return Err(Invalid::param("model", "`model` is required, such as `openai/gpt-4.1-mini`"));
            }
        };
        if !matches!(body.get("messages"), Some(Value::Array(messages)) if !messages.is_empty()) {
            return Err(Invalid::param("messages", "`messages` must be a list of at least one message"));
        }
        let stream = match body.get("stream") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(stream)) => *stream,
            Some(_) => return Err(Invalid::param("stream", "`stream` must be true or false")),
        };
        let fallbacks = body.remove("fallbacks").map(fallbacks).transpose()?;
        Ok(ChatBody { model, stream, fallbacks, body })
    }
}

fn fallbacks(value: Value) -> Result<Vec<String>, Invalid> {
    serde_json::from_value(value)
        .map_err(|_| Invalid::param("fallbacks", "`fallbacks` must be a list of model strings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_stay_and_ours_are_taken_out() {
        let body = br#"{"model":"openai/x","messages":[{"role":"user","content":"hi"}],"stream":true,
            "novelty":{"a":1},"fallbacks":["anthropic/y"]}"#;
        let chat = ChatBody::read(body).unwrap();
        assert!(chat.stream);
        assert_eq!(chat.fallbacks.as_deref(), Some(["anthropic/y".to_owned()].as_slice()));
        assert!(chat.body.contains_key("novelty") && !chat.body.contains_key("fallbacks"));
    }

    #[test]
    fn a_wrong_body_names_the_parameter() {
        let param = |body: &str| ChatBody::read(body.as_bytes()).unwrap_err().param;
        assert_eq!(param("[]"), None);
        assert_eq!(param("{"), None);
        assert_eq!(param(r#"{"messages":[{}]}"#), Some("model"));
        assert_eq!(param(r#"{"model":"a/b","messages":[]}"#), Some("messages"));
        assert_eq!(param(r#"{"model":"a/b","messages":[{}],"stream":"yes"}"#), Some("stream"));
        assert_eq!(param(r#"{"model":"a/b","messages":[{}],"fallbacks":"x"}"#), Some("fallbacks"));
    }
}
