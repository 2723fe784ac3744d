//! `voicegw prices override`: what the owner agreed on with providers, and what comes of it for a model. The overrides
//! themselves are written in the configuration.

use super::now;
use crate::{
    Environment, Printer, Settings,
    args::ConfigFlag,
    book,
    exit::{self, Advise},
    printer::{Align, Table},
};
use anyhow::Result;
use vg_core::{
    decimal::Decimal,
    price::{Date, ExplainedRate, Override, Quote, Tariff, Terms},
};

/// List the overrides of a project's prices, its own first, or show what they make of one model's price.
///
/// They are written in the configuration, under `prices.overrides` and `projects.ID.prices.overrides`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model to check, as PROVIDER/MODEL
    model: Option<String>,
    /// As this project's requests are priced
    #[arg(long, short)]
    project: Option<String>,
    /// On this UTC day, e.g. 2026-11-15 [default: today]
    #[arg(long, value_name = "DAY")]
    on: Option<String>,
    #[command(flatten)]
    file: ConfigFlag,
}

pub(crate) fn run(args: &Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let project = settings.project(args.project.as_deref(), environment)?;
    let day = match &args.on {
        Some(day) => day.parse::<Date>().map_err(|error| exit::BadUsage(format!("--on: {error}")))?,
        None => book::today(),
    };
    let tariff = settings.config.tariff(&project);
    match &args.model {
        Some(model) => check(model, tariff, &project, day, printer)?,
        None => list(tariff, &project, day, printer)?,
    }
    Ok(exit::DONE)
}

fn list(tariff: &Tariff, project: &str, day: Date, printer: &mut Printer) -> Result<()> {
    let heads = [
        ("Price", Align::Left),
        ("Agreed", Align::Left),
        ("From", Align::Left),
        ("Until", Align::Left),
        ("State", Align::Left),
        ("Written for", Align::Left),
        ("Reason", Align::Left),
    ];
    let mut table = Table::new(heads);
    for (is_own, agreed) in tariff.overrides() {
        let date = |date: Option<Date>| date.map_or_else(|| "-".to_owned(), |date| date.to_string());
        table.row([
            agreed.name(),
            agreed.agreed(),
            date(agreed.from),
            date(agreed.until),
            state(agreed, day).to_owned(),
            if is_own { format!("project {project}") } else { "all projects".to_owned() },
            agreed.reason.to_string(),
        ]);
    }
    if table.is_empty() {
        printer.line(&format!("No price of project {project} is overridden."))?;
        printer.hint(
            "write `prices: { overrides: [{ model: deepgram/*, from: 2026-01-01, discount: 10%, reason: contract }] }` \
             into voicegw.yaml",
        );
        return Ok(());
    }
    printer.table(&table)
}

fn state(agreed: &Override, day: Date) -> &'static str {
    if agreed.holds_on(day) {
        "in force"
    } else if agreed.from.is_some_and(|from| day < from) {
        "not yet"
    } else {
        "over"
    }
}

fn check(model: &str, tariff: &Tariff, project: &str, day: Date, printer: &mut Printer) -> Result<()> {
    let advice = || "write the model as PROVIDER/MODEL, e.g. deepgram/nova-3".to_owned();
    let (provider, name) =
        model.split_once('/').ok_or_else(|| anyhow::anyhow!("`{model}` names no provider")).advise(advice)?;
    let quote = tariff.quote(provider, name, day);
    if quote.stamp.is_none() {
        let unknown = anyhow::anyhow!(
            "no list has a price of `{model}`, and no override of project {project} gives one"
        );
        return Err(unknown).advise(|| {
            format!("`prices: {{ overrides: [{{ model: {model}, ... }}] }}` gives it one; see docs/prices.md")
        });
    }
    printer.heading(&format!("{model}, project {project}, {day}"))?;
    match quote.agreed {
        Some(agreed) => {
            printer.line(&format!("Override: {}, {}{}", agreed.name(), agreed.agreed(), days(agreed)))?
        }
        None => printer.line("No override holds: the listed price counts.")?,
    }
    printer.table(&table(&quote, day)?)?;
    if let Some(stamp) = quote.stamp {
        printer.line(&format!("Lines will say: {} ({})", stamp.source, stamp.book))?;
    }
    Ok(())
}

fn days(agreed: &Override) -> String {
    let from = agreed.from.map(|from| format!(", from {from}"));
    let until = agreed.until.map(|until| format!(", until {until}"));
    [from, until].into_iter().flatten().collect()
}

/// Every listed rate beside what is paid, then the agreed rates that no list has.
fn table(quote: &Quote<'_>, day: Date) -> Result<Table> {
    let explained = quote.listed.map(|listed| {
        let noon = format!("{day}T12:00:00Z").parse().unwrap_or_else(|_| now());
        listed.explain(noon, day)
    });
    let blocks = explained.transpose()?.map(|explained| explained.blocks).unwrap_or_default();
    let listed: Vec<ExplainedRate> =
        blocks.into_iter().filter(|block| block.in_force).flat_map(|block| block.rates).collect();
    let heads =
        [("Charged", Align::Left), ("List", Align::Right), ("Paid", Align::Right), ("Per", Align::Left)];
    let mut table = Table::new(heads);
    let agreed = quote.agreed.and_then(|agreed| match &agreed.terms {
        Some(Terms::Rates(rates)) => Some(rates),
        _ => None,
    });
    let remainder = quote.agreed.and_then(Override::remainder);
    let discounted =
        |price: &Decimal| remainder.as_ref().map_or_else(|| price.clone(), |remainder| price * remainder);
    for rate in &listed {
        let own = agreed.and_then(|rates| rates.iter().find(|(kind, _)| kind.name() == rate.rate));
        let own = own.map(|(kind, price)| kind.per_unit(price));
        let mut row = |charged: String, usd: &Decimal| {
            let paid = own.clone().unwrap_or_else(|| discounted(usd));
            table.row([charged, usd.to_plain(), paid.to_plain(), rate.unit.to_owned()]);
        };
        row(rate.charged.to_owned(), &rate.usd);
        for tier in &rate.tiers {
            row(format!("{}, prompt above {} tokens", rate.charged, tier.above_input_tokens), &tier.usd);
        }
    }
    let unlisted = agreed.into_iter().flat_map(|rates| rates.iter());
    for (kind, price) in unlisted.filter(|(kind, _)| listed.iter().all(|rate| rate.rate != kind.name())) {
        let (charged, unit) = kind.words();
        table.row([charged.to_owned(), "-".to_owned(), kind.per_unit(price).to_plain(), unit.to_owned()]);
    }
    Ok(table)
}
