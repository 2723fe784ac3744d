//! `voicegw costs`: what was spent today, in a week or in a month.

use crate::{
    Environment, Printer, Settings, amounts,
    args::ConfigFlag,
    exit, ledger,
    printer::{Align, Table},
};
use anyhow::Result;
use std::borrow::Cow;
use vg_services::{
    Days, Ledger, Period,
    costs::{CostArgs, CostSummary, Spent, cost_summary},
};

/// Sum what was spent today (UTC), by provider and by model.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this project
    #[arg(long, short)]
    project: Option<String>,
    /// Today and the 6 days before
    #[arg(long)]
    week: bool,
    /// Today and the 29 days before; wins over --week
    #[arg(long)]
    month: bool,
    /// Print JSON, the same as `GET /v1/costs`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

impl Args {
    const fn period(&self) -> Period {
        match (self.month, self.week) {
            (true, _) => Period::Month,
            (false, true) => Period::Week,
            (false, false) => Period::Today,
        }
    }
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let ledger = ledger::open(&settings, environment, printer).await?;
    let now = ledger::now();
    let asked = CostArgs { period: args.period(), project: args.project.clone(), ..CostArgs::default() };
    let summary = cost_summary(&ledger, &asked, now).await?;
    if args.json {
        printer.json(&summary)?;
    } else if !matches!(ledger, Ledger::Off) {
        show(&summary, printer)?;
        if let Some(days) = Days::of(asked.period, now).filter(|_| summary.requests > 0) {
            printer.hint(&format!(
                "to hold it against an invoice: `voicegw export-costs --start {} --end {}`",
                days.first(),
                days.last()
            ));
        }
    }
    if summary.requests == 0 && matches!(ledger, Ledger::Open(_)) {
        ledger::doubt_project(args.project.as_deref(), &settings, printer);
    }
    Ok(exit::DONE)
}

fn show(summary: &CostSummary, printer: &mut Printer) -> Result<()> {
    let of = summary.project.as_ref().map(|project| format!(", project {project}"));
    printer.heading(&format!("Cost Summary ({}{})", summary.period, of.unwrap_or_default()))?;
    printer.line(&format!("Total: {}", amounts::dollars(summary.total, 4)))?;
    if summary.requests == 0 {
        return printer.line("No requests were recorded.");
    }
    let providers = summary.by_provider.iter();
    let models = summary.by_model.iter().map(|(name, model)| (name, &model.spent));
    group("By Provider", "Provider", providers, printer)?;
    group("By Model", "Model", models, printer)?;
    printer.line("")?;
    if summary.unpriced_requests > 0 {
        let unpriced = || summary.by_model.iter().filter(|(_, model)| model.unpriced > 0);
        let models: Vec<_> = unpriced().map(|(name, model)| format!("{name} {}", model.unpriced)).collect();
        let requests = amounts::count(summary.unpriced_requests, "request");
        printer.line(&format!("Unpriced: {requests}, in no sum ({})", models.join("; ")))?;
        if let Some((model, _)) = unpriced().next() {
            printer.hint(&format!("to see the unpriced ones: `voicegw logs --model {}`", word(model)));
        }
    }
    if !summary.priced_by.is_empty() {
        printer.line(&format!("Price sources: {}", summary.priced_by.join(", ")))?;
    }
    Ok(())
}

/// A name as a shell takes it for one word.
fn word(name: &str) -> Cow<'_, str> {
    if name.chars().all(|character| character.is_alphanumeric() || "/._-:@+".contains(character)) {
        name.into()
    } else {
        format!("'{}'", name.replace('\'', r"'\''")).into()
    }
}

fn group<'a>(
    heading: &str,
    what: &'static str,
    groups: impl Iterator<Item = (&'a String, &'a Spent)>,
    printer: &mut Printer,
) -> Result<()> {
    printer.line("")?;
    printer.heading(heading)?;
    let mut table = Table::new([(what, Align::Left), ("Cost", Align::Right), ("Requests", Align::Right)]);
    for (name, spent) in groups {
        table.row([name.as_str(), &amounts::dollars(spent.cost, 4), &spent.requests.to_string()]);
    }
    printer.table(&table)
}
