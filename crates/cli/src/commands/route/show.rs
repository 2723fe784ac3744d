//! `voicegw route show`: a project's budget, its candidates and how fast they were.

use crate::{
    Environment, Printer, Settings,
    args::ConfigFlag,
    exit, ledger,
    printer::{Align, Table},
};
use anyhow::Result;
use vg_services::routing::route_show;

/// Show a project's latency budget, its candidates, and how fast models were in the last 24 hours.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The project
    project: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let project = settings.project(Some(&args.project), environment)?;
    let open = super::ledger(&settings, environment, printer).await?;
    let routing = route_show(&open, &settings.config, &project, ledger::now()).await?;
    if args.json {
        printer.json(&routing)?;
        return Ok(exit::DONE);
    }
    printer.heading(&format!("Routing of {project}"))?;
    printer.line(&format!("Budget: {} ms", routing.budget_ms))?;
    for (modality, roster) in &routing.rosters {
        let candidates = if roster.is_empty() { "none".to_owned() } else { roster.join(", ") };
        printer.line(&format!("Candidates for {modality}: {candidates}"))?;
    }
    if routing.observations.is_empty() {
        printer.note("no request of this project was timed in the last 24 hours: published medians hold");
        return Ok(exit::DONE);
    }
    printer.line("")?;
    let mut table = Table::new([
        ("Modality", Align::Left),
        ("Provider", Align::Left),
        ("Model", Align::Left),
        ("P50 ms", Align::Right),
        ("P95 ms", Align::Right),
        ("Samples", Align::Right),
    ]);
    for seen in &routing.observations {
        table.row([
            seen.modality.to_string(),
            seen.provider.clone(),
            seen.model_id.clone(),
            format!("{:.0}", seen.p50_ms),
            format!("{:.0}", seen.p95_ms),
            seen.sample_count.to_string(),
        ]);
    }
    printer.table(&table)?;
    Ok(exit::DONE)
}
