//! Opening the ledger for a command, and saying what there is to say when it holds nothing.

use crate::{Environment, Printer, Settings};
use anyhow::Result;
use vg_core::{UnixMicros, config::nearest};
use vg_services::Ledger;

/// What to do about a ledger that is off.
pub(crate) const SWITCH_ON: &str =
    "set `cost_tracking.enabled: true` in the configuration, or name a file with VOICEGW_DB_PATH";

/// Opens the ledger. One that is off, or that nothing was written to yet, is said on stderr and answers with
/// nothing.
pub(crate) async fn open(
    settings: &Settings,
    environment: &Environment,
    printer: &mut Printer,
) -> Result<Ledger> {
    let ledger = Ledger::open(settings.database_url.as_deref(), &environment.temporary()).await?;
    match &ledger {
        Ledger::Off => {
            printer.warning("cost tracking is off, so there is no ledger to read");
            printer.hint(SWITCH_ON);
        }
        Ledger::NotBegun(text) => printer.note(&format!("note: {text}")),
        Ledger::Open(_) => {}
    }
    Ok(ledger)
}

/// Says that a project nothing was found for is not a configured one either.
pub(crate) fn doubt_project(project: Option<&str>, settings: &Settings, printer: &mut Printer) {
    let known = || settings.config.projects.keys().map(String::as_str);
    let Some(project) = project.filter(|project| known().all(|known| known != *project)) else { return };
    let hint = nearest(project, known()).map(|name| format!(", did you mean '{name}'"));
    printer.hint(&format!("no project `{project}` is configured{}", hint.unwrap_or_default()));
}

/// The time.
pub(crate) fn now() -> UnixMicros {
    UnixMicros(chrono::Utc::now().timestamp_micros())
}
