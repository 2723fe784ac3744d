//! The errors of OpenAI's API, of Anthropic's, which have the same shape, and of those who speak OpenAI's with
//! their own.

use crate::{client::Words, shared::http::shortened};
use serde::Deserialize;
use serde_json::Value;
use vg_core::call::Failure;

/// The `error` of an answer or of a chunk: OpenAI's object, or a bare string.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum ErrorBody {
    /// OpenAI's form.
    Object {
        /// What happened.
        message: Option<String>,
        /// The class, such as `invalid_request_error`.
        #[serde(rename = "type")]
        kind: Option<String>,
        /// The case, such as `rate_limit_exceeded`; some write the HTTP status here.
        code: Option<Value>,
    },
    /// Ollama's and others'.
    Text(String),
    /// Anything else.
    Other(serde::de::IgnoredAny),
}

impl ErrorBody {
    fn message(&self) -> &str {
        match self {
            ErrorBody::Object { message, .. } => message.as_deref().unwrap_or_default(),
            ErrorBody::Text(text) => text,
            ErrorBody::Other(_) => "",
        }
    }

    /// The most exact word for it.
    pub fn code(&self) -> Option<String> {
        let ErrorBody::Object { kind, code, .. } = self else { return None };
        match code {
            Some(Value::String(code)) if !code.is_empty() => Some(code.clone()),
            _ => kind.clone(),
        }
    }

    /// The status of an error in the middle of an answer, which comes without one: the one its code names, or
    /// that of its class.
    pub fn status(&self) -> u16 {
        let ErrorBody::Object { kind, code, .. } = self else { return 500 };
        let written = match code {
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        if let Some(status) = written.filter(|status| (400..600).contains(status)) {
            return u16::try_from(status).unwrap_or(500);
        }
        let words = [code.as_ref().and_then(Value::as_str), kind.as_deref()];
        words.into_iter().flatten().find_map(status_of).unwrap_or(500)
    }

    /// The failure of an answer that carries this error in its middle.
    pub fn failure(&self) -> Failure {
        let said = shortened(self.message());
        let said = if said.is_empty() { "no reason given".to_owned() } else { said };
        Failure::refused(self.status(), format!("the provider failed while it answered: {said}"))
            .with_code(self.code())
    }
}

/// The status that comes with a word for an error.
fn status_of(word: &str) -> Option<u16> {
    Some(match word {
        "invalid_request_error" | "context_length_exceeded" => 400,
        "invalid_api_key" | "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "model_not_found" | "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_exceeded" | "rate_limit_error" | "insufficient_quota" => 429,
        "server_error" | "api_error" => 500,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Refusal {
    error: Option<ErrorBody>,
    /// FastAPI's word, which the local servers use.
    detail: Option<Value>,
    message: Option<String>,
}

/// What a refusal's body says.
pub fn words(body: &[u8]) -> Words {
    let Ok(refusal) = serde_json::from_slice::<Refusal>(body) else {
        return Words { message: shortened(&String::from_utf8_lossy(body)), code: None };
    };
    if let Some(error) = refusal.error {
        return Words { message: shortened(error.message()), code: error.code() };
    }
    // ElevenLabs' word for it.
    let code = refusal.detail.as_ref().and_then(|detail| detail.get("status")?.as_str().map(str::to_owned));
    let detail = refusal.detail.map(|detail| match detail {
        Value::String(text) => text,
        other => {
            other.get("message").and_then(Value::as_str).map_or_else(|| other.to_string(), str::to_owned)
        }
    });
    Words { message: shortened(&detail.or(refusal.message).unwrap_or_default()), code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_form_of_a_refusal_is_read() {
        let table = [
            (
                r#"{"error":{"message":"Slow down.","type":"requests","code":"rate_limit_exceeded"}}"#,
                "Slow down.",
                Some("rate_limit_exceeded"),
            ),
            (
                r#"{"error":{"message":"No.","type":"server_error","param":null,"code":null}}"#,
                "No.",
                Some("server_error"),
            ),
            (r#"{"error":"model 'x' not found"}"#, "model 'x' not found", None),
            (r#"{"detail":"Model is not installed locally"}"#, "Model is not installed locally", None),
            (r#"{"detail":{"error":"invalid_model","message":"no such model"}}"#, "no such model", None),
            ("upstream connect error\n", "upstream connect error", None),
            ("[1]", "[1]", None),
        ];
        for (body, message, code) in table {
            let words = words(body.as_bytes());
            assert_eq!((words.message.as_str(), words.code.as_deref()), (message, code), "{body}");
        }
    }

    #[test]
    fn an_error_in_the_middle_has_the_status_of_its_code_or_class() {
        let table = [
            (r#"{"message":"m","type":"server_error","code":null}"#, 500),
            (r#"{"message":"m","code":429}"#, 429),
            (r#"{"message":"m","code":"503"}"#, 503),
            (r#"{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}"#, 429),
            (r#"{"type":"overloaded_error","message":"Overloaded"}"#, 529),
            (r#"{"message":"m","type":"invalid_request_error","code":"unheard_of"}"#, 400),
            (r#""broken""#, 500),
            ("[]", 500),
        ];
        for (body, status) in table {
            assert_eq!(
                serde_json::from_str::<ErrorBody>(body).unwrap().failure().status,
                Some(status),
                "{body}"
            );
        }
    }
}
