//! What stands behind the `?` of a desk route. A parameter that is wrong is 422 and named; one that nobody knows is
//! ignored.

use crate::{Caller, Error};
use axum::extract::{FromRequestParts, Query};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderName, HeaderValue, request::Parts};
use std::collections::HashMap;
use vg_core::Kind;

/// The rows of a list when the caller names no number.
const USUAL_LIMIT: u32 = 100;
/// The most rows of a list.
const LARGEST_LIMIT: u32 = 1000;

const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// The parameters of a request.
pub(crate) struct Params(HashMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(params)| Params(params)).map_err(|error| Error::bad_request(error.body_text()))
    }
}

impl Params {
    /// A text; an empty one is none.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// One of some words; an empty one is none.
    pub(crate) fn word<T>(&self, name: &'static str, words: &[(&'static str, T)]) -> Result<Option<T>, Error>
    where
        T: Copy,
    {
        let Some(text) = self.text(name) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| Some(*value));
        found.ok_or_else(|| {
            let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Error::invalid(name, "unknown_word", format!("must be one of {}", allowed.join(", ")), text)
        })
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &'static str, usual: bool) -> Result<bool, Error> {
        let words = [("true", true), ("false", false), ("1", true), ("0", false)];
        Ok(self.word(name, &words)?.unwrap_or(usual))
    }

    /// How many rows.
    pub(crate) fn limit(&self) -> Result<u32, Error> {
        let Some(text) = self.text("limit") else { return Ok(USUAL_LIMIT) };
        let limit = text.parse().ok().filter(|limit| (1..=LARGEST_LIMIT).contains(limit));
        limit.ok_or_else(|| {
            let message = format!("must be a whole number from 1 to {LARGEST_LIMIT}");
            Error::invalid("limit", "out_of_range", message, text)
        })
    }

    /// Where the page before ended.
    pub(crate) fn cursor(&self) -> Result<Option<String>, Error> {
        let Some(text) = self.text("cursor") else { return Ok(None) };
        let id = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        id.map(Some).ok_or_else(|| Params::bad_cursor(text))
    }

    /// A cursor that was not given out.
    pub(crate) fn bad_cursor(given: &str) -> Error {
        let message = "must be the `X-Next-Cursor` of an answer to the same question";
        Error::invalid("cursor", "not_a_cursor", message, given)
    }

    /// Which tenant is asked for: none is all of them, an empty one the unattributed. A key of a tenant asks for
    /// that one alone.
    pub(crate) fn tenant(&self, caller: &Caller) -> Result<Option<String>, Error> {
        let asked = self.0.get("tenant");
        match (&caller.tenant, asked) {
            (None, asked) => Ok(asked.cloned()),
            (Some(own), Some(asked)) if **own != **asked => {
                Err(Error::new(Kind::Forbidden, format!("this key reads the tenant `{own}` alone")))
            }
            (Some(own), _) => Ok(Some(own.to_string())),
        }
    }

    /// Which agent is asked for: none is all of them, an empty one the unattributed.
    pub(crate) fn agent(&self) -> Option<String> {
        self.text_or_empty("agent")
    }

    /// A text that may be empty.
    pub(crate) fn text_or_empty(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

/// The header that says where the next page begins.
pub(crate) fn next_cursor(next: Option<String>) -> Option<[(HeaderName, HeaderValue); 1]> {
    let cursor = URL_SAFE_NO_PAD.encode(next?);
    Some([(NEXT_CURSOR, HeaderValue::try_from(cursor).ok()?)])
}
