//! Stage `resolve`: a model string and a project into a [`Target`]. No network, no store.

use crate::{Engine, Error, target::Target};
use serde_json::{Map, Value};
use std::sync::Arc;
use vg_core::{
    Modality,
    call::Endpoint,
    config::{self, Config, FallbackMode, PerModality, Secret},
    model::{self, ModelResolutionError, Resolved},
    provider::Provider,
};
use vg_providers::{registry, unlisted::Unlisted};

/// What is asked for when an object is built.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The modality.
    pub modality: Modality,
    /// The model string; none, or `auto`, is the project's default.
    pub model: Option<&'a str>,
    /// The model that routing chose for requests that name none.
    pub routed: Option<&'a str>,
    /// The project.
    pub project: &'a str,
    /// The provider, if it is named beside the model.
    pub provider: Option<&'a str>,
    /// A key for this object alone; wins over every other.
    pub api_key: Option<&'a str>,
    /// An address for this object alone.
    pub base_url: Option<&'a str>,
    /// The language; wins over the suffix.
    pub language: Option<&'a str>,
    /// The voice; wins over the suffix.
    pub voice: Option<&'a str>,
}

impl<'a> Ask<'a> {
    /// Asks for nothing yet, in a project.
    pub const fn of_project(project: &'a str) -> Ask<'a> {
        Ask {
            modality: Modality::Llm,
            model: None,
            routed: None,
            project,
            provider: None,
            api_key: None,
            base_url: None,
            language: None,
            voice: None,
        }
    }

    /// Whether it leaves the model to the project.
    pub(crate) fn is_for_the_default(&self) -> bool {
        self.model.is_none_or(|model| model == "auto")
    }

    /// The whole model string it means: with the provider that is named beside it, or the project's default.
    pub(crate) fn spelled_out(&self, config: &Config) -> Result<String, ModelResolutionError> {
        match self.model {
            Some(model) if !self.is_for_the_default() => Ok(with_provider(model, self.provider)),
            _ => match self.routed {
                Some(routed) => Ok(routed.to_owned()),
                None => Ok(model::default_model(config, self.project, self.modality)?.to_owned()),
            },
        }
    }
}

/// An object that was not built here.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The modality.
    pub modality: Modality,
    /// The provider its plugin is named after.
    pub provider: &'a str,
    /// The address it speaks to, when that is not its provider's own.
    pub base_url: Option<&'a str>,
    /// The model; empty when the plugin does not say.
    pub model: &'a str,
    /// The project it is to be booked to.
    pub project: &'a str,
}

impl Engine {
    /// Resolves a model string.
    ///
    /// # Errors
    /// A string that leads nowhere, a modality the provider lacks, a key that is not to be found, a variable that
    /// is needed and not set.
    pub fn resolve(&self, ask: &Ask<'_>) -> Result<Arc<Target>, Error> {
        let config = &*self.shared.config();
        let given = ask.spelled_out(config)?;
        let resolved = model::resolve(config, registry::ALL, ask.project, ask.modality, &given)?;
        let Some(provider) = registry::find(&resolved.provider_type) else {
            return Err(Error::UnknownProvider(resolved.provider_type));
        };
        let account = config.provider(ask.project, &resolved.provider_id);
        if account.is_some_and(|account| !account.enabled) {
            return Err(switched_off(config, ask.project, resolved.provider_id));
        }
        let extra = match &resolved.alias {
            Some(alias) => config.models.get(ask.modality).get(alias).map(|entry| entry.extra.get()),
            None => None,
        };
        let keys = match account {
            Some(account) => account.extra.get()?,
            None => &Map::new(),
        };
        let suffix = resolved.suffix.as_deref();
        let (language, voice) = match ask.modality {
            Modality::Stt => (ask.language.or(suffix), ask.voice),
            Modality::Tts => (ask.language, ask.voice.or(suffix).or_else(|| own_voice(keys))),
            Modality::Llm => (ask.language, ask.voice),
        };
        Ok(Arc::new(Target {
            endpoint: Arc::new(Endpoint {
                api_key: self.key(ask, provider, &resolved)?,
                base_url: self.base_url(ask, provider, &resolved, account)?,
                language: language.map(str::to_owned),
                voice: voice.map(str::to_owned),
                extra: extra.transpose()?.cloned().unwrap_or_default(),
                model: resolved.model,
            }),
            provider,
            provider_name: resolved.provider_type.as_str().into(),
            modality: ask.modality,
            model_id: resolved.model_id.as_str().into(),
            project: ask.project.into(),
            settings: keys.clone(),
        }))
    }

    /// The model strings of a stack, or of the project's own when none is named.
    ///
    /// # Errors
    /// A name that is not there, a project without one, a variable that is needed and not set.
    pub fn stack(&self, project: &str, name: Option<&str>) -> Result<PerModality<Option<String>>, Error> {
        let config = self.shared.config();
        let stack = model::stack(&config, project, name)?;
        let member = |modality| {
            let text = stack.get(modality).as_ref().map(|text| text.get().map(str::to_owned)).transpose();
            text.map(|text| text.filter(|text| !text.is_empty()))
        };
        Ok(PerModality {
            stt: member(Modality::Stt)?,
            llm: member(Modality::Llm)?,
            tts: member(Modality::Tts)?,
        })
    }

    /// Whether chains are walked in mid-call too, in the agent's process.
    pub fn walks_chains_in_mid_call(&self) -> bool {
        self.shared.config().fallback_mode == FallbackMode::Runtime
    }

    /// A target for an object that somebody else built: it has its key and its address already. One of a provider
    /// that this version does not know is booked under its name, without a price.
    pub fn adopt(&self, found: &Found<'_>) -> Arc<Target> {
        let config = &*self.shared.config();
        let name = match found.base_url {
            Some(base_url) => {
                account_at(config, found, base_url).unwrap_or_else(|| host(base_url).to_owned())
            }
            None => found.provider.to_owned(),
        };
        let listed = registry::find(&name).filter(|provider| provider.modalities().contains(&found.modality));
        let account = config.provider(found.project, &name);
        let settings = account.and_then(|account| account.extra.get().ok()).cloned().unwrap_or_default();
        let model_id = if found.model.is_empty() { name.clone() } else { format!("{name}/{}", found.model) };
        Arc::new(Target {
            endpoint: Arc::new(Endpoint {
                model: found.model.to_owned(),
                api_key: None,
                base_url: None,
                language: None,
                voice: None,
                extra: serde_json::Map::new(),
            }),
            provider: listed.unwrap_or(&Unlisted),
            provider_name: name.as_str().into(),
            modality: found.modality,
            model_id: model_id.into(),
            project: found.project.into(),
            settings,
        })
    }

    fn key(
        &self,
        ask: &Ask<'_>,
        provider: &dyn Provider,
        resolved: &Resolved,
    ) -> Result<Option<Secret>, Error> {
        if let Some(key) = ask.api_key.filter(|key| !key.is_empty()) {
            return Ok(Some(Secret::from(key)));
        }
        let id = &resolved.provider_id;
        let lookup = |name: &str| self.shared.variable(name);
        let key = self.shared.config().api_key(ask.project, id, || provider.key_in(&lookup))?;
        match (key, provider.key_variable()) {
            // A runtime on the owner's machine may have a key, and needs none.
            (Some(key), _) => Ok(Some(key)),
            (None, None) => Ok(None),
            (None, Some(variable)) => {
                Err(Error::MissingKey { provider: id.clone(), project: ask.project.to_owned(), variable })
            }
        }
    }

    fn base_url(
        &self,
        ask: &Ask<'_>,
        provider: &dyn Provider,
        resolved: &Resolved,
        account: Option<&config::Provider>,
    ) -> Result<Option<String>, Error> {
        let written = match (ask.base_url, account) {
            (Some(given), _) => given,
            (None, Some(account)) => account.base_url.get()?,
            (None, None) => "",
        };
        let plugin = |written| provider.plugin_base_url(ask.modality, &resolved.model, written);
        Ok(Some(written).filter(|written| !written.is_empty()).map(plugin))
    }
}

fn switched_off(config: &Config, project: &str, provider: String) -> Error {
    let is_own = config.projects.get(project).is_some_and(|own| own.providers.contains_key(&provider));
    let path = match is_own {
        true => format!("projects.{project}.providers.{provider}"),
        false => format!("providers.{provider}"),
    };
    Error::Disabled { provider, project: project.to_owned(), path }
}

/// The type of the account that the owner configured at this address: many services speak one provider's language.
fn account_at(config: &Config, found: &Found<'_>, base_url: &str) -> Option<String> {
    let own = config.projects.get(found.project).into_iter().flat_map(|project| project.providers.iter());
    let speaks_there = |id: &str, written: &str| {
        let kind = config.provider_type(found.project, id).ok()?;
        let provider = registry::find(kind).filter(|_| !written.is_empty())?;
        let address = provider.plugin_base_url(found.modality, found.model, written);
        (address.trim_end_matches('/') == base_url.trim_end_matches('/')).then(|| kind.to_owned())
    };
    own.chain(&config.providers).find_map(|(id, account)| speaks_there(id, account.base_url.get().ok()?))
}

/// The host of an address.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// A provider named beside the model wins over a leading segment that repeats it.
fn with_provider(model: &str, provider: Option<&str>) -> String {
    match provider {
        Some(provider) => {
            let bare = model.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(model);
            format!("{provider}/{bare}")
        }
        None => model.to_owned(),
    }
}

/// The voice an owner gives a provider for requests that name none.
fn own_voice(keys: &Map<String, Value>) -> Option<&str> {
    ["default_voice", "voice"].into_iter().find_map(|key| keys.get(key)?.as_str())
}
