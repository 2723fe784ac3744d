//! Both sides brought together: model by model, and day by day where the bill tells days.

use super::{
    names::Names,
    side::{Ours, Quantities, Theirs, Unit},
};
use std::collections::{BTreeMap, BTreeSet};
use vg_core::{Modality, Money, UnixMicros, Usage, decimal::Decimal, price::Book, provider::Provider};
use vg_providers::statement::{Kind, Row};
use vg_store::HourRow;

pub(super) const HOUR: i64 = 3_600_000_000;
pub(super) const DAY: i64 = 24 * HOUR;

/// The zones of the earth, in hours from UTC, as far as a whole hour tells them.
const ZONES: std::ops::RangeInclusive<i64> = -12..=14;

/// A model, as the ledger names it where it has it; the modality is `None` for sums over several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Model {
    /// The modality.
    pub modality: Option<Modality>,
    /// The name without the provider.
    pub name: String,
}

/// One model in one day, or in the whole period where the bill tells no days.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    /// What the ledger has of the same time; with the provider's days, if those are not UTC's.
    pub ours: Option<Ours>,
    pub theirs: Option<Theirs>,
}

/// Everything of one model.
#[derive(Debug, Clone, Default)]
pub(super) struct Pair {
    /// What the ledger has of the period.
    pub ours: Option<Ours>,
    pub theirs: Option<Theirs>,
    /// By the first instant of the day.
    pub cells: BTreeMap<i64, Cell>,
}

impl Pair {
    /// The unit of the model: the one the bill tells, else that of its modality.
    pub fn unit(&self, modality: Option<Modality>) -> Unit {
        let told = self.theirs.as_ref().and_then(|theirs| Unit::told_in(&theirs.quantities));
        told.or_else(|| modality.map(Unit::of_modality))
            .or_else(|| self.ours.as_ref().and_then(|ours| Unit::told_in(&ours.quantities)))
            .unwrap_or(Unit::Tokens)
    }
}

/// What is compared, and how.
pub(super) struct Frame<'a> {
    pub provider: &'a dyn Provider,
    pub book: &'a Book,
    /// The first instant of the period.
    pub since: UnixMicros,
    /// The first instant behind it.
    pub until: UnixMicros,
    /// Only this model.
    pub model: Option<&'a str>,
    /// What one of the provider's credits costs.
    pub usd_per_credit: Option<Money>,
}

/// The two sides, paired.
pub(super) struct Compared {
    pub pairs: BTreeMap<Model, Pair>,
    /// Hours from UTC at which the provider's days begin, when they are not UTC's.
    pub zone: i64,
    /// How long after midnight in UTC the bill's days begin, in microseconds, where it tells their instants.
    pub offset: i64,
    /// Rows of the bill that lie outside the period.
    pub outside: u64,
    /// Whether credits came without a price for them.
    pub unpriced_credits: bool,
}

/// What a row of a bill becomes.
struct Entry {
    model: Model,
    span: Option<(i64, i64)>,
    kind: Kind,
    theirs: Theirs,
}

impl Frame<'_> {
    /// Pairs the ledger's hours with the rows of a bill. `hours` reach half a day and more beyond the period on both
    /// sides, so that days of other zones can be tried.
    pub(super) fn compare(&self, hours: &[HourRow], rows: &[Row]) -> Compared {
        let prefix = format!("{}/", self.provider.id());
        let name = |row: &HourRow| {
            row.usage.model_id.strip_prefix(&prefix).unwrap_or(&row.usage.model_id).to_owned()
        };
        let known: BTreeSet<_> = hours.iter().map(|row| (row.usage.modality, name(row))).collect();
        let known: Vec<_> = known.into_iter().collect();
        let names = Names::new(&known, self.provider, self.book);
        let inside =
            |row: &&Row| row.span.is_none_or(|(since, _)| (self.since.0..self.until.0).contains(&since.0));
        let mut unpriced_credits = false;
        let mut entries: Vec<_> = rows
            .iter()
            .filter(inside)
            .map(|row| {
                let amount = row.amount.or_else(|| {
                    let credits = row.credits.as_ref()?;
                    let amount = self.usd_per_credit.and_then(|rate| worth(credits, rate));
                    unpriced_credits |= amount.is_none();
                    amount
                });
                entry(row, amount, &names)
            })
            .collect();
        let outside = rows.len() as u64 - entries.len() as u64;
        let mut ours: Vec<_> = hours
            .iter()
            .map(|row| {
                (row.hour * HOUR, Model { modality: Some(row.usage.modality), name: name(row) }, of_hour(row))
            })
            .collect();
        merge_the_nameless(&mut entries, &mut ours);
        let wanted = |model: &Model| self.model.is_none_or(|name| model.name.eq_ignore_ascii_case(name));
        entries.retain(|entry| wanted(&entry.model));
        // A bill of one modality says nothing about the others.
        let told: BTreeSet<_> = entries.iter().map(|entry| entry.model.modality).collect();
        ours.retain(|(_, model, _)| wanted(model) && (told.is_empty() || told.contains(&model.modality)));
        let days = Days::of(&entries);
        let mut pairs: BTreeMap<Model, Pair> = BTreeMap::new();
        join(&entries, &days, self.since.0, &mut pairs);
        let zone = if days.are_dates { self.zone(&pairs, &ours) } else { 0 };
        for (at, model, ours) in ours {
            // Days that begin at another instant than UTC's are compared with the same instants of ours.
            if (self.since.0 + days.offset..self.until.0 + days.offset).contains(&at) {
                *pairs.entry(model.clone()).or_default().ours.get_or_insert_default() += ours;
            }
            let shifted = at + zone * HOUR - days.offset;
            if (self.since.0..self.until.0).contains(&shifted) {
                let pair = pairs.entry(model).or_default();
                let cell = pair.cells.entry(days.begin_of(shifted, self.since.0)).or_default();
                *cell.ours.get_or_insert_default() += ours;
            }
        }
        Compared { pairs, zone, offset: days.offset, outside, unpriced_credits }
    }

    /// The zone whose days fit the bill's dates far better than UTC's do; 0 when none does.
    fn zone(&self, pairs: &BTreeMap<Model, Pair>, ours: &[(i64, Model, Ours)]) -> i64 {
        let told = |pair: &Pair, unit: Unit| {
            pair.theirs.as_ref().and_then(|theirs| unit.count(&theirs.quantities)).filter(|whole| *whole > 0)
        };
        let distance = |zone: i64| -> f64 {
            // What the provider has more of a model on a day, and what it has of it in all.
            let mut days: BTreeMap<(&Model, i64), (i128, i128)> = BTreeMap::new();
            for (model, pair) in pairs {
                let unit = pair.unit(model.modality);
                let Some(whole) = told(pair, unit) else { continue };
                for (day, cell) in &pair.cells {
                    let count = cell.theirs.as_ref().and_then(|theirs| unit.count(&theirs.quantities));
                    days.entry((model, *day)).or_insert((0, whole)).0 += count.unwrap_or(0);
                }
            }
            for (at, model, ours) in ours {
                let shifted = at + zone * HOUR;
                let Some((model, pair)) = pairs.get_key_value(model) else { continue };
                let unit = pair.unit(model.modality);
                let Some(whole) = told(pair, unit) else { continue };
                if (self.since.0..self.until.0).contains(&shifted) {
                    let day = shifted - shifted.rem_euclid(DAY);
                    let count = unit.count(&ours.quantities).unwrap_or(0);
                    days.entry((model, day)).or_insert((0, whole)).0 -= count;
                }
            }
            days.values().map(|(left, whole)| left.unsigned_abs() as f64 / *whole as f64).sum()
        };
        let here = distance(0);
        let best = ZONES.map(|zone| (zone, distance(zone))).min_by(|a, b| {
            // Of equals the nearest to UTC.
            a.1.total_cmp(&b.1).then(a.0.abs().cmp(&b.0.abs()))
        });
        best.filter(|(_, there)| *there < here / 4.0).map_or(0, |(zone, _)| zone)
    }
}

/// What credits cost, rounded once.
fn worth(credits: &Decimal, usd_per_credit: Money) -> Option<Money> {
    let picos = credits * &Decimal::from(usd_per_credit.to_column().ok()?);
    picos.to_scaled_integer(0).ok().map(Money)
}

fn of_hour(row: &HourRow) -> Ours {
    let quantities = Quantities::of(row.usage.quantities);
    Ours {
        requests: row.usage.used,
        quantities,
        unpriced: if row.is_unpriced { row.usage.requests } else { 0 },
        unpriced_quantities: if row.is_unpriced { quantities } else { Quantities::default() },
        cost: row.usage.cost,
    }
}

/// The name of charges that are of no model: a credit, a fee, a tax.
const OTHER_CHARGES: &str = "(other charges)";

fn entry(row: &Row, amount: Option<Money>, names: &Names<'_>) -> Entry {
    let quantities = Quantities::of_usage(&row.usage);
    let inferred = || {
        Unit::told_in(&quantities).map(|unit| match unit {
            Unit::Tokens => Modality::Llm,
            Unit::Seconds => Modality::Stt,
            Unit::Characters => Modality::Tts,
        })
    };
    let model = match names.find(&row.model, row.modality) {
        Some((modality, name)) if !row.model.is_empty() => {
            Model { modality: Some(*modality), name: name.clone() }
        }
        _ if row.model.is_empty() && row.usage == Usage::UNKNOWN && row.credits.is_none() => {
            Model { modality: row.modality, name: OTHER_CHARGES.to_owned() }
        }
        _ => Model { modality: row.modality.or_else(inferred), name: row.model.clone() },
    };
    let half = |places: u32| 10i128.pow(Money::SCALE.saturating_sub(places)) / 2;
    Entry {
        model,
        span: row.span.map(|(since, until)| (since.0, until.0)),
        kind: row.kind,
        theirs: Theirs {
            requests: row.requests,
            quantities,
            cost: amount,
            list_cost: row.list_amount,
            rounding: row.amount.map_or(Money::ZERO, |_| Money(half(row.amount_places))),
            rows: 1,
        },
    }
}

/// Where a bill has sums over all models, ours become sums too: of a modality, or of everything.
fn merge_the_nameless(entries: &mut [Entry], ours: &mut [(i64, Model, Ours)]) {
    let nameless: BTreeSet<_> = entries
        .iter()
        .filter(|entry| entry.model.name.is_empty())
        .map(|entry| entry.model.modality)
        .collect();
    if nameless.is_empty() {
        return;
    }
    let merge = |model: &mut Model| {
        if model.name == OTHER_CHARGES {
        } else if nameless.contains(&None) {
            *model = Model { modality: None, name: "(all models)".to_owned() };
        } else if let Some(modality) = model.modality.filter(|_| nameless.contains(&model.modality)) {
            model.name = format!("(all {modality} models)");
        }
    };
    entries.iter_mut().for_each(|entry| merge(&mut entry.model));
    ours.iter_mut().for_each(|(_, model, _)| merge(model));
}

/// How a bill cuts time.
struct Days {
    /// Whether every row is of one day at most; else the period is compared as one.
    are_told: bool,
    /// Whether they are dates: whole days that begin at midnight in UTC, which may be some other midnight.
    are_dates: bool,
    /// How long after midnight in UTC they begin.
    offset: i64,
}

impl Days {
    fn of(entries: &[Entry]) -> Days {
        let spans = || entries.iter().map(|entry| entry.span);
        let are_told = spans().all(|span| span.is_some_and(|(since, until)| until - since <= DAY));
        let are_whole = are_told && spans().flatten().all(|(since, until)| until - since == DAY);
        let first = spans().flatten().next().map_or(0, |(since, _)| since.rem_euclid(DAY));
        let is_shared = are_whole && spans().flatten().all(|(since, _)| since.rem_euclid(DAY) == first);
        Days {
            are_told: are_told && !entries.is_empty(),
            are_dates: is_shared && first == 0,
            offset: if is_shared { first } else { 0 },
        }
    }

    /// The first instant of the day that `at`, counted in these days, belongs to.
    fn begin_of(&self, at: i64, since: i64) -> i64 {
        if self.are_told { at - at.rem_euclid(DAY) } else { since }
    }
}

/// Adds up the rows of each model and day. Of quantities that documents of usage and of costs both tell, those of
/// usage count.
fn join(entries: &[Entry], days: &Days, since: i64, pairs: &mut BTreeMap<Model, Pair>) {
    let tells_usage =
        |entry: &&Entry| entry.kind != Kind::Cost && entry.theirs.quantities != Quantities::default();
    let told: BTreeSet<&Model> = entries.iter().filter(tells_usage).map(|entry| &entry.model).collect();
    for entry in entries {
        let mut theirs = entry.theirs.clone();
        if entry.kind == Kind::Cost && told.contains(&entry.model) {
            theirs.quantities = Quantities::default();
        }
        let begin = entry.span.map_or(since, |(begin, _)| days.begin_of(begin - days.offset, since));
        let pair = pairs.entry(entry.model.clone()).or_default();
        *pair.theirs.get_or_insert_default() += theirs.clone();
        *pair.cells.entry(begin).or_default().theirs.get_or_insert_default() += theirs;
    }
}
