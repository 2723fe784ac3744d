//! OpenAI's HTTP API as many speak it: OpenAI itself, other companies, local servers. What differs is in
//! [`Dialect`].

pub mod chat;
pub mod chat_wire;
pub mod speech;
pub mod speech_wire;
pub mod transcription;
pub mod transcription_wire;

use super::http;
use crate::client::Call;
use ::http::{header, request};
use vg_core::call::Failure;

/// How one provider speaks OpenAI's API.
#[derive(Debug)]
pub struct Dialect {
    /// Where it is, unless the endpoint says otherwise, with `/v1` or what stands for it.
    pub base_url: &'static str,
    /// Whether a call without a key is refused before it is made; a server on the owner's machine wants none.
    pub needs_key: bool,
    /// The model for chat when the endpoint names none.
    pub chat_model: &'static str,
    /// Whether a streamed chat may be asked for its usage message by `stream_options`.
    pub has_stream_options: bool,
    /// The model for transcription when the endpoint names none.
    pub transcription_model: &'static str,
    /// The model for speech when the endpoint names none.
    pub speech_model: &'static str,
    /// The voice when nobody names one.
    pub voice: &'static str,
    /// Samples a second of speech in the format `pcm`.
    pub speech_rate: u32,
    /// Whether a model's speech can come as events, which tell its usage.
    pub has_speech_usage: fn(&str) -> bool,
}

impl Dialect {
    /// Begins the request to `path` below the base URL.
    ///
    /// # Errors
    /// When the key is missing, or the URL or the key makes no sense.
    pub fn post(&self, call: &Call, path: &str) -> Result<request::Builder, Failure> {
        let key = match call.endpoint.key() {
            Ok(key) => Some(key),
            Err(failure) if self.needs_key => return Err(failure),
            Err(_) => None,
        };
        let base = call.endpoint.base_url.as_deref().unwrap_or(self.base_url).trim_end_matches('/');
        http::post(&format!("{base}{path}"), key)
    }

    /// The same for a JSON body.
    ///
    /// # Errors
    /// As [`Dialect::post`].
    pub fn post_json(&self, call: &Call, path: &str) -> Result<request::Builder, Failure> {
        Ok(self.post(call, path)?.header(header::CONTENT_TYPE, "application/json"))
    }
}

/// The endpoint's model, or the provider's default.
pub fn model<'a>(call: &'a Call, otherwise: &'a str) -> &'a str {
    if call.endpoint.model.is_empty() { otherwise } else { &call.endpoint.model }
}

/// The bare code of a language, which is all these APIs take; none for `multi`, which they hear anyway.
pub fn language_code(language: &str) -> Option<&str> {
    language.split('-').next().filter(|code| !code.is_empty() && *code != "multi")
}
