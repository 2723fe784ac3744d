//! Fetching a provider's documents from its own billing API: paged to the end, patient with limits, and with an
//! explanation for a key that may not ask. What comes back is read as if somebody had downloaded it.

use super::Document;
use crate::{
    client::{Network, Words, accepted, full, host_of, origin},
    shared::{
        api_error,
        http::{secret, whole},
        query::Address,
    },
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use serde::Deserialize;
use std::{collections::HashSet, sync::Arc, time::Duration};
use vg_core::{
    UnixMicros,
    call::{Failure, Retry},
    config::Secret,
    price::Timestamp,
    provider::Provider,
};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often one question is asked before its refusal counts.
const TRIES: u32 = 6;
/// The wait after the first refusal that names none; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Nobody waits longer than this for one answer.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// An answer of more pages than this has no end.
const PAGES: usize = 10_000;
const DAY_MICROS: i64 = 86_400_000_000;

/// What a provider's bill is fetched with.
#[derive(Debug, Clone)]
pub struct BillingCall {
    /// The connections.
    pub network: Arc<Network>,
    /// The provider's address as an owner wrote it, if it is not the provider's own.
    pub base_url: Option<String>,
    /// The key that may see the bill.
    pub admin_key: Secret,
    /// Whose bill, where a key sees several: the id of a project of Deepgram's, which is looked up where there is one alone,
    /// or of OpenAI's, which has them all otherwise.
    pub account: Option<String>,
    /// From when, UTC.
    pub since: UnixMicros,
    /// Until when (exclusive), UTC.
    pub until: UnixMicros,
}

/// Fetches a provider's bill.
pub trait Billing: Send + Sync {
    /// The environment variables its key is known by, the usual one first.
    fn key_variables(&self) -> &'static [&'static str];

    /// Fetches the documents of a time: usage and costs, as far as the provider tells them. Days are those of UTC, and a
    /// day that is begun is fetched whole.
    ///
    /// # Errors
    /// No answer after several tries, a refusal, an account that must be named, or an answer that is none.
    fn fetch(&self, call: BillingCall) -> BoxFuture<'static, Result<Vec<Document>, Failure>>;
}

/// Where a provider's billing API is, and how it is asked.
pub(crate) struct Source {
    /// The provider.
    pub provider: &'static dyn Provider,
    /// Its own origin.
    pub origin: &'static str,
    /// The header that carries the key, and what stands before the key in it.
    pub key: (&'static str, &'static str),
    /// Further headers.
    pub headers: &'static [(&'static str, &'static str)],
    /// Which key it takes and where that comes from, for somebody whose key was refused.
    pub needs: &'static str,
}

/// Asks one provider with one key.
pub(crate) struct Fetcher {
    network: Arc<Network>,
    origin: String,
    headers: HeaderMap,
    needs: &'static str,
}

impl Fetcher {
    /// Prepares to ask.
    ///
    /// # Errors
    /// When the time has no length, or the key is missing or cannot be sent.
    pub fn new(source: &Source, call: &BillingCall) -> Result<Fetcher, Failure> {
        if call.since >= call.until {
            return Err(Failure::bad_request("a bill is fetched of at least one day"));
        }
        let key = call.admin_key.expose().unwrap_or_default();
        if key.is_empty() {
            return Err(Failure::refused(
                401,
                format!("there is no key to fetch a bill with: {}", source.needs),
            ));
        }
        let (name, before) = source.key;
        let mut headers = HeaderMap::new();
        headers.insert(name, secret(&format!("{before}{key}"))?);
        for (name, value) in source.headers {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        Ok(Fetcher {
            network: Arc::clone(&call.network),
            origin: origin(source.provider, source.origin, call.base_url.as_deref()),
            headers,
            needs: source.needs,
        })
    }

    /// The address of a path at the provider.
    pub fn address(&self, path: &str) -> Address {
        Address::new(&format!("{}{path}", self.origin))
    }

    /// Gets a document.
    ///
    /// # Errors
    /// No answer after several tries, or a refusal.
    pub async fn get(&self, name: &str, address: Address) -> Result<Document, Failure> {
        self.document(name, Method::GET, &address.finish(), Bytes::new()).await
    }

    /// Posts a question in JSON and gets a document.
    ///
    /// # Errors
    /// As [`Fetcher::get`].
    pub async fn post(
        &self,
        name: &str,
        address: Address,
        question: &serde_json::Value,
    ) -> Result<Document, Failure> {
        self.document(name, Method::POST, &address.finish(), Bytes::from(question.to_string())).await
    }

    /// Gets the pages of an answer that names its next one, to the end; `first` asks for the first of them.
    ///
    /// # Errors
    /// As [`Fetcher::get`], and when the pages have no end.
    pub async fn pages(&self, name: &str, first: impl Fn() -> Address) -> Result<Vec<Document>, Failure> {
        let (mut documents, mut met) = (Vec::new(), HashSet::new());
        let mut cursor: Option<String> = None;
        loop {
            let mut address = first();
            if let Some(cursor) = &cursor {
                address.add("page", cursor);
            }
            let document = self.get(&format!("{name}-{}.json", documents.len() + 1), address).await?;
            let page: Page = serde_json::from_str(document.text()).map_err(|error| {
                Failure::malformed(format!("{name} came in a form that is no page: {error}"))
            })?;
            documents.push(document);
            match page.next_page.filter(|_| page.has_more) {
                None if page.has_more => {
                    return Err(Failure::malformed(format!(
                        "{name} has more pages and does not name the next"
                    )));
                }
                None => return Ok(documents),
                Some(next) if documents.len() >= PAGES || !met.insert(next.clone()) => {
                    return Err(Failure::malformed(format!("the pages of {name} have no end")));
                }
                next => cursor = next,
            }
        }
    }

    async fn document(
        &self,
        name: &str,
        method: Method,
        address: &str,
        body: Bytes,
    ) -> Result<Document, Failure> {
        let bytes = self.patiently(method, address, body).await?;
        Document::open(name, bytes.to_vec()).map_err(|bad| Failure::malformed(bad.to_string()))
    }

    async fn patiently(&self, method: Method, address: &str, body: Bytes) -> Result<Bytes, Failure> {
        let mut tries = 0;
        loop {
            let refused = match self.once(method.clone(), address, body.clone()).await {
                Ok(bytes) => return Ok(bytes),
                Err(refused) => refused,
            };
            tries += 1;
            let wait =
                if refused.failure.retry == Retry::Again { pause(tries, refused.retry_after) } else { None };
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(self.explained(refused, tries)),
            }
        }
    }

    async fn once(&self, method: Method, address: &str, body: Bytes) -> Result<Bytes, Refused> {
        let bad = |_| Failure::unsupported("the base URL of this provider is not one");
        let mut request =
            Request::builder().method(method).uri(address).body(full(body.clone())).map_err(bad)?;
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if !body.is_empty() {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let host = host_of(request.uri());
        let response = self.network.answer(request, PATIENCE).await?;
        let retry_after = retry_after(response.headers());
        let response = accepted(&host, response, PATIENCE, words).await;
        let response = response.map_err(|failure| Refused { failure, retry_after })?;
        let body = tokio::time::timeout(PATIENCE, whole(response)).await;
        let body = body.map_err(|_| Failure::timed_out("the answer did not end in time"))?;
        Ok(body?)
    }

    /// A refusal with what to do about it.
    fn explained(&self, refused: Refused, tries: u32) -> Failure {
        let Refused { mut failure, retry_after } = refused;
        if matches!(failure.status, Some(401 | 403)) {
            failure.message = format!("{}; {}", failure.message, self.needs);
        } else if let Some(asked) = retry_after.filter(|asked| *asked > LONGEST_WAIT) {
            failure.message = format!("{}; it asks to wait {} s", failure.message, asked.as_secs());
        } else if tries > 1 {
            failure.message = format!("{} (tried {tries} times)", failure.message);
        }
        failure
    }
}

/// A refusal, and how long it asks to wait.
struct Refused {
    failure: Failure,
    retry_after: Option<Duration>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused { failure, retry_after: None }
    }
}

/// What a refusal's body says. Deepgram has two words of its own for the message.
fn words(body: &[u8]) -> Words {
    #[derive(Deserialize)]
    struct Deepgram {
        err_code: Option<String>,
        err_msg: Option<String>,
        details: Option<String>,
    }
    match serde_json::from_slice::<Deepgram>(body) {
        Ok(Deepgram { err_code, err_msg, details }) if err_msg.is_some() || details.is_some() => {
            let said = err_msg.or(details).unwrap_or_default();
            Words { message: crate::shared::http::shortened(&said), code: err_code }
        }
        _ => api_error::words(body),
    }
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    has_more: bool,
    next_page: Option<String>,
}

/// How long to wait after so many tries; none when it is enough.
pub(super) fn pause(tries: u32, asked: Option<Duration>) -> Option<Duration> {
    let wait = asked.unwrap_or_else(|| FIRST_WAIT.saturating_mul(1 << tries.saturating_sub(1).min(16)));
    (tries < TRIES && wait <= LONGEST_WAIT).then_some(wait)
}

/// The wait a refusal asks for: in seconds, or as an instant, which is compared with the provider's own clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let asked = text(header::RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse::<u32>() {
        return Some(Duration::from_secs(u64::from(seconds)));
    }
    let (then, now) =
        (httpdate::parse_http_date(asked).ok()?, httpdate::parse_http_date(text(header::DATE)?).ok()?);
    Some(then.duration_since(now).unwrap_or_default())
}

/// The time of a call in pieces of at most so many days; the days that are begun are whole.
pub(crate) fn windows(call: &BillingCall, days: i64) -> Vec<(UnixMicros, UnixMicros)> {
    let (since, until) = whole_days(call);
    let mut windows = Vec::new();
    let mut from = since.0;
    while from < until.0 {
        let to = from.saturating_add(days.max(1).saturating_mul(DAY_MICROS)).min(until.0);
        windows.push((UnixMicros(from), UnixMicros(to)));
        from = to;
    }
    windows
}

/// The first midnight of a call's days, and the one after the last.
pub(crate) fn whole_days(call: &BillingCall) -> (UnixMicros, UnixMicros) {
    let since = call.since.0.div_euclid(DAY_MICROS).saturating_mul(DAY_MICROS);
    let last = call.until.0.saturating_sub(1).div_euclid(DAY_MICROS);
    (UnixMicros(since), UnixMicros(last.saturating_add(1).saturating_mul(DAY_MICROS)))
}

/// An instant as RFC 3339, to the second.
pub(crate) fn rfc_3339(at: UnixMicros) -> String {
    Timestamp::from_unix_microseconds(at.0).to_string()
}

/// The day of an instant: `2026-11-15`.
pub(crate) fn day(at: UnixMicros) -> String {
    Timestamp::from_unix_microseconds(at.0).local_date().to_string()
}

/// An instant in units of so many microseconds since 1970.
pub(crate) fn unix(at: UnixMicros, micros: i64) -> String {
    at.0.div_euclid(micros.max(1)).to_string()
}
