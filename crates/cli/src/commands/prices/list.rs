//! `voicegw prices list`: what models cost now, and how far that can be trusted.

use super::now;
use crate::{
    Environment, Printer, Settings, amounts,
    args::ConfigFlag,
    book,
    exit::{self, Advise},
    printer::{Align, Table},
};
use anyhow::{Result, bail};
use vg_core::{
    config::nearest,
    price::{ExplainedRate, Freshness, PriceState},
};
use vg_services::prices::{ListArgs, ListedPrice, MODALITIES, price_list};

/// List what models cost now: the book in force, then what the supplement adds to it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this provider
    #[arg(long)]
    provider: Option<String>,
    /// Only models of this kind
    #[arg(long, short, value_parser = MODALITIES)]
    modality: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

pub(crate) fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::load(args.file.config.as_deref(), environment)?;
    let tariff = settings.config.tariff(settings.config.default_project()?);
    let asked = ListArgs { provider: args.provider, modality: args.modality };
    let listed = price_list(tariff, &asked, now())?;
    if let Some(provider) = asked.provider.as_deref().filter(|_| listed.is_empty()) {
        let known = || tariff.book().models().map(|(provider, _)| provider);
        if known().all(|known| !known.eq_ignore_ascii_case(provider)) {
            let near = nearest(provider, known()).map(|name| format!(", did you mean '{name}'"));
            let unknown =
                anyhow::anyhow!("the price book has no provider `{provider}`{}", near.unwrap_or_default());
            return Err(unknown).advise(|| "`voicegw prices list` lists all of them".into());
        }
        bail!("the price book has no such model of `{provider}`");
    }
    if args.json {
        printer.json(&listed)?;
    } else {
        let heads = [("Model", Align::Left), ("USD", Align::Left), ("Verified", Align::Left)];
        let mut table = Table::new(heads);
        for price in &listed {
            let filled = price.pricing_source != tariff.stamp().source.as_ref();
            let verified = verified(&price.freshness);
            let from = if filled { format!("{verified}, {}", price.pricing_source) } else { verified };
            table.row([format!("{}/{}", price.provider, price.model), shown(price), from]);
        }
        printer.table(&table)?;
        let models = amounts::count(listed.len() as u64, "model");
        printer.line(&format!("{models}. Price data: {}", book::name(tariff.book())))?;
    }
    book::warn_of_age(&settings, printer);
    Ok(exit::DONE)
}

/// The prices in one line: what has one unit shares it.
fn shown(price: &ListedPrice) -> String {
    match price.state {
        PriceState::Free => return "free".to_owned(),
        PriceState::Unpriced => return "unpriced".to_owned(),
        PriceState::Priced => {}
    }
    let mut groups: Vec<(&str, Vec<&ExplainedRate>)> = Vec::new();
    for rate in &price.rates {
        match groups.iter_mut().find(|(unit, _)| *unit == rate.unit) {
            Some((_, rates)) => rates.push(rate),
            None => groups.push((rate.unit, vec![rate])),
        }
    }
    let is_alone = price.rates.len() == 1;
    let one = |rate: &ExplainedRate| {
        let tiers = rate.tiers.iter();
        let tiers: String = tiers
            .map(|tier| format!(" ({} above {} tokens)", tier.usd.to_plain(), tier.above_input_tokens))
            .collect();
        let charged = if is_alone { String::new() } else { format!("{} ", rate.charged) };
        format!("{charged}{}{tiers}", rate.usd.to_plain())
    };
    let group = |(unit, rates): (&str, Vec<&ExplainedRate>)| {
        format!("{} per {unit}", rates.into_iter().map(one).collect::<Vec<_>>().join(", "))
    };
    groups.into_iter().map(group).collect::<Vec<_>>().join("; ")
}

fn verified(freshness: &Freshness) -> String {
    match freshness.last_verified {
        Some(date) if freshness.stale => format!("{date}, stale"),
        Some(date) => date.to_string(),
        None => "never".to_owned(),
    }
}
