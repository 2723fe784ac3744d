//! Whether a provider's address and key work.

use super::{Network, full};
use crate::shared::{api_error::words, http::secret};
use bytes::Bytes;
use http::Request;
use std::time::Duration;
use vg_core::{call::Failure, provider::Provider};

/// Asks a provider the one thing that shows it, at its own address unless another was written, and with the key if there
/// is one. Costs nothing and books nothing.
///
/// # Errors
/// No connection, no answer within `patience`, or a refusal; and where the provider has no such question.
pub async fn check(
    network: &Network,
    provider: &dyn Provider,
    written: Option<&str>,
    key: Option<&str>,
    patience: Duration,
) -> Result<(), Failure> {
    let Some(check) = provider.check() else {
        return Err(Failure::unsupported("nothing at this provider shows whether a key works"));
    };
    let origin = origin(provider, check.origin, written);
    let mut request = Request::get(format!("{origin}{}", check.path));
    for (name, value) in check.headers {
        request = request.header(*name, *value);
    }
    if let Some(key) = key.filter(|key| !key.is_empty()) {
        let (name, before) = check.key;
        request = request.header(name, secret(&format!("{before}{key}"))?);
    }
    let request = request.body(full(Bytes::new()));
    let request = request.map_err(|_| Failure::unsupported("the base URL of this provider is not one"))?;
    match network.send(request, patience, words).await {
        Ok(_) => Ok(()),
        Err(failure)
            if check.passing_refusal.is_some() && failure.code.as_deref() == check.passing_refusal =>
        {
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

/// The origin, with an owner's prefix, of what an owner wrote as a provider's address; `own` where nothing was written.
pub(crate) fn origin(provider: &dyn Provider, own: &str, written: Option<&str>) -> String {
    let stem = written.filter(|written| !written.is_empty()).map_or(own, |url| provider.stem(url));
    // Some are written as the address of a socket.
    match stem.split_once("://") {
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        _ => stem.to_owned(),
    }
}

#[cfg(feature = "sim")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        registry,
        sim::{
            base_urls,
            rig::{Rig, answer_once},
        },
    };
    use vg_core::Kind;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn every_simulated_provider_knows_a_good_key_and_refuses_a_bad_one() {
        let rig = Rig::start().await;
        for (id, url) in base_urls(&rig.origin) {
            let provider = registry::find(id).unwrap();
            if provider.check().is_none() {
                continue;
            }
            check(&rig.network, provider, Some(&url), Some("good"), PATIENCE).await.unwrap();
            let bad = check(&rig.network, provider, Some(&url), Some("invalid"), PATIENCE).await;
            let needs_key = provider.key_variable().is_some();
            assert_eq!(bad.is_err(), needs_key, "{id} {bad:?}");
            assert!(bad.err().is_none_or(|failure| failure.kind == Kind::Unauthenticated), "{id}");
        }
        // Nobody bills for it, and it is no request of the ledger's.
        assert_eq!(rig.requests(), 0);
    }

    #[test]
    fn every_provider_has_a_question_at_its_own_address() {
        for provider in registry::ALL {
            let Some(check) = provider.check() else { continue };
            assert!(check.origin.starts_with("http") && !check.origin.ends_with('/'), "{}", provider.id());
            assert!(check.path.starts_with('/'));
            let uri: http::Uri = format!("{}{}", check.origin, check.path).parse().unwrap();
            assert_eq!(uri.host() == Some("localhost"), provider.key_variable().is_none());
        }
    }

    #[tokio::test]
    async fn the_key_goes_where_the_provider_wants_it_and_the_address_may_be_a_sockets() {
        let rig = Rig::start().await;
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
        for (id, ending, wanted) in [
            ("deepgram", "/v1/listen", ["GET /v1/auth/token ", "authorization: Token k-1"]),
            ("cartesia", "", ["GET /voices?limit=1 ", "x-api-key: k-1"]),
            ("anthropic", "/v1", ["GET /v1/models?limit=1 ", "anthropic-version: 2023-06-01"]),
        ] {
            let (origin, sent) = answer_once(ok).await;
            let written = format!("{}{ending}", origin.replace("http://", "ws://"));
            let provider = registry::find(id).unwrap();
            check(&rig.network, provider, Some(&written), Some("k-1"), PATIENCE).await.unwrap();
            let sent = sent.await.unwrap();
            assert!(wanted.iter().all(|part| sent.contains(part)), "{sent}");
        }
    }
}
