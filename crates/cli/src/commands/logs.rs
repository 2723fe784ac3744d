//! `voicegw logs`: the newest requests.

use crate::{
    Environment, Printer, Settings, amounts,
    args::ConfigFlag,
    exit, ledger,
    printer::{Align, Table},
};
use anyhow::Result;
use vg_core::{Modality, Status};
use vg_services::{
    Ledger,
    logs::{LogArgs, LogRow, log_list},
};

/// List the newest requests, newest first; times are UTC.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this project
    #[arg(long, short)]
    project: Option<String>,
    /// How many
    #[arg(long, short = 'n', default_value_t = 20, value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(1..))]
    tail: u32,
    /// Only this modality: stt, llm or tts
    #[arg(long, short)]
    modality: Option<Modality>,
    /// Only this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Only those that ended so: success, error, cancelled or fallback
    #[arg(long)]
    status: Option<Status>,
    /// Only this model, as PROVIDER/MODEL
    #[arg(long, value_name = "PROVIDER/MODEL")]
    model: Option<String>,
    /// Print JSON, the same as `GET /v1/logs`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let ledger = ledger::open(&settings, environment, printer).await?;
    let asked = LogArgs {
        limit: args.tail,
        project: args.project.clone(),
        modality: args.modality,
        model: args.model,
        session: args.session,
        status: args.status,
        ..LogArgs::default()
    };
    let rows = log_list(&ledger, &asked).await?.rows;
    if args.json {
        printer.json(&rows)?;
    } else if !rows.is_empty() {
        printer.table(&table(&rows))?;
    } else if matches!(ledger, Ledger::Open(_)) {
        printer.note("no requests were recorded that match");
    }
    if rows.is_empty() && matches!(ledger, Ledger::Open(_)) {
        ledger::doubt_project(args.project.as_deref(), &settings, printer);
    }
    Ok(exit::DONE)
}

fn table(rows: &[LogRow]) -> Table {
    let mut table = Table::new([
        ("Time", Align::Left),
        ("Project", Align::Left),
        ("Modality", Align::Left),
        ("Model", Align::Left),
        ("Cost", Align::Right),
        ("Latency", Align::Right),
        ("Status", Align::Left),
    ]);
    for row in rows {
        table.row([
            amounts::time_of_day(row.timestamp),
            row.project.clone(),
            row.modality.to_string(),
            row.model_id.clone(),
            amounts::dollars(row.cost_usd, 6),
            amounts::milliseconds(row.total_latency_ms),
            row.status.to_string(),
        ]);
    }
    table
}
