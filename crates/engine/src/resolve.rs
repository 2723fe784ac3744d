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
use vg_providers::registry;

/// What is asked for when an object is built.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The modality.
    pub modality: Modality,
    /// The model string; none, or `auto`, is the project's default.
    pub model: Option<&'a str>,
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
            _ => Ok(model::default_model(config, self.project, self.modality)?.to_owned()),
        }
    }
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
