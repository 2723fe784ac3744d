//! Prices an owner agreed on with a provider: a discount off the list, or rates in place of the listed ones.

use sha2::{Digest, Sha256};

use super::block::{PriceBlock, Rate, RateKind};
use super::calendar::Date;
use crate::decimal::Decimal;

/// A price that holds for an owner in place of the listed one. Days are UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// The provider, in lower case.
    pub provider: Box<str>,
    /// The model, in lower case, as the price list or the ledger names it; `None` is every model of the provider.
    pub model: Option<Box<str>>,
    /// The first day; `None` is since ever.
    pub from: Option<Date>,
    /// The last day; `None` is until further notice.
    pub until: Option<Date>,
    /// What was agreed; `None` changes nothing.
    pub terms: Option<Terms>,
    /// Why, for people.
    pub reason: Box<str>,
}

/// What was agreed with a provider.
#[derive(Debug, Clone, PartialEq)]
pub enum Terms {
    /// So many percent off the listed price, above 0 and at most 100.
    Discount(Decimal),
    /// Rates that go before the listed ones of their kind; the others stay.
    Rates(AgreedRates),
}

/// Rates in place of the listed ones.
#[derive(Debug, Clone, PartialEq)]
pub struct AgreedRates(PriceBlock);

impl AgreedRates {
    /// Rates by kind, in the units of the price data; the first of a kind counts.
    #[must_use]
    pub fn new(rates: impl IntoIterator<Item = (RateKind, Decimal)>) -> Self {
        let mut kept: Vec<(RateKind, Rate)> = Vec::new();
        for (kind, price) in rates {
            if kept.iter().all(|(other, _)| *other != kind) {
                kept.push((kind, Rate::Flat(price)));
            }
        }
        Self(PriceBlock::new(kept, None))
    }

    /// The rate of a kind.
    #[must_use]
    pub fn get(&self, kind: RateKind) -> Option<&Decimal> {
        match self.0.get(kind)? {
            Rate::Flat(price) => Some(price),
            Rate::Tiered(tiers) => Some(&tiers.base),
        }
    }

    /// The rates by kind, in the order of the kinds.
    pub fn iter(&self) -> impl Iterator<Item = (RateKind, &Decimal)> {
        RateKind::ALL.into_iter().filter_map(|kind| Some((kind, self.get(kind)?)))
    }

    pub(super) fn block(&self) -> &PriceBlock {
        &self.0
    }
}

impl Override {
    /// The price it changes, as the configuration writes it: `provider/model` or `provider/*`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.provider, self.model.as_deref().unwrap_or("*"))
    }

    /// Whether it holds on a day.
    #[must_use]
    pub fn holds_on(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }

    /// Whether both change the same price on some day, so that neither could be preferred.
    #[must_use]
    pub fn collides_with(&self, other: &Self) -> bool {
        let begins_in_time =
            |one: &Self, other: &Self| one.from.zip(other.until).is_none_or(|(from, until)| from <= until);
        self.provider == other.provider
            && self.model == other.model
            && begins_in_time(self, other)
            && begins_in_time(other, self)
    }

    /// What was agreed, in words: `12.5 % off`, or the rates under their names in the price data.
    #[must_use]
    pub fn agreed(&self) -> String {
        match &self.terms {
            None => "nothing".to_owned(),
            Some(Terms::Discount(percent)) => format!("{} % off", percent.to_plain()),
            Some(Terms::Rates(rates)) => {
                let written =
                    rates.iter().map(|(kind, price)| format!("{} {}", kind.name(), price.to_plain()));
                written.collect::<Vec<_>>().join(", ")
            }
        }
    }

    pub(super) fn rates(&self) -> Option<&PriceBlock> {
        match &self.terms {
            Some(Terms::Rates(rates)) => Some(rates.block()),
            _ => None,
        }
    }

    /// What remains of each dollar of the listed price; `None` unless a discount was agreed on.
    #[must_use]
    pub fn remainder(&self) -> Option<Decimal> {
        match &self.terms {
            Some(Terms::Discount(percent)) => {
                Some(Decimal::from(100_u64).minus_exactly(percent).divided_by_power_of_ten(2))
            }
            _ => None,
        }
    }

    /// The hash of a book with this override on top: of the override's terms and days, not of its reason.
    pub(super) fn hash_on(&self, book: &str) -> String {
        let day = |day: Option<Date>| day.map_or_else(|| "-".to_owned(), |day| day.to_string());
        let text =
            format!("{book}\n{}\n{}\n{}\n{}", self.name(), day(self.from), day(self.until), self.agreed());
        let digest = Sha256::digest(text.as_bytes());
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}
