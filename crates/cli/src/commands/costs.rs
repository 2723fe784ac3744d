//! `voicegw costs`: what was spent today, in a week or in a month.

use crate::{
    Environment, Printer, Settings, amounts,
    args::ConfigFlag,
    book, exit, ledger,
    printer::{Align, Table},
};
use anyhow::Result;
use std::{borrow::Cow, path::Path, sync::Arc};
use vg_core::price::Book;
use vg_services::{
    Days, Ledger, Period,
    costs::{CostArgs, CostSummary, Spent, cost_summary},
    prices::{Basis, Installed, RepriceArgs, RepricedModel, reprice_summary},
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
    /// What it would have cost by other prices: a price book's file, `embedded`, or `current` for what new requests are
    /// priced with. The ledger stays as it is
    #[arg(long, value_name = "BOOK")]
    reprice: Option<String>,
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
    if let Some(book) = &args.reprice {
        reprice(&args, book, &settings, &ledger, printer).await?;
        return Ok(exit::DONE);
    }
    let tariff = settings.config.tariff(args.project.as_deref().unwrap_or_default());
    let asked = CostArgs {
        period: args.period(),
        project: args.project.clone(),
        pricing_source: Some(tariff.stamp().source.to_string()),
        ..CostArgs::default()
    };
    let summary = cost_summary(&ledger, &asked, now).await?;
    if args.json {
        printer.json(&summary)?;
    } else if !matches!(ledger, Ledger::Off) {
        show(&summary, printer)?;
        book::hint_at_unpriced(&summary, tariff, printer);
        book::warn_of_age(&settings, printer);
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

/// Shows what the period cost beside what it would have cost.
async fn reprice(
    args: &Args,
    book: &str,
    settings: &Settings,
    ledger: &Ledger,
    printer: &mut Printer,
) -> Result<()> {
    let asked =
        RepriceArgs { period: args.period(), project: args.project.clone(), ..RepriceArgs::default() };
    let read = match book {
        "embedded" => Arc::clone(Book::embedded()),
        "current" => Arc::clone(settings.config.tariff(settings.config.default_project()?).book()),
        path => Installed::read(Path::new(path))?.book,
    };
    let basis = if book == "current" { Basis::Current(&settings.config) } else { Basis::Book(&read) };
    let repriced = reprice_summary(ledger, &asked, basis, ledger::now()).await?;
    if args.json {
        return printer.json(&repriced);
    }
    if matches!(ledger, Ledger::Off) {
        return Ok(());
    }
    let of = repriced.project.as_ref().map(|project| format!(", project {project}"));
    let prices = if book == "current" {
        format!("{}, with supplement and overrides as configured", book::name(&read))
    } else {
        book::name(&read)
    };
    printer.heading(&format!("Costs by other prices ({}{})", repriced.period, of.unwrap_or_default()))?;
    printer.line(&format!("Prices: {prices}"))?;
    let heads = [
        ("Model", Align::Left),
        ("Requests", Align::Right),
        ("Recorded", Align::Right),
        ("Repriced", Align::Right),
        ("Difference", Align::Right),
    ];
    let mut table = Table::new(heads);
    let mut row = |name: &str, model: &RepricedModel| {
        table.row([
            name,
            &model.requests.to_string(),
            &amounts::dollars(Some(model.recorded), 6),
            &amounts::dollars(Some(model.repriced), 6),
            &amounts::dollars(Some(model.difference), 6),
        ]);
    };
    for (name, model) in repriced.by_model.iter().filter(|(_, model)| model.requests > 0) {
        row(name, model);
    }
    row("Total", &repriced.total);
    printer.line("")?;
    printer.table(&table)?;
    printer.line("")?;
    if repriced.total.newly_priced > 0 {
        let requests = amounts::count(repriced.total.newly_priced, "request");
        printer.line(&format!("Newly priced: {requests} without a price in the ledger"))?;
    }
    if repriced.total.not_repriced > 0 {
        let missed = repriced.by_model.iter().filter(|(_, model)| model.not_repriced > 0);
        let missed: Vec<_> = missed.map(|(name, model)| format!("{name} {}", model.not_repriced)).collect();
        printer.line(&format!(
            "Not repriced: {}, recorded at {}, in no sum ({})",
            amounts::count(repriced.total.not_repriced, "request"),
            amounts::dollars(Some(repriced.total.not_repriced_cost), 6),
            missed.join("; ")
        ))?;
    }
    Ok(())
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
