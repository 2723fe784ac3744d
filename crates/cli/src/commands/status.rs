//! `voicegw status`: which providers can be used, what is observed, where the ledger lies.

use crate::{
    Environment, Printer,
    args::ConfigFlag,
    book, exit, ledger,
    printer::{Align, Table},
    settings::{Settings, without_password},
};
use anyhow::Result;
use std::{fs, path::Path};
use vg_services::{
    Ledger, Period,
    checks::{Check, Outcome},
    costs::{CostArgs, cost_summary},
    status::{ProviderState, status},
};

/// Show providers, switches and the ledger's place.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// As this project sees it
    #[arg(long, short)]
    project: Option<String>,
    /// Ask each provider whether its address and key work
    #[arg(long)]
    live: bool,
    /// Print JSON, the same as `GET /v1/status`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

pub(crate) async fn run(args: &Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let project = settings.project(args.project.as_deref(), environment)?;
    let variable = |name: &str| environment.get(name);
    let mut status = status(&settings.config, &project, &variable);
    if args.live {
        status.check(&settings.config, &project, &variable).await;
    }
    let has_failed = |check: &Check| check.status == Outcome::Failed;
    let failed = status.providers.values().any(|provider| provider.check.as_ref().is_some_and(has_failed));
    let code = if failed { exit::FAILED } else { exit::DONE };
    if args.json {
        printer.json(&status)?;
        return Ok(code);
    }
    let file = settings.file.as_deref().map_or("none".into(), |file| file.display().to_string());
    printer.line(&format!("Configuration: {file}"))?;
    printer.line(&format!("Project: {project}"))?;
    printer.line(&format!("Database: {}", database(settings.database_url.as_deref())))?;
    printer.line("")?;
    printer.heading("Provider Status")?;
    let heads = [("Provider", Align::Left), ("Configured", Align::Left), ("Models", Align::Left)];
    let mut table = Table::new(heads.into_iter().chain(args.live.then_some(("Live", Align::Left))));
    for (id, provider) in &status.providers {
        let cells = [id.clone(), word(&provider.state).to_owned(), provider.models.join(", ")];
        table.row(
            cells.into_iter().chain(args.live.then(|| provider.check.as_ref().map(live).unwrap_or_default())),
        );
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
    say_unpriced(&settings, &project, environment, printer).await?;
    let missing = status.providers.iter().filter_map(|(id, provider)| match &provider.state {
        ProviderState::NoKey(variable) => Some(format!("`{variable}` for {id}")),
        _ => None,
    });
    let missing: Vec<String> = missing.collect();
    if !missing.is_empty() {
        printer.hint(&format!("keys that are not set: {}", missing.join(", ")));
    }
    Ok(code)
}

/// Names the models of which the project's requests of the last 30 days have no price, and what to do about it. A
/// ledger that cannot be read is told where it is asked for.
async fn say_unpriced(
    settings: &Settings,
    project: &str,
    environment: &Environment,
    printer: &mut Printer,
) -> Result<()> {
    book::warn_of_age(settings, printer);
    let Ok(ledger @ Ledger::Open(_)) =
        Ledger::open(settings.database_url.as_deref(), &environment.temporary()).await
    else {
        return Ok(());
    };
    let asked = CostArgs { period: Period::Month, project: Some(project.to_owned()), ..CostArgs::default() };
    let Ok(summary) = cost_summary(&ledger, &asked, ledger::now()).await else { return Ok(()) };
    if summary.unpriced_requests == 0 {
        return Ok(());
    }
    printer.line("")?;
    printer.heading("Unpriced in 30 days")?;
    let mut table = Table::new([("Model", Align::Left), ("Requests", Align::Right)]);
    for unpriced in &summary.unpriced_models {
        table.row([unpriced.model.as_str(), &unpriced.requests.to_string()]);
    }
    printer.table(&table)?;
    book::hint_at_unpriced(&summary, settings.config.tariff(project), printer);
    Ok(())
}

/// What came of asking a provider.
fn live(check: &Check) -> String {
    match (&check.status, &check.message) {
        (Outcome::Ok, _) => format!("ok, {} ms", check.latency_ms),
        (Outcome::Failed, message) => message.clone().unwrap_or_else(|| "failed".to_owned()),
    }
}

const fn word(state: &ProviderState) -> &'static str {
    match state {
        ProviderState::Configured => "Yes",
        ProviderState::SwitchedOff => "Disabled",
        ProviderState::NoKey(_) => "No API key",
        ProviderState::Unknown => "Unknown provider",
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
