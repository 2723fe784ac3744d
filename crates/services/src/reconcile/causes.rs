//! Why two sides differ: every picodollar of the difference goes to one cause.

use super::{
    compare::{Compared, Model, Pair},
    number::scaled,
    side::{Ours, Quantities, Theirs, Unit},
};
use std::collections::BTreeMap;
use vg_core::{Modality, Money, UnixMicros, Usage};

/// A number of five digits is off by one part in so many at most.
const FIVE_DIGITS: i128 = 20_000;

/// What prices are asked for.
pub(super) trait Prices {
    /// What a usage costs at an instant; `None` when there is no price.
    fn cost(&self, model: &str, modality: Modality, usage: &Usage, at: UnixMicros) -> Option<Money>;

    /// The dates from which other prices of the model hold, each with an instant at which they do.
    fn revisions(&self, model: &str, modality: Modality) -> Vec<(String, UnixMicros)>;
}

/// Why there is a difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The provider has requests, or a model, that the ledger has not: another client on the key.
    OnlyTheirs,
    /// The ledger has requests, or a model, that the provider has not.
    OnlyOurs,
    /// The same requests, and other quantities.
    Quantity,
    /// Requests that the ledger has no price for.
    Unpriced,
    /// The provider's days begin some hours before (or after) UTC's: what lies at the edges of the period.
    CutOff {
        /// The hours from UTC of the provider's zone.
        zone: i64,
    },
    /// The price that another dated revision of the price book has.
    Revision {
        /// From when on that one holds.
        date: String,
    },
    /// A discount, in hundredths of a percent.
    Discount {
        /// How much.
        basis_points: i64,
    },
    /// Another price than ours, for which there is no better reason.
    Price,
    /// Another amount on a bill that tells no quantity: of other quantities, or at another price.
    Amount,
    /// Digits that are cut off: of amounts in the provider's documents, of prices in a list. At most five in a hundred
    /// thousand.
    Rounding,
}

impl Reason {
    /// The word used in every report.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Reason::OnlyTheirs => "only_at_provider",
            Reason::OnlyOurs => "only_in_ledger",
            Reason::Quantity => "quantity",
            Reason::Unpriced => "unpriced",
            Reason::CutOff { .. } => "cut_off",
            Reason::Revision { .. } => "price_revision",
            Reason::Discount { .. } => "discount",
            Reason::Price => "price",
            Reason::Amount => "amount",
            Reason::Rounding => "rounding",
        }
    }

    /// The words for people.
    pub const fn words(&self) -> &'static str {
        match self {
            Reason::OnlyTheirs => "only at the provider",
            Reason::OnlyOurs => "only in the ledger",
            Reason::Quantity => "other quantities",
            Reason::Unpriced => "no price in the ledger",
            Reason::CutOff { .. } => "days cut elsewhere",
            Reason::Revision { .. } => "another price",
            Reason::Discount { .. } => "discount",
            Reason::Price => "other prices",
            Reason::Amount => "other amounts",
            Reason::Rounding => "rounding",
        }
    }

    /// Whether it is about what was used; the others are about what that costs.
    pub(super) const fn is_quantity(&self) -> bool {
        matches!(
            self,
            Reason::OnlyTheirs
                | Reason::OnlyOurs
                | Reason::Quantity
                | Reason::Unpriced
                | Reason::CutOff { .. }
        )
    }

    /// Whether it says where the difference comes from; the others only say of what kind it is.
    pub const fn explains(&self) -> bool {
        !matches!(self, Reason::Quantity | Reason::Price | Reason::Amount)
    }
}

/// A part of the difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The model.
    pub model: Model,
    /// Why.
    pub reason: Reason,
    /// How many requests more the provider has, where that is known and matters.
    pub requests: Option<i128>,
    /// How many tokens, nanoseconds or characters more the provider has.
    pub units: i128,
    /// How much more the provider charges for it.
    pub amount: Money,
}

/// Splits the whole difference by cause. The amounts of each model add up to what its provider charges more.
pub(super) fn causes(compared: &Compared, prices: &dyn Prices) -> Vec<Cause> {
    let mut sums = Sums::default();
    let mut open = Vec::new();
    for (model, pair) in &compared.pairs {
        let unit = pair.unit(model.modality);
        cut_off(compared, model, pair, unit, &mut sums);
        for (begin, cell) in &pair.cells {
            let (ours, theirs) = (cell.ours.as_ref(), cell.theirs.as_ref());
            let at = UnixMicros(*begin);
            let found = Cell { model, unit, at, prices };
            match (ours.filter(|ours| !ours.is_nothing()), theirs.filter(|theirs| !theirs.is_nothing())) {
                (Some(ours), Some(theirs)) => open.extend(found.split(ours, theirs, &mut sums)),
                (Some(ours), None) if is_billed(pair) => sums.add(
                    (model, Reason::OnlyOurs),
                    Some(-i128::from(ours.requests)),
                    -unit.count(&ours.quantities).unwrap_or(0),
                    Money(-ours.cost.0),
                ),
                (None, Some(theirs)) => sums.add(
                    (model, Reason::OnlyTheirs),
                    theirs.requests.map(i128::from),
                    unit.count(&theirs.quantities).unwrap_or(0),
                    theirs.cost.unwrap_or(Money::ZERO),
                ),
                _ => {}
            }
        }
    }
    settle(open, &mut sums);
    sums.into_causes()
}

/// Whether money of this model can be compared: the provider tells amounts, or has nothing of it at all.
fn is_billed(pair: &Pair) -> bool {
    pair.theirs.as_ref().is_none_or(|theirs| theirs.cost.is_some())
}

/// What lies between UTC's edges of the period and the provider's.
fn cut_off(compared: &Compared, model: &Model, pair: &Pair, unit: Unit, sums: &mut Sums) {
    if compared.zone == 0 || !is_billed(pair) {
        return;
    }
    let mut shifted = Ours::default();
    pair.cells.values().filter_map(|cell| cell.ours).for_each(|ours| shifted += ours);
    let straight = pair.ours.unwrap_or_default();
    let count = |ours: &Ours| unit.count(&ours.quantities).unwrap_or(0);
    sums.add(
        (model, Reason::CutOff { zone: compared.zone }),
        Some(i128::from(shifted.requests) - i128::from(straight.requests)),
        count(&shifted) - count(&straight),
        Money(shifted.cost.0 - straight.cost.0),
    );
}

/// One model in one day, with both sides there.
struct Cell<'a> {
    model: &'a Model,
    unit: Unit,
    at: UnixMicros,
    prices: &'a dyn Prices,
}

/// A difference in price that is a discount or just another price.
struct Open<'a> {
    model: &'a Model,
    /// Whether the bill tells the quantity, so that it is the price that differs.
    tells_quantity: bool,
    expected: i128,
    charged: i128,
    tolerance: i128,
}

impl<'a> Cell<'a> {
    fn cost(&self, quantities: &Quantities, at: UnixMicros) -> Option<i128> {
        let modality = self.model.modality?;
        self.prices.cost(&self.model.name, modality, &quantities.usage(), at).map(|cost| cost.0)
    }

    /// Splits what this day differs by; a difference in price that only the whole bill can explain is left open.
    fn split(&self, ours: &Ours, theirs: &Theirs, sums: &mut Sums) -> Option<Open<'a>> {
        let (model, unit) = (self.model, self.unit);
        let count = |quantities: &Quantities| unit.count(quantities).unwrap_or(0);
        let told = unit.count(&theirs.quantities);
        let more_units = told.map_or(0, |told| told - count(&ours.quantities));
        let more_requests = theirs.requests.map(|requests| i128::from(requests) - i128::from(ours.requests));
        let quantity_reason = match more_requests {
            Some(more) if more > 0 && more_units > 0 => Reason::OnlyTheirs,
            Some(more) if more < 0 && more_units < 0 => Reason::OnlyOurs,
            // Whole seconds on a row are right to half of one.
            _ if unit == Unit::Seconds
                && more_units.abs() * 2 <= unit.scale() * i128::from(theirs.rows)
                && told.is_some_and(|told| told % unit.scale() == 0) =>
            {
                Reason::Rounding
            }
            _ => Reason::Quantity,
        };
        let Some(charged) = theirs.cost.map(|cost| cost.0) else {
            if more_units != 0 {
                sums.add((model, quantity_reason), more_requests, more_units, Money::ZERO);
            }
            return None;
        };
        let mut expected = ours.cost.0;
        // What has no price of ours is taken at the provider's average.
        let unpriced = count(&ours.unpriced_quantities);
        if ours.unpriced > 0 {
            let units = told.unwrap_or_else(|| count(&ours.quantities));
            let amount = scaled(charged, unpriced.min(units.max(0)), units);
            sums.add((model, Reason::Unpriced), None, 0, Money(amount));
            expected += amount;
        }
        if more_units != 0 {
            let amount = self.value(ours, theirs, charged);
            sums.add(
                (model, quantity_reason),
                more_requests.filter(|more| *more != 0),
                more_units,
                Money(amount),
            );
            expected += amount;
        }
        // Ours is rounded once a line, and price lists print a price by the hour with five digits by the second.
        let tolerance = theirs.rounding.0 + i128::from(ours.requests) + expected.abs() / FIVE_DIGITS;
        let left = charged - expected;
        if left.abs() <= tolerance {
            sums.add((model, Reason::Rounding), None, 0, Money(left));
            return None;
        }
        if let Some(list) =
            theirs.list_cost.map(|list| list.0).filter(|list| (list - expected).abs() <= tolerance)
        {
            let basis_points = super::number::divided((list - charged) * 10_000, list);
            let basis_points = i64::try_from(basis_points).unwrap_or(0);
            sums.add((model, Reason::Discount { basis_points }), None, 0, Money(left));
            return None;
        }
        if let Some(date) = self.revision(ours, theirs, charged, tolerance) {
            sums.add((model, Reason::Revision { date }), None, 0, Money(left));
            return None;
        }
        Some(Open { model, tells_quantity: told.is_some(), expected, charged, tolerance })
    }

    /// What the quantities that the provider has more are worth, at what ours cost.
    fn value(&self, ours: &Ours, theirs: &Theirs, charged: i128) -> i128 {
        let both = ours.quantities.replaced_by(&theirs.quantities);
        let priced = self.cost(&ours.quantities, self.at).filter(|cost| *cost != 0);
        match priced.zip(self.cost(&both, self.at)) {
            // The ledger's own rate may be a negotiated one.
            Some((book, with_theirs)) if ours.unpriced == 0 => scaled(ours.cost.0, with_theirs - book, book),
            Some((book, with_theirs)) => with_theirs - book,
            None => {
                let count = |quantities: &Quantities| self.unit.count(quantities).unwrap_or(0);
                let (before, after) = (count(&ours.quantities), count(&both));
                if ours.cost == Money::ZERO {
                    scaled(charged, after - before, after)
                } else {
                    scaled(ours.cost.0, after - before, before)
                }
            }
        }
    }

    /// The revision of our prices that gives what is charged.
    fn revision(&self, ours: &Ours, theirs: &Theirs, charged: i128, tolerance: i128) -> Option<String> {
        let both = ours.quantities.replaced_by(&theirs.quantities);
        let revisions = self.prices.revisions(&self.model.name, self.model.modality?);
        let fits =
            |at: UnixMicros| self.cost(&both, at).is_some_and(|cost| (cost - charged).abs() <= tolerance);
        revisions.into_iter().find(|(_, at)| fits(*at)).map(|(date, _)| date)
    }
}

/// Prices that stayed open: one discount on all of them, one on a model, or simply other prices.
fn settle(open: Vec<Open<'_>>, sums: &mut Sums) {
    let shared = discount(&open.iter().collect::<Vec<_>>());
    let mut by_model: BTreeMap<&Model, Vec<&Open<'_>>> = BTreeMap::new();
    for cell in &open {
        by_model.entry(cell.model).or_default().push(cell);
    }
    for (model, cells) in by_model {
        let tells_quantity = cells.iter().all(|cell| cell.tells_quantity);
        let reason = match shared.or_else(|| discount(&cells)) {
            Some(basis_points) => Reason::Discount { basis_points },
            None if tells_quantity => Reason::Price,
            None => Reason::Amount,
        };
        let left = cells.iter().map(|cell| cell.charged - cell.expected).sum();
        sums.add((model, reason), None, 0, Money(left));
    }
}

/// The discount, in hundredths of a percent, that turns what was expected into what is charged, in every cell.
fn discount(cells: &[&Open<'_>]) -> Option<i64> {
    let (expected, charged) = cells
        .iter()
        .fold((0, 0), |(expected, charged), cell| (expected + cell.expected, charged + cell.charged));
    let basis_points = super::number::divided((expected - charged).checked_mul(10_000)?, expected);
    let fits = |cell: &&Open<'_>| {
        let discounted = scaled(cell.expected, 10_000 - basis_points, 10_000);
        // Half of a hundredth of a percent is what the discount itself is rounded by.
        (discounted - cell.charged).abs() <= cell.tolerance + cell.expected.abs() / 20_000
    };
    let is_one = (1..10_000).contains(&basis_points) && cells.iter().all(fits);
    is_one.then(|| i64::try_from(basis_points).ok()).flatten()
}

/// Causes of the same model and reason, added up.
#[derive(Default)]
struct Sums(BTreeMap<(Model, Reason), (Option<i128>, i128, i128)>);

impl Sums {
    fn add(&mut self, (model, reason): (&Model, Reason), requests: Option<i128>, units: i128, amount: Money) {
        if requests.unwrap_or(0) == 0 && units == 0 && amount == Money::ZERO {
            return;
        }
        let sum = self.0.entry((model.clone(), reason)).or_default();
        sum.0 = requests.map_or(sum.0, |more| Some(sum.0.unwrap_or(0) + more));
        sum.1 += units;
        sum.2 += amount.0;
    }

    fn into_causes(self) -> Vec<Cause> {
        let made = self.0.into_iter().map(|((model, reason), (requests, units, amount))| Cause {
            model,
            reason,
            requests,
            units,
            amount: Money(amount),
        });
        made.collect()
    }
}
