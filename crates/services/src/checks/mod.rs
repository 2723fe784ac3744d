//! Whether a provider's address and key work: one request that costs nothing and is on no ledger.

use crate::Error;
use serde::Serialize;
use std::time::{Duration, Instant};
use vg_core::{Kind, call::Failure, config::Config, provider::Provider};
use vg_providers::{
    client::{self, Network},
    registry,
};

/// How long a provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of it: the body of `POST /v1/providers/{id}/test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Whether both work.
    pub status: Outcome,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// What does not, and what to do about it. Never the provider's own words, which may say more than the caller
    /// may know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Whether a provider passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It answered, and took the key.
    Ok,
    /// It did not.
    Failed,
}

/// Checks a provider as a project has it configured: its type name, or the id of an account under `providers`.
///
/// # Errors
/// When there is no such provider, or its configuration names a variable that is not set.
pub async fn check(
    config: &Config,
    project: &str,
    id: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Check, Error> {
    let provider = registry::find(config.provider_type(project, id)?);
    let provider = provider.ok_or_else(|| Error::NoProvider { id: id.to_owned() })?;
    let key = config.api_key(project, id, || provider.key_in(variable))?;
    let key = key.as_ref().map(vg_core::config::Secret::expose).transpose()?;
    let base_url = config.provider(project, id).map(|account| account.base_url.get()).transpose()?;
    Ok(check_account(provider, id, base_url, key).await)
}

/// Checks an account before it is kept: an address, or the provider's own, and a key. `id` is what its owner calls it.
pub async fn check_account(
    provider: &dyn Provider,
    id: &str,
    base_url: Option<&str>,
    key: Option<&str>,
) -> Check {
    let started = Instant::now();
    let asked = match Network::new() {
        Ok(network) => client::check(&network, provider, base_url, key, PATIENCE).await,
        Err(error) => Err(Failure::unsupported(format!("TLS cannot be set up: {error}"))),
    };
    let latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let message = asked.err().map(|failure| told(provider, id, &failure));
    let status = if message.is_none() { Outcome::Ok } else { Outcome::Failed };
    Check { status, latency_ms, message }
}

/// What a failure means to the owner.
fn told(provider: &dyn Provider, id: &str, failure: &Failure) -> String {
    let is_local = provider.key_variable().is_none();
    match (failure.status, failure.kind) {
        (Some(401 | 403), _) if is_local => format!("the server wants a key: set `providers.{id}.api_key`"),
        (Some(401 | 403), _) => format!("the key was refused: check `providers.{id}.api_key`"),
        (Some(404 | 405), _) => format!("what answers there is not {id}: check `providers.{id}.base_url`"),
        (Some(429), _) => "too many requests at the moment, or no credit left".to_owned(),
        (Some(status), _) => format!("it answered with status {status}"),
        (None, Kind::UpstreamTimeout) => format!("no answer within {} s", PATIENCE.as_secs()),
        (None, Kind::UpstreamFailed) if is_local => {
            format!("nothing answers there: start {id}, or set `providers.{id}.base_url`")
        }
        (None, Kind::UpstreamFailed) => {
            format!("no connection: check the network and `providers.{id}.base_url`")
        }
        // Ours: an address that is none, or no question to ask.
        (None, _) => failure.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vg_core::config::load;
    use vg_testkit::sim::Sim;

    async fn checked(yaml: &str, id: &str) -> Result<Check, Error> {
        let config = load(yaml, "voicegw.yaml", &|_| None, registry::ALL).unwrap().config;
        check(&config, "default", id, &|_| None).await
    }

    #[tokio::test]
    async fn an_account_that_works_passes_and_one_that_does_not_says_what_to_do() {
        let sim = Sim::start(0.0).await;
        let config = load(&sim.providers(), "voicegw.yaml", &|_| None, registry::ALL).unwrap().config;
        for id in config.providers.keys() {
            if registry::find(id).unwrap().check().is_none() {
                continue;
            }
            let passed = check(&config, "default", id, &|_| None).await.unwrap();
            assert_eq!((passed.status, passed.message), (Outcome::Ok, None), "{id}");
        }
        let bad = sim.providers().replace("api_key: any", "api_key: invalid");
        let refused = checked(&bad, "deepgram").await.unwrap();
        assert_eq!(refused.status, Outcome::Failed);
        let said = "the key was refused: check `providers.deepgram.api_key`";
        assert_eq!(refused.message.as_deref(), Some(said));
        // None of it is billed, refused keys included.
        assert_eq!(sim.meter().await, serde_json::json!([]));
    }

    #[tokio::test]
    async fn what_is_not_there_or_is_something_else_is_said() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let message = async |yaml: &str, id: &str| checked(yaml, id).await.unwrap().message.unwrap();
        assert_eq!(
            message(&format!("providers: {{ollama: {{base_url: 'http://{free}'}}}}"), "ollama").await,
            "nothing answers there: start ollama, or set `providers.ollama.base_url`"
        );
        let url = format!("providers: {{mine: {{type: openai, api_key: k, base_url: 'http://{free}'}}}}");
        assert_eq!(
            message(&url, "mine").await,
            "no connection: check the network and `providers.mine.base_url`"
        );
        let sim = Sim::start(0.0).await;
        let elsewhere = sim.providers().replace("/kokoro", "/whisper");
        assert_eq!(
            message(&elsewhere.replace("/piper", "/ollama"), "piper").await,
            "what answers there is not piper: check `providers.piper.base_url`"
        );
        assert!(matches!(checked("", "nobody").await, Err(Error::NoProvider { .. })));
    }
}
