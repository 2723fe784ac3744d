//! Which providers can be used, as a project sees it.

use crate::checks::{self, Check};
use futures_util::future::join_all;
use indexmap::IndexMap;
use serde::Serialize;
use vg_core::{
    Modality,
    config::{Config, Unset},
    provider::Provider,
};
use vg_providers::registry;

/// What there is to work with: the body of `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The providers, by id.
    pub providers: IndexMap<String, ProviderStatus>,
    /// How many models the configuration names.
    pub model_count: usize,
    /// How many projects there are.
    pub project_count: usize,
    /// The price data in force, by modality.
    pub pricing: IndexMap<&'static str, Pricing>,
}

impl Status {
    /// How many providers can be used.
    pub fn configured(&self) -> usize {
        self.providers.values().filter(|provider| provider.state == ProviderState::Configured).count()
    }
}

/// One provider, as a project sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderStatus {
    /// Whether it can be used.
    #[serde(rename = "configured", serialize_with = "is_configured")]
    pub state: ProviderState,
    /// `local` or `cloud`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The models that the configuration names of it.
    #[serde(skip)]
    pub models: Vec<String>,
    /// Whether it answers, if it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
}

/// Whether a provider can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderState {
    /// It has its key, or needs none.
    Configured,
    /// The owner switched it off.
    SwitchedOff,
    /// It has no key; the environment variable would give it one.
    NoKey(String),
    /// No provider of this version.
    Unknown,
}

impl Status {
    /// Asks every provider that can be used whether its address and key work, all at once.
    pub async fn check(&mut self, config: &Config, project: &str, variable: &dyn Fn(&str) -> Option<String>) {
        let usable =
            self.providers.iter_mut().filter(|(_, provider)| provider.state == ProviderState::Configured);
        join_all(usable.map(async |(id, provider)| {
            provider.check = checks::check(config, project, id, variable).await.ok();
        }))
        .await;
    }
}

/// Where prices come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pricing {
    source: String,
}

fn is_configured<S: serde::Serializer>(state: &ProviderState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(*state == ProviderState::Configured)
}

/// What a project has to work with: the providers that the file names, then what else has a key in the environment;
/// every cloud provider when that is nothing.
pub fn status(config: &Config, project: &str, variable: &dyn Fn(&str) -> Option<String>) -> Status {
    let source = config.tariff(project).stamp().source.to_string();
    let pricing = [Modality::Llm, Modality::Stt, Modality::Tts];
    Status {
        providers: providers(config, project, variable),
        model_count: Modality::ALL.iter().map(|modality| config.models.get(*modality).len()).sum(),
        project_count: config.projects.len(),
        pricing: pricing.map(|modality| (modality.as_str(), Pricing { source: source.clone() })).into(),
    }
}

fn providers(
    config: &Config,
    project: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> IndexMap<String, ProviderStatus> {
    let own = config.projects.get(project).into_iter().flat_map(|project| project.providers.keys());
    let mut ids: Vec<&str> = config.providers.keys().chain(own).map(String::as_str).collect();
    let named = Modality::ALL.iter().flat_map(|modality| config.models.get(*modality).values());
    ids.extend(named.filter_map(|model| model.provider.get().ok()));
    let has_key = |provider: &&dyn Provider| provider.key_in(variable).is_some();
    ids.extend(registry::ALL.iter().copied().filter(has_key).map(|provider| provider.id()));
    if ids.is_empty() {
        let cloud = registry::ALL.iter().filter(|provider| provider.key_variable().is_some());
        ids.extend(cloud.map(|provider| provider.id()));
    }
    let mut providers = IndexMap::new();
    for id in ids {
        if !providers.contains_key(id) {
            providers.insert(id.to_owned(), provider(config, project, id, variable));
        }
    }
    providers
}

fn provider(
    config: &Config,
    project: &str,
    id: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> ProviderStatus {
    let provider = config.provider_type(project, id).ok().and_then(registry::find);
    let models = Modality::ALL.iter().flat_map(|modality| config.models.get(*modality));
    let models = models.filter(|(_, model)| model.provider.get() == Ok(id)).map(|(name, _)| name.clone());
    let is_off = config.provider(project, id).is_some_and(|account| !account.enabled);
    let is_local = provider.is_some_and(|provider| provider.key_variable().is_none());
    ProviderStatus {
        models: models.collect(),
        check: None,
        kind: if is_local { "local" } else { "cloud" },
        state: match provider {
            _ if is_off => ProviderState::SwitchedOff,
            None => ProviderState::Unknown,
            Some(provider) => state(config, project, id, provider, variable),
        },
    }
}

fn state(
    config: &Config,
    project: &str,
    id: &str,
    provider: &dyn Provider,
    variable: &dyn Fn(&str) -> Option<String>,
) -> ProviderState {
    let Some(key_variable) = provider.key_variable() else { return ProviderState::Configured };
    match config.api_key(project, id, || provider.key_in(variable)) {
        Ok(Some(_)) => ProviderState::Configured,
        Ok(None) => ProviderState::NoKey(key_variable.to_owned()),
        Err(Unset { variable }) => ProviderState::NoKey(variable),
    }
}
