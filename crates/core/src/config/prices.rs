//! `prices`, for all projects and for one: which book holds, what fills its gaps, and what the owner agreed on.

use super::{
    Config,
    links::Target,
    problems::Position,
    reader::{Reader, Unknown},
    text::Text,
};
use crate::{
    decimal::Decimal,
    price::{AgreedRates, Book, Date, Override, RateKind, Tariff, Terms},
};
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

/// Days without a verified price after which a book is called old: what the data set itself calls stale.
const STALE_AFTER_DAYS: u32 = 60;

/// What requests cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    /// The file of the price book; `None` is the installed or the embedded one.
    pub book: Option<Text>,
    /// Whether the supplement fills the book's gaps.
    pub supplement: bool,
    /// Days after which the book in force is warned of; 0 is never.
    pub stale_after_days: u32,
    /// What the owner agreed on, in the order of the file.
    pub overrides: Vec<Override>,
    /// The book that was read from a file.
    pub(super) in_force: Option<Arc<Book>>,
}

impl Default for Prices {
    fn default() -> Self {
        Prices {
            book: None,
            supplement: true,
            stale_after_days: STALE_AFTER_DAYS,
            overrides: Vec::new(),
            in_force: None,
        }
    }
}

/// Reads the section; what it leaves out is as in `shared`, whose overrides stay its own.
pub(super) fn prices(s: &mut Reader<'_>, shared: &Prices, meaning: &'static str) -> Prices {
    s.section("prices", Unknown::Refuse, meaning, |s| {
        let book =
            s.optional_text("book", "the file of the price book, in place of the installed or embedded one");
        let supplement =
            s.switch("supplement", shared.supplement, "fill the book's gaps with sourced prices of ours");
        let stale_after_days = s.integer(
            "stale_after_days",
            shared.stale_after_days,
            0..,
            "days after which an unverified book is warned of; 0 is never",
        );
        let overrides = s.items("overrides", Unknown::Refuse, "negotiated rates and discounts", one);
        for (index, (this, at)) in overrides.iter().enumerate() {
            let before = overrides.iter().take(index);
            let collision = before.enumerate().find(|(_, (other, _))| this.collides_with(other));
            if let Some((earlier, _)) = collision {
                let reason = format!("holds on days on which overrides[{earlier}] holds for the same price");
                s.problem(&format!("overrides[{index}]"), reason, *at);
            }
        }
        let overrides = overrides.into_iter().map(|(agreed, _)| agreed).collect();
        Prices { book, supplement, stale_after_days, overrides, in_force: None }
    })
}

fn one(s: &mut Reader<'_>) -> (Override, Position) {
    const DAY: &str = "day, such as 2026-01-31";
    let day = |text: &str| text.parse::<Date>().map_err(|_| format!("must be a {DAY}, not `{text}`"));
    let (provider, model) = s.parsed_name("model");
    let from = s.optional("from", DAY, "the first UTC day it holds; none is since ever", day);
    let until = s.optional("until", DAY, "the last UTC day it holds; none is until further notice", day);
    if from.zip(until).is_some_and(|(from, until)| until < from) {
        s.problem("until", "lies before `from`", s.position_of("until"));
    }
    let discount = s.optional("discount", "percent, such as 12.5%", "off the listed price", percent);
    let rates: Vec<_> = RateKind::ALL
        .into_iter()
        .filter_map(|kind| Some((kind, s.optional(kind.name(), "USD", kind.meaning(), usd)?)))
        .collect();
    let reason = s.optional_text("reason", "why, for people");
    if let (Some(_), Some((kind, _))) = (&discount, rates.first()) {
        s.problem(kind.name(), "stands beside `discount`; give one of both", s.position_of(kind.name()));
    }
    if discount.is_none() && rates.is_empty() {
        s.warn("model", "has neither a discount nor a price, so it changes nothing");
    }
    s.points_to("model", if discount.is_some() { Target::ListedPrice } else { Target::Price });
    let terms = match discount {
        Some(percent) => Some(Terms::Discount(percent)),
        None if rates.is_empty() => None,
        None => Some(Terms::Rates(AgreedRates::new(rates))),
    };
    let reason = reason.as_ref().map_or("", |reason| reason.shown()).into();
    (Override { provider, model, from, until, terms, reason }, s.position_of("model"))
}

impl Reader<'_> {
    /// The price an override is of: a provider and a model, or all models of one.
    fn parsed_name(&mut self, key: &'static str) -> (Box<str>, Option<Box<str>>) {
        const EXAMPLE: &str = "provider/model";
        let name = self.text_or(
            key,
            EXAMPLE,
            "the price, as `voicegw prices show` names it; `provider/*` is all of one",
        );
        if self.find(key).is_none() {
            self.problem(key, "is required", self.position_of(key));
        }
        let name = name.get().unwrap_or_default().to_lowercase();
        match name.split_once('/') {
            Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
                (provider.into(), Some(model).filter(|model| *model != "*").map(Into::into))
            }
            _ => {
                let reason = format!("must be `provider/model` or `provider/*`, not `{name}`");
                self.problem(key, reason, self.position_of(key));
                (name.as_str().into(), None)
            }
        }
    }
}

/// Reads a percentage above 0 and at most 100, with or without its sign.
fn percent(text: &str) -> Result<Decimal, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<Decimal>().ok();
    let hundred = Decimal::from(100_u64);
    number
        .filter(|percent| percent.is_positive() && *percent <= hundred)
        .ok_or_else(|| format!("must be a percentage above 0 and at most 100, such as 12.5%, not `{text}`"))
}

/// Reads a price of at least 0, exactly.
fn usd(text: &str) -> Result<Decimal, String> {
    let number = text.parse::<Decimal>().ok().filter(|price| !price.is_negative());
    number.ok_or_else(|| format!("must be an amount in USD of at least 0, such as 0.0125, not `{text}`"))
}

/// What each project's requests cost, made when it is first asked for.
#[derive(Debug, Clone, Default)]
pub struct Tariffs(OnceLock<Arc<Made>>);

/// They follow from the rest of the configuration.
impl PartialEq for Tariffs {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Made {
    shared: Arc<Tariff>,
    /// Of the projects that have prices of their own.
    own: HashMap<String, Arc<Tariff>>,
}

impl Tariffs {
    pub(super) fn of<'a>(&'a self, config: &Config, project: &str) -> &'a Arc<Tariff> {
        let made = self.0.get_or_init(|| Arc::new(Made::of(config)));
        made.own.get(project).unwrap_or(&made.shared)
    }
}

impl Made {
    fn of(config: &Config) -> Made {
        let shared = &config.prices;
        let tariff = |prices: &Prices, own: &[Override]| {
            let book =
                prices.in_force.as_ref().or(shared.in_force.as_ref()).unwrap_or_else(|| Book::embedded());
            let supplement = prices.supplement.then(|| Arc::clone(Book::supplement()));
            Arc::new(Tariff::new(Arc::clone(book), supplement, own, &shared.overrides))
        };
        let differs = |own: &Prices| {
            !own.overrides.is_empty() || own.in_force.is_some() || own.supplement != shared.supplement
        };
        let own = config.projects.iter().filter(|(_, project)| differs(&project.prices));
        Made {
            shared: tariff(shared, &[]),
            own: own
                .map(|(id, project)| (id.clone(), tariff(&project.prices, &project.prices.overrides)))
                .collect(),
        }
    }
}
