//! What one side says of one model: quantities, requests, cost. And in which unit two sides are compared.

use std::ops::AddAssign;
use vg_core::{Modality, Money, Quantity, Source, Usage};

/// Sums of quantities, in the order of [`Quantity::ALL`]; `None` where nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quantities([Option<i128>; Quantity::COUNT]);

impl Quantities {
    /// The sum of a quantity.
    pub fn get(&self, quantity: Quantity) -> Option<i128> {
        self.0.get(quantity as usize).copied().flatten()
    }

    pub(super) fn of(sums: [Option<i128>; Quantity::COUNT]) -> Quantities {
        Quantities(sums)
    }

    pub(super) fn of_usage(usage: &Usage) -> Quantities {
        Quantities(Quantity::ALL.map(|quantity| usage.value(quantity).map(i128::from)))
    }

    /// These, where `other` knows nothing; else what `other` says.
    pub(super) fn replaced_by(self, other: &Quantities) -> Quantities {
        let mut both = self;
        for (slot, theirs) in both.0.iter_mut().zip(other.0) {
            *slot = theirs.or(*slot);
        }
        both
    }

    /// As a usage that can be priced. A sum below zero, as only corrections make it, counts as none.
    pub(super) fn usage(&self) -> Usage {
        let mut usage = Usage::UNKNOWN;
        for quantity in Quantity::ALL {
            if let Some(value) = self.get(quantity) {
                usage.set(
                    quantity,
                    u64::try_from(value.max(0)).unwrap_or(u64::MAX),
                    Source::ProviderReported,
                );
            }
        }
        usage
    }
}

impl AddAssign for Quantities {
    fn add_assign(&mut self, other: Quantities) {
        for (slot, more) in self.0.iter_mut().zip(other.0) {
            *slot = match (*slot, more) {
                (Some(sum), Some(more)) => Some(sum + more),
                (known, None) | (None, known) => known,
            };
        }
    }
}

/// What the ledger says of one model in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ours {
    /// Requests that used something, unpriced ones included: a refusal is on no bill.
    pub requests: u64,
    /// What they used.
    pub quantities: Quantities,
    /// Requests without a price.
    pub unpriced: u64,
    /// What those used.
    pub unpriced_quantities: Quantities,
    /// What the others cost.
    pub cost: Money,
}

impl Ours {
    /// Whether there is nothing to compare: refusals alone.
    pub(super) fn is_nothing(&self) -> bool {
        self.requests == 0 && self.cost == Money::ZERO
    }
}

impl Theirs {
    /// Whether it says that there was nothing, as a day without use does.
    pub(super) fn is_nothing(&self) -> bool {
        let quantities = Quantity::ALL.into_iter().filter_map(|quantity| self.quantities.get(quantity));
        let requests = self.requests.map(i128::from);
        let mut told = quantities.chain(requests).chain(self.cost.map(|cost| cost.0)).peekable();
        // Credits without a price for them are something.
        told.peek().is_some() && told.all(|told| told == 0)
    }
}

impl AddAssign for Ours {
    fn add_assign(&mut self, other: Ours) {
        self.requests += other.requests;
        self.quantities += other.quantities;
        self.unpriced += other.unpriced;
        self.unpriced_quantities += other.unpriced_quantities;
        self.cost = self.cost + other.cost;
    }
}

/// What the provider says of one model in some time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Theirs {
    /// Requests, where every row tells them.
    pub requests: Option<u64>,
    /// What they used.
    pub quantities: Quantities,
    /// What is charged; `None` where no row tells an amount.
    pub cost: Option<Money>,
    /// What it would have cost without discount, where every row with an amount tells it.
    pub list_cost: Option<Money>,
    /// How far the amount can be off because its document rounds it.
    pub rounding: Money,
    /// How far the seconds can be off for the same reason, in nanoseconds.
    pub rows: u64,
}

impl AddAssign for Theirs {
    fn add_assign(&mut self, other: Theirs) {
        // Rows of costs tell no requests, and rows of usage no amounts.
        let sum = |ours: Option<u64>, more: Option<u64>| match (ours, more) {
            (Some(ours), Some(more)) => Some(ours + more),
            (known, None) | (None, known) => known,
        };
        let money = |ours: Option<Money>, more: Option<Money>| match (ours, more) {
            (Some(ours), Some(more)) => Some(ours + more),
            (known, None) | (None, known) => known,
        };
        self.requests = sum(self.requests, other.requests);
        self.quantities += other.quantities;
        self.cost = money(self.cost, other.cost);
        self.list_cost = money(self.list_cost, other.list_cost);
        self.rounding = self.rounding + other.rounding;
        self.rows += other.rows;
    }
}

/// What a model's use is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Prompt and completion tokens together.
    Tokens,
    /// Seconds of audio, or of a session where that is what is billed.
    Seconds,
    /// Characters to speak.
    Characters,
}

impl Unit {
    /// The unit that a modality is billed in, where nothing else is known.
    pub const fn of_modality(modality: Modality) -> Unit {
        match modality {
            Modality::Stt => Unit::Seconds,
            Modality::Llm => Unit::Tokens,
            Modality::Tts => Unit::Characters,
        }
    }

    /// The unit that these quantities are told in.
    pub fn told_in(quantities: &Quantities) -> Option<Unit> {
        let knows = |quantity| quantities.get(quantity).is_some();
        if knows(Quantity::InputTokens) || knows(Quantity::OutputTokens) {
            Some(Unit::Tokens)
        } else if knows(Quantity::AudioNanos) || knows(Quantity::SessionNanos) {
            Some(Unit::Seconds)
        } else {
            knows(Quantity::Characters).then_some(Unit::Characters)
        }
    }

    /// The word in the heads of tables.
    pub const fn label(self) -> &'static str {
        match self {
            Unit::Tokens => "tokens",
            Unit::Seconds => "audio_s",
            Unit::Characters => "chars",
        }
    }

    /// How many of it there are: tokens, nanoseconds or characters.
    pub fn count(self, quantities: &Quantities) -> Option<i128> {
        match self {
            Unit::Tokens => {
                let (input, output) =
                    (quantities.get(Quantity::InputTokens), quantities.get(Quantity::OutputTokens));
                (input.is_some() || output.is_some()).then(|| input.unwrap_or(0) + output.unwrap_or(0))
            }
            Unit::Seconds => {
                quantities.get(Quantity::AudioNanos).or_else(|| quantities.get(Quantity::SessionNanos))
            }
            Unit::Characters => quantities.get(Quantity::Characters),
        }
    }

    /// A number of units as reports write it.
    pub fn written(self, count: i128, places: u32) -> String {
        super::number::quotient(count, self.scale(), places)
    }

    /// How many of what [`Unit::count`] counts make one in reports.
    pub const fn scale(self) -> i128 {
        match self {
            Unit::Seconds => 1_000_000_000,
            Unit::Tokens | Unit::Characters => 1,
        }
    }
}
