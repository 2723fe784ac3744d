//! `voicegw reconcile history` and `close`.

use crate::{
    Environment, Printer, Settings, amounts,
    args::ConfigFlag,
    exit::{self, Advise},
    ledger,
    printer::{Align, Table},
};
use anyhow::Result;
use vg_core::UnixMicros;
use vg_services::{
    Error, civil,
    reconcile::{Kept, close as close_period, correct as correct_period, get, history},
};

/// List the reconciliations that were kept, the newest first.
#[derive(Debug, clap::Args)]
pub(super) struct HistoryArgs {
    /// Only of this provider
    #[arg(long)]
    provider: Option<String>,
    /// At most this many
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON, with the whole reports
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

/// Name a reconciliation.
#[derive(Debug, clap::Args)]
pub(super) struct CloseArgs {
    /// The number of the reconciliation
    #[arg(value_name = "NUMBER")]
    id: i64,
    #[command(flatten)]
    file: ConfigFlag,
}

pub(super) async fn run(args: HistoryArgs, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let ledger = ledger::open(&settings, environment, printer).await?;
    let kept = history(&ledger, args.provider.as_deref(), args.limit).await?;
    if args.json {
        printer.json(&kept.iter().map(json).collect::<Vec<_>>())?;
        return Ok(exit::DONE);
    }
    if kept.is_empty() {
        printer.line("No reconciliation was kept.")?;
        return Ok(exit::DONE);
    }
    let mut table = Table::new([
        ("Number", Align::Right),
        ("Made", Align::Left),
        ("Provider", Align::Left),
        ("From", Align::Left),
        ("To", Align::Left),
        ("VG cost", Align::Right),
        ("Prov cost", Align::Right),
        ("Flagged", Align::Right),
        ("One side", Align::Right),
        ("Closed", Align::Left),
    ]);
    for one in &kept {
        let found = &one.found;
        table.row([
            one.id.to_string(),
            civil(found.made_at).format("%Y-%m-%d %H:%M").to_string(),
            found.provider.clone(),
            day(found.since),
            day(UnixMicros(found.until.0 - 1)),
            amounts::dollars(Some(found.ledger_cost), 4),
            found.provider_cost.map_or("-".to_owned(), |cost| amounts::dollars(Some(cost), 4)),
            found.flagged.to_string(),
            found.one_sided.to_string(),
            one.closed_at.map_or("-".to_owned(), day),
        ]);
    }
    printer.table(&table)?;
    Ok(exit::DONE)
}

pub(super) async fn close(args: CloseArgs, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let Some(url) = settings.database_url.as_deref() else {
        return Err(Error::Off).advise(|| ledger::SWITCH_ON.into());
    };
    let kept = close_period(url, args.id, ledger::now()).await?;
    printer.line(&format!(
        "Closed {} from {} to {} on reconciliation {}",
        kept.found.provider,
        day(kept.found.since),
        day(UnixMicros(kept.found.until.0 - 1)),
        kept.id
    ))?;
    Ok(exit::DONE)
}

pub(super) async fn correct(args: CloseArgs, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let Some(url) = settings.database_url.as_deref() else {
        return Err(Error::Off).advise(|| ledger::SWITCH_ON.into());
    };
    let ledger = ledger::open(&settings, environment, printer).await?;
    let kept = get(&ledger, args.id).await?;
    let corrected = correct_period(&ledger, url, &kept).await?;
    for (model, amount) in &corrected.booked {
        printer.line(&format!("Booked {} USD for {model}", amount.to_fixed(6)))?;
    }
    for model in &corrected.left_out {
        printer.note(&format!("note: the ledger has no line of {model} in the period, so none is corrected"));
    }
    if corrected.booked.is_empty() {
        printer.line("There is nothing to correct.")?;
    }
    Ok(exit::DONE)
}

fn day(at: UnixMicros) -> String {
    civil(at).format("%Y-%m-%d").to_string()
}

fn json(kept: &Kept) -> serde_json::Value {
    let report: serde_json::Value = serde_json::from_str(&kept.found.report).unwrap_or_default();
    let instant = |at: UnixMicros| civil(at).to_rfc3339();
    serde_json::json!({
        "id": kept.id,
        "made_at": instant(kept.found.made_at),
        "closed_at": kept.closed_at.map(instant),
        "report": report,
    })
}
