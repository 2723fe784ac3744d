//! `voicegw sessions show`: one conversation, its costs and its requests by turn.

use crate::{
    Environment, Printer, Settings, amounts,
    args::ConfigFlag,
    exit::{self, Advise},
    ledger,
    printer::{Align, Table},
};
use anyhow::Result;
use vg_core::{Modality, Quantity};
use vg_services::{
    logs::LogRow,
    sessions::{SessionDetail, session_get},
};

/// Show one conversation, its costs and its requests by turn; times are UTC.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    id: String,
    /// Print JSON, the same as `GET /v1/sessions/{id}`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let ledger = ledger::open(&settings, environment, printer).await?;
    let detail =
        session_get(&ledger, &args.id, None).await.advise(|| "`voicegw sessions` lists them".into())?;
    if args.json {
        printer.json(&detail)?;
    } else {
        show(&detail, printer)?;
    }
    Ok(exit::DONE)
}

fn show(detail: &SessionDetail, printer: &mut Printer) -> Result<()> {
    let session = &detail.row;
    printer.heading(&format!("Session {}", session.id))?;
    printer.line(&format!("Project: {}", session.project))?;
    for (name, value) in [("Tenant", &session.tenant_id), ("Agent", &session.agent_id)] {
        if let Some(value) = value {
            printer.line(&format!("{name}: {value}"))?;
        }
    }
    printer.line(&format!("Started: {}", amounts::day_and_time(session.started_at)))?;
    printer.line(&format!("Duration: {}", amounts::duration(session.started_at, session.ended_at)))?;
    let failed = (session.errors > 0).then(|| format!(", {} failed", session.errors));
    printer.line(&format!("Requests: {}{}", session.request_count, failed.unwrap_or_default()))?;
    let unpriced = (session.unpriced_requests > 0)
        .then(|| format!(", without {}", amounts::count(session.unpriced_requests, "unpriced request")));
    let cost = amounts::dollars(session.total_cost_usd, 6);
    printer.line(&format!("Cost: {cost}{}", unpriced.unwrap_or_default()))?;
    printer
        .line(&format!("Providers: {}", detail.providers.iter().cloned().collect::<Vec<_>>().join(", ")))?;
    if let Some(budget_ms) = session.budget_ms {
        let models = [&session.routed_stt, &session.routed_llm, &session.routed_tts];
        let models: Vec<_> = models.into_iter().flatten().cloned().collect();
        printer.line(&format!("Routed to: {}", models.join(", ")))?;
        let used = amounts::milliseconds(session.budget_ms_used);
        printer.line(&format!("Latency budget: {budget_ms}ms, used: {used}"))?;
    }
    printer.line("")?;
    let mut table =
        Table::new([("Modality", Align::Left), ("Requests", Align::Right), ("Cost", Align::Right)]);
    for (modality, part) in &detail.by_modality {
        let requests = part.request_count.to_string();
        table.row([*modality, &requests, &amounts::dollars(part.cost, 6)]);
    }
    printer.table(&table)?;
    if !detail.lines.is_empty() {
        printer.line("")?;
        printer.table(&requests(&detail.lines))?;
    }
    Ok(())
}

/// The requests by turn, the oldest first in each; those of no turn come last.
fn requests(lines: &[LogRow]) -> Table {
    let mut table = Table::new([
        ("Turn", Align::Right),
        ("Time", Align::Left),
        ("Modality", Align::Left),
        ("Model", Align::Left),
        ("Units", Align::Right),
        ("Cost", Align::Right),
        ("First", Align::Right),
        ("Latency", Align::Right),
        ("Status", Align::Left),
    ]);
    let mut lines: Vec<&LogRow> = lines.iter().collect();
    lines.sort_by_key(|line| (line.turn.is_none(), line.turn));
    for line in lines {
        table.row([
            line.turn.map_or_else(|| "-".into(), |turn| turn.to_string()),
            amounts::time_of_day(line.timestamp),
            line.modality.to_string(),
            line.model_id.clone(),
            units(line),
            amounts::dollars(line.cost_usd, 6),
            amounts::milliseconds(line.ttfb_ms),
            amounts::milliseconds(line.total_latency_ms),
            line.status.to_string(),
        ]);
    }
    table
}

/// What is billed, in the unit that it is billed in.
fn units(line: &LogRow) -> String {
    let value = |quantity| line.usage.0.value(quantity);
    let shown = |quantity| value(quantity).map_or_else(|| "?".into(), |value| value.to_string());
    match line.modality {
        Modality::Stt => match value(Quantity::AudioNanos) {
            Some(nanos) => format!("{:.2} s", nanos as f64 / 1e9),
            None => "? s".into(),
        },
        Modality::Llm => {
            format!("{} + {} tokens", shown(Quantity::InputTokens), shown(Quantity::OutputTokens))
        }
        // Some models bill speech by the token, not by the character.
        Modality::Tts => match (value(Quantity::Characters), value(Quantity::InputTokens)) {
            (None, Some(tokens)) => format!("{tokens} tokens"),
            (characters, _) => {
                characters.map_or_else(|| "? chars".into(), |number| format!("{number} chars"))
            }
        },
    }
}
