//! `voicegw status`: which providers can be used, what is observed, where the ledger lies.

use crate::{
    Environment, Printer,
    args::ConfigFlag,
    exit,
    printer::{Align, Table},
    settings::Settings,
};
use anyhow::Result;
use indexmap::IndexMap;
use serde::Serialize;
use std::{fs, path::Path};
use vg_core::{
    Modality,
    config::{Config, Unset},
    price::Book,
    provider::Provider,
};
use vg_providers::registry;

/// Show providers, switches and the ledger's place.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// As this project sees it
    #[arg(long, short)]
    project: Option<String>,
    /// Print JSON, the same as `GET /v1/status`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

/// The body of `GET /v1/status`.
#[derive(Debug, Serialize)]
struct Body {
    providers: IndexMap<String, ProviderBody>,
    model_count: usize,
    project_count: usize,
    pricing: IndexMap<&'static str, PricingBody>,
}

#[derive(Debug, Serialize)]
struct ProviderBody {
    configured: bool,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct PricingBody {
    source: String,
}

/// One provider, as a project sees it.
struct Row {
    id: String,
    state: State,
    local: bool,
    models: Vec<String>,
}

/// Whether a provider can be used.
enum State {
    Configured,
    SwitchedOff,
    /// With the environment variable that would give it a key.
    NoKey(String),
    /// No provider of this version.
    Unknown,
}

pub(crate) fn run(args: &Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let project = settings.project(args.project.as_deref(), environment)?;
    let rows = rows(&settings.config, &project, environment);
    if args.json {
        printer.json(&body(&settings.config, &rows))?;
        return Ok(exit::DONE);
    }
    let file = settings.file.as_deref().map_or("none".into(), |file| file.display().to_string());
    printer.line(&format!("Configuration: {file}"))?;
    printer.line(&format!("Project: {project}"))?;
    printer.line(&format!("Database: {}", database(settings.database_url.as_deref())))?;
    printer.line("")?;
    printer.heading("Provider Status")?;
    let mut table =
        Table::new([("Provider", Align::Left), ("Configured", Align::Left), ("Models", Align::Left)]);
    for row in &rows {
        table.row([row.id.as_str(), row.state.word(), &row.models.join(", ")]);
    }
    printer.table(&table)?;
    printer.line("")?;
    printer.heading("Observability")?;
    let mut table = Table::new([("Switch", Align::Left), ("State", Align::Left)]);
    let switches = settings.config.observability;
    for (switch, on) in [
        ("latency_tracking", switches.latency_tracking),
        ("cost_tracking", switches.cost_tracking),
        ("request_logging", switches.request_logging),
    ] {
        table.row([switch, if on { "on" } else { "off" }]);
    }
    printer.table(&table)?;
    let missing = rows.iter().filter_map(|row| match &row.state {
        State::NoKey(variable) => Some(format!("`{variable}` for {}", row.id)),
        _ => None,
    });
    let missing: Vec<String> = missing.collect();
    if !missing.is_empty() {
        printer.hint(&format!("keys that are not set: {}", missing.join(", ")));
    }
    Ok(exit::DONE)
}

impl State {
    const fn word(&self) -> &'static str {
        match self {
            State::Configured => "Yes",
            State::SwitchedOff => "Disabled",
            State::NoKey(_) => "No API key",
            State::Unknown => "Unknown provider",
        }
    }
}

/// What the file names, then what else has a key in the environment; every cloud provider when that is nothing.
fn rows(config: &Config, project: &str, environment: &Environment) -> Vec<Row> {
    let own = config.projects.get(project).into_iter().flat_map(|project| project.providers.keys());
    let mut ids: Vec<&str> = config.providers.keys().chain(own).map(String::as_str).collect();
    let named = Modality::ALL.iter().flat_map(|modality| config.models.get(*modality).values());
    ids.extend(named.filter_map(|model| model.provider.get().ok()));
    let has_key = |provider: &&dyn Provider| {
        provider.key_variable().and_then(|name| environment.get(name)).is_some_and(|key| !key.is_empty())
    };
    ids.extend(registry::ALL.iter().copied().filter(has_key).map(|provider| provider.id()));
    if ids.is_empty() {
        let cloud = registry::ALL.iter().filter(|provider| provider.key_variable().is_some());
        ids.extend(cloud.map(|provider| provider.id()));
    }
    let mut rows: Vec<Row> = Vec::new();
    for id in ids {
        if !rows.iter().any(|row| row.id == id) {
            rows.push(row(config, project, id, environment));
        }
    }
    rows
}

fn row(config: &Config, project: &str, id: &str, environment: &Environment) -> Row {
    let provider = config.provider_type(project, id).ok().and_then(registry::find);
    let models = Modality::ALL.iter().flat_map(|modality| config.models.get(*modality));
    let models = models.filter(|(_, model)| model.provider.get() == Ok(id)).map(|(name, _)| name.clone());
    let models = models.collect();
    let off = config.provider(project, id).is_some_and(|account| !account.enabled);
    let state = match provider {
        _ if off => State::SwitchedOff,
        None => State::Unknown,
        Some(provider) => state(config, project, id, provider, environment),
    };
    let local = provider.is_some_and(|provider| provider.key_variable().is_none());
    Row { id: id.to_owned(), state, local, models }
}

fn state(
    config: &Config,
    project: &str,
    id: &str,
    provider: &dyn Provider,
    environment: &Environment,
) -> State {
    let Some(key_variable) = provider.key_variable() else { return State::Configured };
    match config.api_key(project, id, Some(key_variable), &|name| environment.get(name)) {
        Ok(Some(_)) => State::Configured,
        Ok(None) => State::NoKey(key_variable.to_owned()),
        Err(Unset { variable }) => State::NoKey(variable),
    }
}

fn body(config: &Config, rows: &[Row]) -> Body {
    let provider = |row: &Row| {
        let configured = matches!(row.state, State::Configured);
        (row.id.clone(), ProviderBody { configured, kind: if row.local { "local" } else { "cloud" } })
    };
    let source = Book::embedded().pricing_source();
    let pricing = [Modality::Llm, Modality::Stt, Modality::Tts];
    Body {
        providers: rows.iter().map(provider).collect(),
        model_count: Modality::ALL.iter().map(|modality| config.models.get(*modality).len()).sum(),
        project_count: config.projects.len(),
        pricing: pricing.map(|modality| (modality.as_str(), PricingBody { source: source.clone() })).into(),
    }
}

/// The ledger's place and state, without a password.
fn database(url: Option<&str>) -> String {
    let Some(url) = url else { return "off".into() };
    let Some(path) = url.strip_prefix("sqlite://") else { return without_password(url) };
    match fs::metadata(Path::new(path)) {
        Ok(file) => format!("{path} ({})", size(file.len())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            format!("{path} (not there yet; the first request makes it)")
        }
        Err(error) => format!("{path} ({error})"),
    }
}

fn without_password(url: &str) -> String {
    let split = url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)));
    match split {
        Some((scheme, (account, place))) => {
            let user = account.split_once(':').map_or(account, |(user, _)| user);
            format!("{scheme}://{user}@{place}")
        }
        None => url.to_owned(),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_shows_no_password() {
        assert_eq!(database(Some("postgresql://me:p@ss@host/db")), "postgresql://me@host/db");
        assert_eq!(database(Some("postgresql://host/db")), "postgresql://host/db");
        assert_eq!(database(None), "off");
    }
}
