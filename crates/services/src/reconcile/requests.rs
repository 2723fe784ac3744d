//! Request by request: which of the bill's single requests the ledger has, and which of the ledger's the bill.

use super::{
    Asked,
    compare::Model,
    names::Names,
    side::{Quantities, Unit},
};
use crate::{Error, Ledger, instant::iso_8601};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use vg_core::{Modality, Money, UnixMicros};
use vg_providers::statement::{Kind, Row};
use vg_store::{LineQuery, Order};

/// How far apart the two may date one request: they begin to count at different ends of the wire.
const NEAR: i64 = 60_000_000;

/// How many lines are in memory at once.
const PAGE: u32 = 1000;

/// A request that only one side has.
#[derive(Debug, Clone, PartialEq)]
pub struct Unmatched {
    /// When it began.
    pub at: UnixMicros,
    /// The model.
    pub model: Model,
    /// What it is counted in.
    pub unit: Unit,
    /// How much there is of it: tokens, nanoseconds or characters; `None` where nobody knows.
    pub units: Option<i128>,
    /// What it costs, on the side that has it.
    pub cost: Option<Money>,
    /// The ledger's or the provider's id of it.
    pub id: Option<String>,
}

/// The requests that could not be paired.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Requests {
    /// How many were.
    pub matched: u64,
    /// Those of the ledger, the oldest first.
    pub only_in_ledger: Vec<Unmatched>,
    /// Those of the provider, the oldest first.
    pub only_at_provider: Vec<Unmatched>,
}

/// Pairs the ledger's lines with the single requests of a bill: the same model, the same quantity where the bill tells
/// it, within a minute. Refusals are on no bill and take no part.
///
/// # Errors
/// [`Error::NoSingleRequests`] when the bill tells none; [`Error::Off`]; when the ledger cannot be read.
pub async fn requests(ledger: &Ledger, asked: &Asked<'_>, rows: &[Row]) -> Result<Requests, Error> {
    let single: Vec<_> = rows.iter().filter(|row| row.kind == Kind::Requests).collect();
    if single.is_empty() {
        return Err(Error::NoSingleRequests);
    }
    let reader = match ledger {
        Ledger::Off => return Err(Error::Off),
        Ledger::NotBegun(_) => None,
        Ledger::Open(reader) => Some(reader),
    };
    let window = asked.days.window();
    let mut ours = Vec::new();
    let mut next = reader.map(|_| LineQuery {
        since: window.since,
        until: window.until,
        provider: Some(asked.provider.id().to_owned()),
        order: Order::Oldest,
        limit: PAGE,
        ..LineQuery::default()
    });
    while let (Some(reader), Some(query)) = (reader, next.take()) {
        let page = reader.ledger_list(&query).await?;
        ours.extend(page.iter().filter(|line| line.corrects.is_none() && line.usage.is_billed()).map(
            |line| {
                let name = line.model_id.split_once('/').map_or(&*line.model_id, |(_, name)| name);
                let quantities = Quantities::of_usage(&line.usage);
                let unit = Unit::told_in(&quantities).unwrap_or(Unit::of_modality(line.modality));
                Unmatched {
                    at: line.started_at,
                    model: Model { modality: Some(line.modality), name: name.to_owned() },
                    unit,
                    units: unit.count(&quantities),
                    cost: line.cost,
                    id: Some(line.attempt_id.to_string()),
                }
            },
        ));
        next = query.next_page(&page);
    }
    let known: BTreeSet<(Modality, String)> =
        ours.iter().filter_map(|one| Some((one.model.modality?, one.model.name.clone()))).collect();
    let known: Vec<_> = known.into_iter().collect();
    let names = Names::new(&known, asked.provider, asked.book);
    let is_inside = |at: UnixMicros| {
        window.since.is_none_or(|since| at >= since) && window.until.is_none_or(|until| at < until)
    };
    let theirs = single.into_iter().filter_map(|row| {
        let (at, _) = row.span.filter(|(at, _)| is_inside(*at))?;
        let quantities = Quantities::of_usage(&row.usage);
        let found = names.find(&row.model, row.modality).cloned();
        let (modality, name) =
            found.map_or((row.modality, row.model.clone()), |(modality, name)| (Some(modality), name));
        let unit = Unit::told_in(&quantities).or(modality.map(Unit::of_modality))?;
        let model = Model { modality, name };
        let units = unit.count(&quantities);
        Some(Unmatched { at, model, unit, units, cost: row.amount, id: row.request_id.clone() })
    });
    let wanted = |one: &Unmatched| asked.model.is_none_or(|name| one.model.name.eq_ignore_ascii_case(name));
    ours.retain(wanted);
    Ok(pair(ours, theirs.filter(wanted).collect()))
}

impl Requests {
    /// As JSON.
    pub(super) fn json(&self) -> Value {
        let side = |side: &[Unmatched]| -> Vec<Value> {
            side.iter()
                .map(|one| {
                    json!({
                        "timestamp": iso_8601(one.at),
                        "model": one.model.name,
                        "units": one.units.map(|units| units as f64 / one.unit.scale() as f64),
                        "unit": one.unit.label(),
                        "cost_usd": one.cost.map(|cost| cost.to_string()),
                        "id": one.id,
                    })
                })
                .collect()
        };
        json!({
            "matched": self.matched,
            "only_in_ledger": side(&self.only_in_ledger),
            "only_at_provider": side(&self.only_at_provider),
        })
    }
}

fn pair(ours: Vec<Unmatched>, mut theirs: Vec<Unmatched>) -> Requests {
    theirs.sort_by_key(|one| one.at);
    let told: BTreeSet<_> = theirs.iter().map(|one| one.model.modality).collect();
    let mut waiting: BTreeMap<Model, VecDeque<Unmatched>> = BTreeMap::new();
    // A bill of one modality says nothing about the others.
    for one in ours.into_iter().filter(|one| told.contains(&one.model.modality)) {
        waiting.entry(one.model.clone()).or_default().push_back(one);
    }
    let mut found = Requests::default();
    for one in theirs {
        let near = waiting.entry(one.model.clone()).or_default();
        // What is too old for this one is too old for all that follow.
        while let Some(old) = near.pop_front_if(|ours| ours.at.0 < one.at.0 - NEAR) {
            found.only_in_ledger.push(old);
        }
        let is_it = |ours: &Unmatched| {
            ours.at.0 <= one.at.0 + NEAR && (one.units.is_none() || ours.units == one.units)
        };
        match near.iter().position(is_it) {
            Some(place) => {
                near.remove(place);
                found.matched += 1;
            }
            None => found.only_at_provider.push(one),
        }
    }
    found.only_in_ledger.extend(waiting.into_values().flatten());
    found.only_in_ledger.sort_by_key(|one| one.at);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(seconds: i64, units: i128) -> Unmatched {
        Unmatched {
            at: UnixMicros(seconds * 1_000_000),
            model: Model { modality: Some(Modality::Tts), name: "sonic-3".to_owned() },
            unit: Unit::Characters,
            units: Some(units),
            cost: None,
            id: None,
        }
    }

    #[test]
    fn requests_are_paired_by_quantity_and_the_nearest_time() {
        let ours = vec![one(0, 10), one(100, 10), one(100, 20), one(900, 10)];
        let theirs = vec![one(105, 10), one(1, 10), one(400, 10), one(101, 21)];
        let found = pair(ours, theirs);
        assert_eq!(found.matched, 2);
        assert_eq!(found.only_in_ledger, [one(100, 20), one(900, 10)]);
        assert_eq!(found.only_at_provider, [one(101, 21), one(400, 10)]);
    }
}
