//! `voicegw prices show`: what a model costs now, when that changes, and how far it can be trusted.

use super::now;
use crate::{
    Environment, Printer, Settings,
    args::ConfigFlag,
    exit::{self, Advise, BadUsage},
    printer::{Align, Table},
};
use anyhow::Result;
use vg_core::{
    decimal::Decimal,
    price::{Explanation, ModelPrice, PriceState, Timestamp},
};

/// Show a model's prices, in the units people compare them in.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model, as PROVIDER/MODEL or as the provider alone names it
    model: String,
    /// The prices in force at this time, e.g. 2026-11-15T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

pub(crate) fn run(args: &Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let at = match &args.at {
        Some(text) => text.parse::<Timestamp>().map_err(|error| BadUsage(format!("--at: {error}")))?,
        None => now(),
    };
    let config = Settings::load(args.file.config.as_deref(), environment)?.config;
    let tariff = config.tariff(config.default_project()?);
    let listed = tariff.book().find_text(&args.model);
    // What the book does not know, or knows without a price, the supplement may.
    let found = match tariff.supplement().map(|book| book.find_text(&args.model)) {
        Some(Ok(filled)) if !listed.as_ref().is_ok_and(ModelPrice::has_price) => Ok(filled),
        _ => listed,
    };
    let found = found.advise(|| {
        "write the model as PROVIDER/MODEL, with the provider's own name for it, e.g. deepgram/nova-3".into()
    })?;
    let explanation = found.explain(at, now().local_date())?;
    if args.json {
        printer.json(&explanation)?;
    } else {
        show(&explanation, printer)?;
    }
    Ok(exit::DONE)
}

fn show(explanation: &Explanation, printer: &mut Printer) -> Result<()> {
    printer.heading(&format!("{}/{}", explanation.provider, explanation.model))?;
    let name = explanation.model_name.as_deref().unwrap_or(&explanation.model);
    let deprecated = if explanation.deprecated { ", deprecated" } else { "" };
    printer.line(&format!("{name}, {}{deprecated}", explanation.provider_name))?;
    if explanation.model_provider != explanation.provider {
        printer.line(&format!("Priced as {}/{}", explanation.model_provider, explanation.model))?;
    }
    match explanation.state {
        PriceState::Priced => {}
        PriceState::Free => printer.line("Free of charge.")?,
        PriceState::Unpriced => printer.line("The price is not known; calls are counted as unpriced.")?,
    }
    let table = rates(explanation);
    if !table.is_empty() {
        printer.table(&table)?;
    }
    for multiplier in
        explanation.blocks.iter().filter(|block| block.in_force).flat_map(|block| &block.voice_multipliers)
    {
        printer.line(&format!("Voice class {}: times {}", multiplier.class, multiplier.multiplier))?;
    }
    if !explanation.estimated_rates.is_empty() {
        printer.line(&format!("Estimated: {}", explanation.estimated_rates.join(", ")))?;
    }
    if let Some(comment) = &explanation.comment {
        printer.line(&format!("Note: {comment}"))?;
    }
    printer.line(&trust(explanation))?;
    if let Some(url) = &explanation.source_url {
        printer.line(&format!("Source: {url}"))?;
    }
    printer.line(&format!("Price data: {} ({})", explanation.pricing_source, explanation.book_hash))
}

/// The rates of every block; those not in force come after those that are.
fn rates(explanation: &Explanation) -> Table {
    let mut blocks: Vec<_> = explanation.blocks.iter().collect();
    let several = blocks.len() > 1;
    let columns =
        [("Charged", Align::Left), ("USD", Align::Right), ("Per", Align::Left), ("When", Align::Left)];
    let mut table = Table::new(columns.into_iter().take(if several { 4 } else { 3 }));
    blocks.sort_by_key(|block| !block.in_force);
    for block in blocks {
        let condition = block.condition.as_deref().unwrap_or("otherwise");
        let when = if block.in_force { format!("{condition} (in force)") } else { condition.to_owned() };
        let mut row = |charged: String, usd: &Decimal, unit: &str| {
            let cells = [charged, usd.to_plain(), unit.to_owned()];
            table.row(cells.into_iter().chain(several.then(|| when.clone())));
        };
        for rate in &block.rates {
            row(rate.charged.to_owned(), &rate.usd, rate.unit);
            for tier in &rate.tiers {
                let charged = format!("{}, prompt above {} tokens", rate.charged, tier.above_input_tokens);
                row(charged, &tier.usd, rate.unit);
            }
        }
    }
    table
}

fn trust(explanation: &Explanation) -> String {
    let freshness = &explanation.freshness;
    let verified = match (freshness.last_verified, freshness.age_days) {
        (Some(date), Some(age)) => format!("Verified on {date}, {age} days ago"),
        _ => "Never verified".to_owned(),
    };
    format!("{verified}; confidence {}", freshness.confidence.name())
}
