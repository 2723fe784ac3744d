//! The configuration as Python sees it: what the file says, variables put in, secrets masked.

use serde_json::{Map, Value, json};
use vg_cli::settings::Settings;
use vg_core::{
    Modality,
    config::{Config, Model, PerModality, Project, Provider, Stack, Text},
};

/// The configuration as JSON, its keys those of `voicegw.yaml`.
pub(crate) fn shown(settings: &Settings) -> Value {
    let config = &settings.config;
    let observed = config.observability;
    json!({
        "file": settings.file.as_ref().map(|file| file.display().to_string()),
        "default_project": config.default_project().unwrap_or_default(),
        "providers": providers(&config.providers),
        "models": per_modality(&config.models, |models| named(models, model)),
        "stacks": named(&config.stacks, stack),
        "fallbacks": per_modality(&config.fallbacks, |chain| texts(chain)),
        "projects": named(&config.projects, project),
        "observability": {
            "latency_tracking": observed.latency_tracking,
            "cost_tracking": observed.cost_tracking,
            "request_logging": observed.request_logging,
        },
        "cost_tracking": {
            "enabled": settings.database_url.is_some(),
            "db_path": settings.shown_database(),
        },
        "latency": latency(config),
    })
}

fn latency(config: &Config) -> Value {
    let latency = &config.latency;
    json!({
        "ttfb_warning_ms": latency.ttfb_warning_ms,
        "percentiles": latency.percentiles,
        "enabled": latency.enabled,
    })
}

fn providers<'a>(accounts: impl IntoIterator<Item = (&'a String, &'a Provider)>) -> Value {
    named(accounts, |account: &Provider| {
        json!({
            "type": account.provider_type,
            "enabled": account.enabled,
            "api_key": account.api_key,
            "base_url": account.base_url,
        })
    })
}

fn model(model: &Model) -> Value {
    json!({
        "provider": model.provider,
        "model": model.model,
        "default_voice": model.default_voice,
        "default_language": model.default_language,
    })
}

fn stack(stack: &Stack) -> Value {
    per_modality(stack, |member| json!(member))
}

fn project(project: &Project) -> Value {
    json!({
        "name": project.name,
        "description": project.description,
        "daily_budget": project.daily_budget.map_or(0.0, vg_core::Money::dollars_f64),
        "budget_action": project.budget_action.as_str(),
        "default_stack": project.default_stack,
        "tags": texts(&project.tags),
        "providers": providers(&project.providers),
        "fallbacks": per_modality(&project.fallbacks, |chain| texts(chain)),
    })
}

fn texts(texts: &[Text]) -> Value {
    texts.iter().map(|text| Value::from(text.shown())).collect()
}

fn named<'a, T: 'a>(
    entries: impl IntoIterator<Item = (&'a String, &'a T)>,
    value: impl Fn(&T) -> Value,
) -> Value {
    let entries = entries.into_iter().map(|(name, entry)| (name.clone(), value(entry)));
    Value::Object(entries.collect())
}

fn per_modality<T>(entries: &PerModality<T>, value: impl Fn(&T) -> Value) -> Value {
    let entries = Modality::ALL.map(|modality| (modality.as_str().to_owned(), value(entries.get(modality))));
    Value::Object(Map::from_iter(entries))
}
