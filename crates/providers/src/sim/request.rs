//! Reading a request the way all simulated providers do.

use axum::{
    extract::Query as Parameters,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};

/// The parameters of a request's address, in order; names may repeat.
#[derive(Debug, Clone)]
pub(crate) struct Query(pub Vec<(String, String)>);

impl Query {
    /// The first value of `name` that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// A number, or `otherwise` when it is absent or is none.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str, otherwise: T) -> T {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or(otherwise)
    }
}

/// The credential of the `Authorization` header with one of `schemes`.
pub(crate) fn bearer<'a>(headers: &'a HeaderMap, schemes: &[&str]) -> Option<&'a str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.trim().split_once(' ')?;
    schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme)).then(|| key.trim())
}

/// The key that a request shows, in any of the places where providers look for one.
pub(super) fn key_of(parts: &Parts) -> Option<String> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let last = |value: &str| value.rsplit([' ', ',']).next().map(str::to_owned);
    for name in ["x-api-key", "xi-api-key", "authorization", "sec-websocket-protocol"] {
        if let Some(key) = header(name).and_then(|value| last(value.trim())) {
            return Some(key);
        }
    }
    let Parameters(query) = Parameters::<Vec<(String, String)>>::try_from_uri(&parts.uri).ok()?;
    let names = ["token", "access_token", "api_key", "authorization"];
    query.into_iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, key)| key)
}

/// Whether a key is one: any but `invalid`.
pub(crate) fn is_good(key: Option<&str>) -> bool {
    key.is_some_and(|key| !key.is_empty() && key != "invalid")
}

/// An answer with a JSON body and one more header.
pub(crate) fn json_response(
    status: u16,
    id_header: &'static str,
    id: &str,
    body: &serde_json::Value,
) -> Response {
    let mut response = Response::new(body.to_string().into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(HeaderName::from_static(id_header), id);
    }
    response
}
