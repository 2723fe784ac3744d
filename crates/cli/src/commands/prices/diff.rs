//! `voicegw prices diff`: what changed from one price book to another.

use crate::{
    Environment, Printer, Settings, amounts,
    args::ConfigFlag,
    exit,
    printer::{Align, Table},
};
use anyhow::Result;
use std::path::PathBuf;
use vg_core::{
    decimal::Decimal,
    price::{Change, Difference},
};
use vg_services::prices::Installed;

/// Show what changed from the price book in force to the one in a file: models added, removed and repriced, each with
/// both figures.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The later price book, in the JSON of voice-prices
    file: PathBuf,
    /// The earlier one, in place of the book in force
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFlag,
}

pub(crate) fn run(args: &Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let after = Installed::read(&args.file)?.book;
    let difference = match &args.against {
        Some(file) => Installed::read(file)?.book.difference(&after),
        None => {
            let config = Settings::load(args.config.config.as_deref(), environment)?.config;
            config.tariff(config.default_project()?).book().difference(&after)
        }
    };
    if args.json {
        printer.json(&difference)?;
    } else {
        show(&difference, printer)?;
    }
    Ok(exit::DONE)
}

/// Writes every change, model by model.
pub(super) fn show(difference: &Difference, printer: &mut Printer) -> Result<()> {
    printer.heading(&format!(
        "{} ({}) -> {} ({})",
        difference.before, difference.before_hash, difference.after, difference.after_hash
    ))?;
    let heads = [
        ("Model", Align::Left),
        ("Change", Align::Left),
        ("Charged", Align::Left),
        ("Before", Align::Right),
        ("After", Align::Right),
        ("Per", Align::Left),
    ];
    let mut table = Table::new(heads);
    for change in &difference.changes {
        let model = format!("{}/{}", change.provider, change.model);
        let word = word(change.change);
        if change.rates.is_empty() {
            table.row([&model, word, "no price", "-", "-", ""]);
        }
        for rate in &change.rates {
            let charged = match &rate.condition {
                Some(condition) => format!("{}, {condition}", rate.charged),
                None => rate.charged.clone(),
            };
            let cells = [&model, word, &charged, &price(&rate.before), &price(&rate.after), rate.unit];
            table.row(cells);
        }
    }
    if !table.is_empty() {
        printer.table(&table)?;
    }
    let of = |wanted| difference.changes.iter().filter(|change| change.change == wanted).count() as u64;
    printer.line(&format!(
        "{} added, {} removed, {} changed, {} as before",
        amounts::count(of(Change::Added), "model"),
        of(Change::Removed),
        of(Change::Changed),
        difference.unchanged
    ))
}

const fn word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Changed => "changed",
    }
}

fn price(price: &Option<Decimal>) -> String {
    price.as_ref().map_or_else(|| "-".to_owned(), Decimal::to_plain)
}
