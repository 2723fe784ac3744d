//! Model strings: `provider/model[:suffix]`, and what they mean under a configuration.

use crate::{
    Kind, Modality,
    config::{self, Config, nearest},
    provider::Provider,
};
use std::fmt;

/// A model string taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelId {
    /// What stands before the first `/`.
    pub provider: String,
    /// The model as the provider calls it.
    pub model: String,
    /// The language (STT) or voice (TTS). An LLM has none: its colons belong to the model.
    pub suffix: Option<String>,
}

impl ModelId {
    /// Takes a model string apart; `None` unless it has a provider and a model.
    pub fn parse(text: &str, modality: Modality) -> Option<ModelId> {
        let (provider, rest) = text.split_once('/')?;
        let (model, suffix) = split_suffix(rest, modality);
        if provider.trim().is_empty() || model.trim().is_empty() {
            return None;
        }
        Some(ModelId {
            provider: provider.to_owned(),
            model: model.to_owned(),
            suffix: suffix.map(str::to_owned),
        })
    }
}

impl fmt::Display for ModelId {
    /// The string without its suffix, as the ledger keeps it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// Cuts the suffix of a string of this modality: at the last `:` for STT and TTS, never for LLM.
pub fn split_suffix(text: &str, modality: Modality) -> (&str, Option<&str>) {
    match modality {
        Modality::Llm => (text, None),
        Modality::Stt | Modality::Tts => match text.rsplit_once(':') {
            Some((stem, suffix)) => (stem, Some(suffix).filter(|suffix| !suffix.is_empty())),
            None => (text, None),
        },
    }
}

/// What a model string means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The provider's type, which decides behaviour and price.
    pub provider_type: String,
    /// The id it is configured under, which decides account and address.
    pub provider_id: String,
    /// The model as the provider calls it; empty for the provider's default.
    pub model: String,
    /// The language (STT) or voice (TTS): from the string, else from the entry under `models`.
    pub suffix: Option<String>,
    /// The ledger's name of it.
    pub model_id: String,
    /// The entry under `models` that it came from.
    pub alias: Option<String>,
}

/// A model string that means nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelResolutionError {
    /// It is not of the form, and no name under `models`.
    #[error(
        "`{given}` is not a model: it must be `provider/model`{suffix}, or a name under `models.{modality}`; \
         providers: {providers}{hint}"
    )]
    Malformed {
        /// The string as given.
        given: String,
        /// The modality it was asked for.
        modality: Modality,
        /// What may follow in this modality, for the message.
        suffix: &'static str,
        /// The providers of this modality, comma-separated.
        providers: String,
        /// `; did you mean ...`, or nothing.
        hint: String,
    },
    /// The provider is not known.
    #[error("`{given}` names no known provider; providers: {providers}{hint}")]
    UnknownProvider {
        /// The string as given.
        given: String,
        /// Every provider with what it offers, comma-separated.
        providers: String,
        /// `; did you mean ...`, or nothing.
        hint: String,
    },
    /// The provider is known and does not do this.
    #[error(
        "{provider} offers no {modality}; it offers {offered}; {modality} is offered by {providers}{hint}"
    )]
    NotOffered {
        /// The provider's type.
        provider: String,
        /// The modality asked for.
        modality: Modality,
        /// What it does offer, comma-separated.
        offered: String,
        /// The providers of this modality, comma-separated.
        providers: String,
        /// `; did you mean ...`, or nothing.
        hint: String,
    },
    /// No model was given and nothing says which one to use.
    #[error(
        "no {modality} model was given, and project `{project}` has none: set `projects.{project}.{modality}_model`, \
         a `default_stack` or `fallbacks.{modality}`"
    )]
    NoDefault {
        /// The modality asked for.
        modality: Modality,
        /// The project.
        project: String,
    },
    /// The project's stack is not under `stacks`.
    #[error("project `{project}` has the default stack `{stack}`, which is not under `stacks`")]
    UnknownStack {
        /// The project.
        project: String,
        /// The name it gives.
        stack: String,
    },
    /// No stack of this name.
    #[error("there is no stack `{stack}`; stacks: {stacks}{hint}")]
    StackNotFound {
        /// The name given.
        stack: String,
        /// The names under `stacks`, comma-separated.
        stacks: String,
        /// `; did you mean ...`, or nothing.
        hint: String,
    },
    /// No stack was named and the project has none.
    #[error("no stack was named, and project `{project}` has none: set `projects.{project}.default_stack`")]
    NoDefaultStack {
        /// The project.
        project: String,
    },
    /// The configuration names it with a variable that is not set.
    #[error("the model cannot be told: {0}")]
    Unset(#[from] config::Unset),
}

impl ModelResolutionError {
    /// The kind of this error: always the caller's, or the configuration's.
    pub const fn kind(&self) -> Kind {
        Kind::BadRequest
    }
}

/// The local runtimes that `local/` may name, each with its modality.
const LOCAL: [(&str, Modality); 3] =
    [("whisper", Modality::Stt), ("kokoro", Modality::Tts), ("piper", Modality::Tts)];

/// Finds what `given` means in `project`: a name under `models` (whole, then without its suffix), a `local/`
/// name, a provider type or configured id before the first `/`, or a bare provider with a first model under
/// `models`.
///
/// # Errors
/// [`ModelResolutionError`]; a string that means nothing never becomes something else.
pub fn resolve(
    config: &Config,
    providers: &[&dyn Provider],
    project: &str,
    modality: Modality,
    given: &str,
) -> Result<Resolved, ModelResolutionError> {
    Resolver { config, providers, modality, project, given }.resolve()
}

/// The model string of a request that names none: the project's model, else its `default_stack`'s, else the
/// head of the chain.
///
/// # Errors
/// [`ModelResolutionError::NoDefault`] when none of them says, [`ModelResolutionError::UnknownStack`] when the
/// project's stack is not there.
pub fn default_model<'a>(
    config: &'a Config,
    project: &str,
    modality: Modality,
) -> Result<&'a str, ModelResolutionError> {
    let section = config.projects.get(project);
    let own = section.and_then(|section| section.default_models.get(modality).as_ref());
    let of_stack = default_stack(config, project)?.and_then(|stack| stack.get(modality).as_ref());
    let head = config.chain(project, modality).first();
    let no_default = || ModelResolutionError::NoDefault { modality, project: project.to_owned() };
    let chosen = own.or(of_stack).or(head).ok_or_else(no_default)?;
    Ok(chosen.get()?)
}

/// The stack of that name, or the project's own when none is given.
///
/// # Errors
/// [`ModelResolutionError::StackNotFound`], [`ModelResolutionError::NoDefaultStack`], or
/// [`ModelResolutionError::UnknownStack`] when the project's stack is not there.
pub fn stack<'a>(
    config: &'a Config,
    project: &str,
    name: Option<&str>,
) -> Result<&'a config::Stack, ModelResolutionError> {
    match name {
        Some(name) => config.stacks.get(name).ok_or_else(|| {
            let known = || config.stacks.keys().map(String::as_str);
            ModelResolutionError::StackNotFound {
                stack: name.to_owned(),
                stacks: match known().collect::<Vec<_>>().join(", ") {
                    none if none.is_empty() => "none".to_owned(),
                    names => names,
                },
                hint: hint(name, known()),
            }
        }),
        None => default_stack(config, project)?
            .ok_or_else(|| ModelResolutionError::NoDefaultStack { project: project.to_owned() }),
    }
}

fn default_stack<'a>(
    config: &'a Config,
    project: &str,
) -> Result<Option<&'a config::Stack>, ModelResolutionError> {
    let section = config.projects.get(project);
    match section.map(|section| section.default_stack.get()).transpose()? {
        None | Some("") => Ok(None),
        Some(name) => {
            let unknown =
                || ModelResolutionError::UnknownStack { project: project.to_owned(), stack: name.to_owned() };
            config.stacks.get(name).map(Some).ok_or_else(unknown)
        }
    }
}

struct Resolver<'a> {
    config: &'a Config,
    providers: &'a [&'a dyn Provider],
    modality: Modality,
    project: &'a str,
    given: &'a str,
}

impl Resolver<'_> {
    fn resolve(&self) -> Result<Resolved, ModelResolutionError> {
        let (stem, suffix) = split_suffix(self.given, self.modality);
        let entries = self.config.models.get(self.modality);
        if let Some((name, entry)) = entries.get_key_value(self.given) {
            return self.entry(name, entry, None);
        }
        if let Some((name, entry)) = entries.get_key_value(stem) {
            return self.entry(name, entry, suffix);
        }
        if let Some(local) = self.local(stem, suffix) {
            return Ok(local);
        }
        match ModelId::parse(self.given, self.modality) {
            Some(id) => {
                let provider_type = self.offering(&id.provider)?;
                let model_id = format!("{provider_type}/{}", id.model);
                let ModelId { provider: provider_id, model, suffix } = id;
                Ok(Resolved { provider_type, provider_id, model, suffix, model_id, alias: None })
            }
            None => self.bare(stem, suffix),
        }
    }

    /// The entry `name` of `models`; a suffix of the string wins over the entry's own.
    fn entry(
        &self,
        name: &str,
        entry: &config::Model,
        suffix: Option<&str>,
    ) -> Result<Resolved, ModelResolutionError> {
        let provider_id = entry.provider.get()?.to_owned();
        let provider_type = self.offering(&provider_id)?;
        let model = entry.model.get()?.to_owned();
        let own = match self.modality {
            Modality::Stt => entry.default_language.as_ref(),
            Modality::Llm => None,
            Modality::Tts => entry.default_voice.as_ref(),
        };
        let own = own.map(config::Text::get).transpose()?;
        // What the owner keeps under `local/` keeps its name in the ledger.
        let model_id = match (name.starts_with("local/"), model.is_empty()) {
            (true, _) => name.to_owned(),
            (false, true) => provider_type.clone(),
            (false, false) => format!("{provider_type}/{model}"),
        };
        let suffix = suffix.or(own).map(str::to_owned);
        Ok(Resolved { provider_type, provider_id, model, suffix, model_id, alias: Some(name.to_owned()) })
    }

    /// `local/whisper-<size>`, `local/kokoro`, `local/piper`.
    fn local(&self, stem: &str, suffix: Option<&str>) -> Option<Resolved> {
        let name = stem.strip_prefix("local/")?;
        let (runtime, model) = name.split_once('-').unwrap_or((name, ""));
        let known = LOCAL.iter().any(|(local, modality)| *local == runtime && *modality == self.modality);
        let sized = (runtime == "whisper") != model.is_empty();
        (known && sized).then(|| Resolved {
            provider_type: runtime.to_owned(),
            provider_id: runtime.to_owned(),
            model: model.to_owned(),
            suffix: suffix.map(str::to_owned),
            model_id: stem.to_owned(),
            alias: None,
        })
    }

    /// A provider alone means its first model under `models`.
    fn bare(&self, name: &str, suffix: Option<&str>) -> Result<Resolved, ModelResolutionError> {
        if name.contains('/') {
            return Err(self.malformed());
        }
        let first = self
            .config
            .models
            .get(self.modality)
            .iter()
            .find(|(_, entry)| entry.provider.get().is_ok_and(|provider| provider == name));
        match first {
            Some((alias, entry)) => self.entry(alias, entry, suffix),
            None => Err(self.malformed()),
        }
    }

    /// The type of a provider id, when that type offers the modality.
    fn offering(&self, id: &str) -> Result<String, ModelResolutionError> {
        let provider_type = self.config.provider_type(self.project, id)?;
        let Some(provider) = self.providers.iter().find(|provider| provider.id() == provider_type) else {
            let types = self.providers.iter().map(|provider| provider.id());
            let configured = self.config.providers.keys().map(String::as_str);
            return Err(ModelResolutionError::UnknownProvider {
                given: self.given.to_owned(),
                providers: self.matrix(),
                hint: hint(provider_type, types.chain(configured)),
            });
        };
        if !provider.modalities().contains(&self.modality) {
            return Err(ModelResolutionError::NotOffered {
                provider: provider_type.to_owned(),
                modality: self.modality,
                offered: offered(*provider),
                providers: self.names().join(", "),
                hint: hint(self.given, self.aliases()),
            });
        }
        Ok(provider_type.to_owned())
    }

    fn names(&self) -> Vec<&'static str> {
        let offering =
            self.providers.iter().filter(|provider| provider.modalities().contains(&self.modality));
        offering.map(|provider| provider.id()).collect()
    }

    /// Who offers what.
    fn matrix(&self) -> String {
        let row = |provider: &&dyn Provider| format!("{} ({})", provider.id(), offered(*provider));
        self.providers.iter().map(row).collect::<Vec<_>>().join(", ")
    }

    /// The owner's names of this modality.
    fn aliases(&self) -> impl Iterator<Item = &str> {
        self.config.models.get(self.modality).keys().map(String::as_str)
    }

    fn malformed(&self) -> ModelResolutionError {
        let names = self.names();
        ModelResolutionError::Malformed {
            given: self.given.to_owned(),
            modality: self.modality,
            suffix: match self.modality {
                Modality::Stt => "[:language]",
                Modality::Llm => "",
                Modality::Tts => "[:voice]",
            },
            providers: names.join(", "),
            hint: hint(self.given, self.aliases().chain(names.iter().copied())),
        }
    }
}

/// The modalities of a provider, comma-separated.
fn offered(provider: &dyn Provider) -> String {
    provider.modalities().iter().map(|modality| modality.as_str()).collect::<Vec<_>>().join(", ")
}

fn hint<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(given, known).map(|name| format!("; did you mean '{name}'")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Usage,
        config::load,
        provider::{Facts, PriceQuery, PriceRef},
    };

    struct Fake(&'static str, &'static [Modality]);

    impl Provider for Fake {
        fn id(&self) -> &'static str {
            self.0
        }
        fn modalities(&self) -> &'static [Modality] {
            self.1
        }
        fn key_variable(&self) -> Option<&'static str> {
            None
        }
        fn endpoint(&self, _: Modality, _: &str) -> &'static str {
            ""
        }
        fn known_endings(&self) -> &'static [&'static str] {
            &[]
        }
        fn price_ref(&self, _: &PriceQuery<'_>) -> PriceRef {
            PriceRef::Local
        }
        fn bill(&self, facts: &Facts<'_>) -> Usage {
            facts.wire
        }
    }

    const PROVIDERS: [&dyn Provider; 4] = [
        &Fake("deepgram", &[Modality::Stt, Modality::Tts]),
        &Fake("openai", &Modality::ALL),
        &Fake("ollama", &[Modality::Llm]),
        &Fake("cartesia", &[Modality::Tts]),
    ];

    const FILE: &str = "
providers:
  deepgram-staging: { type: deepgram, api_key: k }
models:
  stt:
    fast: { provider: deepgram, model: nova-3, default_language: en }
    odd:name: { provider: openai, model: whisper-1 }
  tts:
    local/kokoro: { provider: cartesia, model: sonic-3 }
    anna: { provider: cartesia, model: sonic-3, default_voice: v1 }
stacks:
  premium: { stt: fast, llm: openai/gpt-4.1 }
fallbacks:
  llm: [openai/gpt-4.1-mini]
  tts: [anna]
projects:
  a: { name: A, default_stack: premium, llm_model: ollama/qwen2.5:3b }
  b: { name: B }
  c: { name: C, default_stack: premum }
  d: { name: D, providers: { dg: { type: deepgram } } }
";

    fn config() -> Config {
        load(FILE, "voicegw.yaml", &|_| None, &PROVIDERS).unwrap().config
    }

    fn found(modality: Modality, given: &str) -> Resolved {
        resolve(&config(), &PROVIDERS, "default", modality, given).unwrap()
    }

    fn error(modality: Modality, given: &str) -> String {
        resolve(&config(), &PROVIDERS, "default", modality, given).unwrap_err().to_string()
    }

    #[test]
    fn suffixes_are_cut_for_speech_and_kept_for_text() {
        let id = |text, modality| ModelId::parse(text, modality).unwrap();
        assert_eq!(id("deepgram/nova-3:es", Modality::Stt).suffix.as_deref(), Some("es"));
        assert_eq!(id("cartesia/sonic-3:a:b", Modality::Tts).model, "sonic-3:a");
        assert_eq!(id("ollama/qwen2.5:3b", Modality::Llm).model, "qwen2.5:3b");
        assert_eq!(id("openai/org/model", Modality::Llm).model, "org/model");
        assert_eq!(id("deepgram/nova-3:es", Modality::Stt).to_string(), "deepgram/nova-3");
        for text in ["", "deepgram", "/nova-3", "deepgram/", "deepgram/:es"] {
            assert_eq!(ModelId::parse(text, Modality::Stt), None, "{text}");
        }
    }

    #[test]
    fn names_of_the_owner_come_first_whole_then_without_suffix() {
        let fast = found(Modality::Stt, "fast");
        assert_eq!((fast.model_id.as_str(), fast.suffix.as_deref()), ("deepgram/nova-3", Some("en")));
        assert_eq!(fast.alias.as_deref(), Some("fast"));
        assert_eq!(found(Modality::Stt, "fast:es").suffix.as_deref(), Some("es"));
        assert_eq!(found(Modality::Stt, "odd:name").model_id, "openai/whisper-1");
        assert_eq!(found(Modality::Tts, "anna").suffix.as_deref(), Some("v1"));
        let local = found(Modality::Tts, "local/kokoro:af");
        assert_eq!((local.provider_type.as_str(), local.model_id.as_str()), ("cartesia", "local/kokoro"));
    }

    #[test]
    fn a_configured_id_keeps_its_account_and_takes_its_type() {
        let staging = found(Modality::Stt, "deepgram-staging/nova-3:es");
        assert_eq!(
            (staging.provider_type.as_str(), staging.provider_id.as_str()),
            ("deepgram", "deepgram-staging")
        );
        assert_eq!(staging.model_id, "deepgram/nova-3");
        let of_project = resolve(&config(), &PROVIDERS, "d", Modality::Stt, "dg/nova-3").unwrap();
        assert_eq!(of_project.provider_type, "deepgram");
        assert!(resolve(&config(), &PROVIDERS, "b", Modality::Stt, "dg/nova-3").is_err());
    }

    #[test]
    fn local_names_and_bare_providers_are_found() {
        let whisper = found(Modality::Stt, "local/whisper-large-v3:en");
        assert_eq!((whisper.provider_type.as_str(), whisper.model.as_str()), ("whisper", "large-v3"));
        assert_eq!(whisper.model_id, "local/whisper-large-v3");
        assert_eq!(found(Modality::Tts, "local/piper:v").suffix.as_deref(), Some("v"));
        assert_eq!(found(Modality::Tts, "cartesia").alias.as_deref(), Some("local/kokoro"));
        for (modality, text) in [(Modality::Stt, "local/whisper"), (Modality::Llm, "local/kokoro")] {
            assert!(resolve(&config(), &PROVIDERS, "default", modality, text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_means_nothing_says_what_would() {
        assert_eq!(
            error(Modality::Stt, "nova-3"),
            "`nova-3` is not a model: it must be `provider/model`[:language], or a name under `models.stt`; \
             providers: deepgram, openai"
        );
        assert_eq!(
            error(Modality::Stt, "depgram/nova-3"),
            "`depgram/nova-3` names no known provider; providers: deepgram (stt, tts), openai (stt, llm, tts), ollama \
             (llm), cartesia (tts); did you mean 'deepgram'"
        );
        assert!(
            error(Modality::Stt, "deepgram-stagin/nova-3").ends_with("; did you mean 'deepgram-staging'")
        );
        assert_eq!(
            error(Modality::Stt, "cartesia/sonic-3"),
            "cartesia offers no stt; it offers tts; stt is offered by deepgram, openai"
        );
        assert!(error(Modality::Stt, "fats").ends_with("; did you mean 'fast'"));
    }

    #[test]
    fn a_stack_is_found_by_its_name_or_is_the_projects_own() {
        let config = config();
        let llm = |project, name| {
            let found = stack(&config, project, name).map_err(|error| error.to_string());
            found.map(|stack| stack.llm.as_ref().unwrap().get().unwrap())
        };
        assert_eq!(llm("b", Some("premium")), Ok("openai/gpt-4.1"));
        assert_eq!(llm("a", None), Ok("openai/gpt-4.1"));
        assert_eq!(
            llm("a", Some("premum")).unwrap_err(),
            "there is no stack `premum`; stacks: premium; did you mean 'premium'"
        );
        assert_eq!(
            llm("b", None).unwrap_err(),
            "no stack was named, and project `b` has none: set `projects.b.default_stack`"
        );
        assert!(llm("c", None).unwrap_err().contains("which is not under `stacks`"));
    }

    #[test]
    fn without_a_model_the_project_decides() {
        let config = config();
        let model = |project, modality| default_model(&config, project, modality).map_err(|e| e.to_string());
        assert_eq!(model("a", Modality::Llm).unwrap(), "ollama/qwen2.5:3b");
        assert_eq!(model("a", Modality::Stt).unwrap(), "fast");
        assert_eq!(model("a", Modality::Tts).unwrap(), "anna");
        assert_eq!(model("b", Modality::Llm).unwrap(), "openai/gpt-4.1-mini");
        assert_eq!(
            model("b", Modality::Stt).unwrap_err(),
            "no stt model was given, and project `b` has none: set `projects.b.stt_model`, a `default_stack` or \
             `fallbacks.stt`"
        );
        assert_eq!(
            model("c", Modality::Llm).unwrap_err(),
            "project `c` has the default stack `premum`, which is not under `stacks`"
        );
    }
}
