//! The models that can be asked for by name.

use indexmap::IndexMap;
use serde::Serialize;
use vg_core::{
    Modality,
    config::{Config, DEFAULT_PROJECT, Stack, Text},
    model,
};
use vg_providers::registry;

/// A model that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    /// The modality.
    pub modality: &'static str,
    /// The provider's configured id.
    pub provider: String,
    /// The model as the provider calls it.
    pub model: String,
}

/// Every model the configuration names: under `models`, in a stack, in a chain, as a project's own; by the string
/// to ask for it. With a project, the members of its default stack only. Names that lead nowhere are left out: they
/// were warned of when the file was read.
pub fn list(config: &Config, project: Option<&str>) -> IndexMap<String, Model> {
    let scope = project.unwrap_or(DEFAULT_PROJECT);
    let mut models = IndexMap::new();
    for modality in Modality::ALL {
        for name in names(config, project, modality) {
            let Ok(resolved) = model::resolve(config, registry::ALL, scope, modality, &name) else {
                continue;
            };
            let model =
                Model { modality: modality.as_str(), provider: resolved.provider_id, model: resolved.model };
            models.entry(name).or_insert(model);
        }
    }
    models
}

fn names(config: &Config, project: Option<&str>, modality: Modality) -> Vec<String> {
    let text = |text: &Text| text.get().ok().map(str::to_owned);
    let member = |stack: &Stack| stack.get(modality).as_ref().and_then(text);
    if let Some(project) = project {
        let stack = config.projects.get(project).and_then(|project| text(&project.default_stack));
        return stack.and_then(|name| member(config.stacks.get(&name)?)).into_iter().collect();
    }
    let named = config.models.get(modality).keys().cloned();
    let in_stacks = config.stacks.values().filter_map(member);
    let in_chain = config.fallbacks.get(modality).iter().filter_map(text);
    let of_projects =
        config.projects.values().filter_map(|p| p.default_models.get(modality).as_ref().and_then(text));
    named.chain(in_stacks).chain(in_chain).chain(of_projects).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vg_core::config;

    const FILE: &str = "
models:
  llm:
    fast: {provider: openai, model: gpt-4.1-mini}
stacks:
  front: {stt: deepgram/nova-3, llm: fast, tts: 'cartesia/sonic-3:ada'}
fallbacks:
  llm: [fast, anthropic/claude-haiku-4-5, nowhere]
projects:
  shop: {name: Shop, default_stack: front}
";

    #[test]
    fn every_named_model_is_listed_once_and_a_project_has_its_stack() {
        let config = config::load(FILE, "f", &|_| None, registry::ALL).unwrap().config;
        let all: Vec<_> = list(&config, None).into_keys().collect();
        assert_eq!(all, ["deepgram/nova-3", "fast", "anthropic/claude-haiku-4-5", "cartesia/sonic-3:ada"]);
        let of_shop = list(&config, Some("shop"));
        assert_eq!(of_shop.keys().collect::<Vec<_>>(), ["deepgram/nova-3", "fast", "cartesia/sonic-3:ada"]);
        assert_eq!(of_shop["fast"].model, "gpt-4.1-mini");
    }
}
