//! What a reconciliation found, and how it is written as CSV and JSON.

use super::{
    Asked,
    causes::{Cause, Reason},
    compare::{Compared, HOUR, Model, Pair},
    number::quotient,
    requests::Requests,
    side::Unit,
    zone_text,
};
use crate::csv::Rows;
use chrono::NaiveDate;
use serde_json::{Value, json};
use vg_core::{Modality, Money, config::Tolerances};

/// The columns of the CSV, in order.
const CSV_COLUMNS: [&str; 12] = [
    "model",
    "vg_units",
    "provider_units",
    "units_diff_abs",
    "units_diff_pct",
    "vg_cost_usd",
    "provider_cost_usd",
    "cost_diff_abs",
    "cost_diff_pct",
    "matched_in_vg",
    "matched_in_provider",
    "flagged",
];

/// One model.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportRow {
    /// The model.
    pub model: Model,
    /// What it is counted in.
    pub unit: Unit,
    /// How much the ledger counted; `None` when it has nothing of it.
    pub vg_units: Option<i128>,
    /// How much the provider counted; `None` when it has nothing of it, or tells no quantity.
    pub provider_units: Option<i128>,
    /// What it costs by the ledger.
    pub vg_cost: Option<Money>,
    /// What the provider charges; `None` when it has nothing of it, or tells no amount.
    pub provider_cost: Option<Money>,
    /// Whether the ledger has it.
    pub matched_in_vg: bool,
    /// Whether the provider has it.
    pub matched_in_provider: bool,
    /// Requests of the ledger without a price: their units are counted, their cost is not known.
    pub unpriced: u64,
    /// Whether the costs are too far apart.
    pub flagged: bool,
}

/// Sums over the rows that both sides have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total {
    /// What they cost by the ledger.
    pub vg_cost: Money,
    /// What the provider charges for them.
    pub provider_cost: Money,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Whose bill it is.
    pub provider: &'static str,
    /// The first day.
    pub first: NaiveDate,
    /// The last day.
    pub last: NaiveDate,
    /// The models, by name.
    pub rows: Vec<ReportRow>,
    /// Where the difference comes from.
    pub causes: Vec<Cause>,
    /// What else is to be said.
    pub notes: Vec<String>,
}

impl ReportRow {
    fn new(asked: &Asked<'_>, model: &Model, pair: &Pair) -> ReportRow {
        let unit = pair.unit(model.modality);
        let ours = pair.ours.filter(|ours| !ours.is_nothing());
        let mut row = ReportRow {
            model: model.clone(),
            unit,
            vg_units: ours.map(|ours| unit.count(&ours.quantities).unwrap_or(0)),
            provider_units: pair.theirs.as_ref().and_then(|theirs| unit.count(&theirs.quantities)),
            vg_cost: ours.map(|ours| ours.cost),
            provider_cost: pair.theirs.as_ref().and_then(|theirs| theirs.cost),
            matched_in_vg: ours.is_some(),
            matched_in_provider: pair.theirs.as_ref().is_some_and(|theirs| !theirs.is_nothing()),
            unpriced: ours.map_or(0, |ours| ours.unpriced),
            flagged: false,
        };
        let Tolerances { stt, llm, tts } = asked.tolerances;
        let tolerance = match model.modality {
            Some(Modality::Stt) => stt,
            Some(Modality::Llm) => llm,
            Some(Modality::Tts) => tts,
            // Of sums over several, the narrowest.
            None => stt.min(llm).min(tts),
        };
        row.flagged = row.money().is_some_and(|(ours, theirs)| {
            let more = (theirs.0 - ours.0) as f64;
            if theirs == Money::ZERO {
                more != 0.0
            } else {
                (more / theirs.0 as f64 * 100.0).abs() > tolerance
            }
        });
        row
    }

    /// Both costs, where both are known.
    fn money(&self) -> Option<(Money, Money)> {
        Some((self.vg_cost?, self.provider_cost?))
    }

    /// Whether only one side has it.
    pub const fn is_one_sided(&self) -> bool {
        !(self.matched_in_vg && self.matched_in_provider)
    }

    /// A number of units as reports write it.
    pub fn units(&self, count: Option<i128>, places: u32) -> String {
        self.unit.written(count.unwrap_or(0), places)
    }

    /// How many units more the provider has.
    pub fn more_units(&self) -> Option<i128> {
        Some(self.provider_units? - self.vg_units?)
    }

    /// The same in percent of the provider's; `None` when one side is missing.
    pub fn units_percent(&self, places: u32) -> Option<String> {
        Some(quotient(self.more_units()? * 100, self.provider_units?, places))
    }

    /// How much more the provider charges.
    pub fn more_cost(&self) -> Option<Money> {
        self.money().map(|(ours, theirs)| Money(theirs.0 - ours.0))
    }

    /// The same in percent of the provider's; `None` when one side is missing.
    pub fn cost_percent(&self, places: u32) -> Option<String> {
        let (ours, theirs) = self.money()?;
        Some(quotient((theirs.0 - ours.0) * 100, theirs.0, places))
    }
}

impl Total {
    /// How much more the provider charges.
    pub fn more(&self) -> Money {
        Money(self.provider_cost.0 - self.vg_cost.0)
    }

    /// The same in percent of the provider's; 0 when that is 0.
    pub fn percent(&self, places: u32) -> String {
        quotient(self.more().0 * 100, self.provider_cost.0, places)
    }
}

impl Report {
    pub(super) fn new(asked: &Asked<'_>, compared: &Compared, causes: Vec<Cause>) -> Report {
        let says = |pair: &Pair| {
            pair.theirs.as_ref().is_some_and(|theirs| !theirs.is_nothing())
                || pair.ours.is_some_and(|ours| !ours.is_nothing())
        };
        let mut rows: Vec<_> = compared
            .pairs
            .iter()
            .filter(|(_, pair)| says(pair))
            .map(|(model, pair)| ReportRow::new(asked, model, pair))
            .collect();
        rows.sort_by(|a, b| (&a.model.name, a.model.modality).cmp(&(&b.model.name, b.model.modality)));
        let mut notes = Vec::new();
        if compared.zone != 0 {
            notes.push(format!(
                "the provider's days are those of UTC{}: its dates fit the ledger's hours there",
                zone_text(compared.zone)
            ));
        }
        if compared.offset != 0 {
            notes.push(format!(
                "the bill's days begin {} h after midnight in UTC, and so do those of the ledger here",
                quotient(compared.offset.into(), HOUR.into(), 1)
            ));
        }
        if compared.outside > 0 {
            notes.push(format!(
                "{} row(s) of the bill lie outside these days and were left out",
                compared.outside
            ));
        }
        if compared.unpriced_credits {
            notes.push(format!(
                "the bill is in credits: set `reconcile.providers.{}.usd_per_credit` to compare amounts",
                asked.provider.id()
            ));
        }
        let (first, last) = (asked.days.first(), asked.days.last());
        Report { provider: asked.provider.id(), first, last, rows, causes, notes }
    }

    /// Sums over the rows that both sides have; `None` where there is no such row.
    pub fn total(&self) -> Option<Total> {
        let sums = self.rows.iter().filter_map(ReportRow::money);
        sums.map(|(vg_cost, provider_cost)| Total { vg_cost, provider_cost }).reduce(|sum, row| Total {
            vg_cost: sum.vg_cost + row.vg_cost,
            provider_cost: sum.provider_cost + row.provider_cost,
        })
    }

    /// How many rows are too far apart.
    pub fn flagged(&self) -> usize {
        self.rows.iter().filter(|row| row.flagged).count()
    }

    /// How many rows only one side has.
    pub fn one_sided(&self) -> usize {
        self.rows.iter().filter(|row| row.is_one_sided()).count()
    }

    /// Requests of the ledger without a price.
    pub fn unpriced(&self) -> u64 {
        self.rows.iter().map(|row| row.unpriced).sum()
    }

    /// The unit of all rows; `None` when they are of several.
    pub fn unit(&self) -> Option<Unit> {
        let mut units = self.rows.iter().map(|row| row.unit);
        let first = units.next()?;
        units.all(|unit| unit == first).then_some(first)
    }

    /// What the provider's own quantities of a model cost by our prices: the third side, between the ledger's cost and
    /// what is charged. `None` when one of the two is missing.
    pub fn expected(&self, row: &ReportRow) -> Option<Money> {
        let (ours, _) = row.money()?;
        let of_quantity =
            self.causes.iter().filter(|cause| cause.model == row.model && cause.reason.is_quantity());
        Some(ours + of_quantity.map(|cause| cause.amount).sum())
    }

    /// What no cause explains, in money: other quantities and other prices.
    pub fn unexplained(&self) -> Money {
        self.causes.iter().filter(|cause| !cause.reason.explains()).map(|cause| cause.amount).sum()
    }

    /// The same in quantities, for each unit that rows on both sides are counted in.
    pub fn unexplained_units(&self) -> Vec<(Unit, i128)> {
        let mut sums: Vec<(Unit, i128)> = Vec::new();
        for row in self.rows.iter().filter(|row| !row.is_one_sided()) {
            let of_row =
                self.causes.iter().filter(|cause| cause.model == row.model && !cause.reason.explains());
            let left: i128 = of_row.map(|cause| cause.units).sum();
            match sums.iter_mut().find(|(unit, _)| *unit == row.unit) {
                Some((_, sum)) => *sum += left,
                None => sums.push((row.unit, left)),
            }
        }
        sums
    }

    /// As CSV (RFC 4180), a row a model. What one side lacks is empty where a number would mean something else.
    pub fn csv(&self) -> String {
        let python = |truth: bool| if truth { "True" } else { "False" };
        let mut rows = Rows::default();
        CSV_COLUMNS.iter().for_each(|name| rows.text(name));
        rows.end();
        for row in &self.rows {
            let units = |count: Option<i128>| count.map(|count| row.units(Some(count), 4));
            let money = |amount: Option<Money>| amount.map(|amount| amount.to_fixed(6));
            rows.text(&row.model.name);
            rows.number_or_empty(units(row.vg_units));
            rows.number_or_empty(units(row.provider_units));
            rows.number_or_empty(units(row.more_units()));
            rows.number_or_empty(row.units_percent(4));
            rows.number_or_empty(money(row.vg_cost));
            rows.number_or_empty(money(row.provider_cost));
            rows.number_or_empty(money(row.more_cost()));
            rows.number_or_empty(row.cost_percent(4));
            rows.text(python(row.matched_in_vg));
            rows.text(python(row.matched_in_provider));
            rows.text(python(row.flagged));
            rows.end();
        }
        rows.into_text()
    }

    /// As JSON, with the single requests that only one side has, if those were asked for.
    pub fn json(&self, requests: Option<&Requests>) -> Value {
        let money = |amount: Option<Money>| amount.map_or(Value::Null, |amount| json!(amount.dollars_f64()));
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                let units = |count: Option<i128>| {
                    count.map_or(Value::Null, |count| json!(count as f64 / row.unit.scale() as f64))
                };
                json!({
                    "model": row.model.name,
                    "vg_units": units(row.vg_units),
                    "provider_units": units(row.provider_units),
                    "units_diff_abs": units(row.more_units()),
                    "units_diff_pct": number(row.units_percent(4)),
                    "vg_cost": money(row.vg_cost),
                    "provider_cost": money(row.provider_cost),
                    "expected_cost": money(self.expected(row)),
                    "cost_diff_abs": money(row.more_cost()),
                    // Text, so that no reader rounds it.
                    "cost_diff_exact": row.more_cost().map(|amount| amount.to_string()),
                    "cost_diff_pct": number(row.cost_percent(4)),
                    "matched_in_vg": row.matched_in_vg,
                    "matched_in_provider": row.matched_in_provider,
                    "flagged": row.flagged,
                    "unit": row.unit.label(),
                    "modality": row.model.modality.map(Modality::as_str),
                    "unpriced_requests": row.unpriced,
                    "state": row.state(),
                })
            })
            .collect();
        let causes: Vec<_> = self.causes.iter().map(|cause| self.cause_json(cause)).collect();
        let total = self.total();
        json!({
            "provider": self.provider,
            "period": {"start": self.first.to_string(), "end": self.last.to_string()},
            "rows": rows,
            "total": {
                "vg_cost": money(total.map(|total| total.vg_cost)),
                "provider_cost": money(total.map(|total| total.provider_cost)),
                "diff_abs": money(total.map(|total| total.more())),
                "diff_pct": number(total.map(|total| total.percent(4))),
            },
            "flagged_count": self.flagged(),
            "one_sided_count": self.one_sided(),
            "causes": causes,
            "unexplained_usd": self.unexplained().to_string(),
            "notes": self.notes,
            "requests": requests.map(Requests::json),
        })
    }

    fn cause_json(&self, cause: &Cause) -> Value {
        let unit = self.rows.iter().find(|row| row.model == cause.model).map(|row| row.unit);
        let units = unit.map(|unit| cause.units as f64 / unit.scale() as f64);
        json!({
            "cause": cause.reason.as_str(),
            "model": cause.model.name,
            "detail": cause.reason.detail(),
            "requests": cause.requests.and_then(|requests| i64::try_from(requests).ok()),
            "units": units,
            // Text, so that no reader rounds it.
            "amount_usd": cause.amount.to_string(),
        })
    }
}

impl ReportRow {
    /// `reconciled`, `flagged`, or `not_reconciled` where a side is missing.
    pub fn state(&self) -> &'static str {
        if self.money().is_none() {
            "not_reconciled"
        } else if self.flagged {
            "flagged"
        } else {
            "reconciled"
        }
    }
}

impl Reason {
    /// What there is to say beyond the word.
    pub fn detail(&self) -> Option<String> {
        match self {
            Reason::CutOff { zone } => Some(format!("days of UTC{}", zone_text(*zone))),
            Reason::Revision { date } => Some(format!("the price of {date}")),
            Reason::Discount { basis_points } => {
                Some(format!("{} % off", quotient(i128::from(*basis_points), 100, 2)))
            }
            _ => None,
        }
    }
}

/// A number that was rounded as text.
fn number(text: Option<String>) -> Value {
    text.and_then(|text| text.parse::<f64>().ok()).map_or(Value::Null, |number| json!(number))
}
