//! The price book: providers, their models, and how a reference is resolved to one of them.
//!
//! Lookups follow published list order, first match wins. Nothing is cached: references come from outside, and a
//! cache of them would grow without bound.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use super::block::{PriceBlock, Prices, Rates};
use super::calendar::{Date, Timestamp};
use super::clause::{Clause, Pattern};
use super::error::{BookError, PriceError};
use super::freshness::{Freshness, Provenance};
use super::load;
use super::python_text::{lower, strip};
use super::rate::{Meter, Rated, Unpriced};
use super::usage::PriceUsage;

/// The router whose model names start with the id of the provider routed to.
const LITELLM: &str = "litellm";

/// The published data set, as ledger lines name it.
pub(super) const DATA_SET: &str = "voice-prices";
/// Prices of ours for what the data set misses, as ledger lines name them.
const SUPPLEMENT: &str = "voicegateway-supplement";

const EMBEDDED: &str = include_str!("../../data/prices.json");
/// [`Book::hash`] of the embedded data, so that it need not be worked out at every start; a test keeps it right.
const EMBEDDED_HASH: &str = "f0ff240c07847a3c";
const EMBEDDED_SUPPLEMENT: &str = include_str!("../../data/supplement.json");

/// A set of published prices, immutable once loaded.
#[derive(Debug)]
pub struct Book {
    /// The data set it is a version of.
    pub(super) family: &'static str,
    pub(super) version: Option<Box<str>>,
    pub(super) hash: Box<str>,
    pub(super) providers: Box<[Provider]>,
    pub(super) provider_indices: HashMap<Box<str>, u16>,
}

#[derive(Debug)]
pub(super) struct Provider {
    pub(super) id: Box<str>,
    pub(super) name: Box<str>,
    pub(super) url_pattern: Pattern,
    pub(super) provider_match: Option<Clause>,
    pub(super) model_match: Option<Clause>,
    /// Providers whose models are looked at when this one has none that matches.
    pub(super) fallbacks: Box<[u16]>,
    pub(super) staleness_threshold_days: i64,
    pub(super) pricing_url: Option<Box<str>>,
    pub(super) models: Box<[Model]>,
    /// Models recognised by a whole name: the lowest index for each name.
    pub(super) literals: HashMap<Box<str>, u32>,
    /// What else recognises a model, in list order.
    pub(super) clauses: Box<[(u32, Clause)]>,
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) id: Box<str>,
    pub(super) prices: Prices,
    pub(super) free: bool,
    pub(super) deprecated: bool,
    pub(super) provenance: Option<Box<Provenance>>,
    pub(super) notes: Option<Box<Notes>>,
}

/// Prose about a model, for people only.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) name: Option<Box<str>>,
    pub(super) source_url: Option<Box<str>>,
    pub(super) comment: Option<Box<str>>,
}

/// What a price is asked for: a model as its provider names it, and what is known of the provider.
///
/// With both an id and a URL the id decides. With neither, the first provider that recognises the model does.
#[derive(Debug, Clone, Copy, Default)]
pub struct PriceRef<'a> {
    /// The provider's id, or a name its pattern recognises; case and surrounding white space do not matter.
    pub provider: Option<&'a str>,
    /// The URL calls go to.
    pub url: Option<&'a str>,
    /// The model; case does not matter, white space does.
    pub model: &'a str,
}

/// A model's place in its book: small, and valid for that book only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModelKey {
    provider: u16,
    owner: u16,
    model: u32,
}

/// A model and its prices, as resolved for one provider.
#[derive(Debug, Clone, Copy)]
pub struct ModelPrice<'book> {
    pub(super) book: &'book Book,
    pub(super) provider: &'book Provider,
    pub(super) owner: &'book Provider,
    pub(super) model: &'book Model,
    key: ModelKey,
}

/// Books of the same text are the same book.
impl PartialEq for Book {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Book {
    /// The prices built into this program, loaded at the first call.
    ///
    /// # Panics
    /// Never: the data is part of the program, and a test loads it.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the data is compiled in and a test loads it")]
    pub fn embedded() -> &'static Arc<Self> {
        static BOOK: OnceLock<Arc<Book>> = OnceLock::new();
        BOOK.get_or_init(|| {
            Arc::new(load::trusted_book(EMBEDDED, EMBEDDED_HASH).expect("the embedded prices are valid"))
        })
    }

    /// The prices built into this program for models that the data set misses, each with its source; its version is
    /// the day they were read.
    ///
    /// # Panics
    /// Never: the data is part of the program, and a test loads it.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the data is compiled in and a test loads it")]
    pub fn supplement() -> &'static Arc<Self> {
        static BOOK: OnceLock<Arc<Book>> = OnceLock::new();
        BOOK.get_or_init(|| {
            let book = load::book(EMBEDDED_SUPPLEMENT).expect("the supplement is valid");
            Arc::new(Book { family: SUPPLEMENT, ..book })
        })
    }

    /// Loads prices from JSON: an object with `providers` and `version`, or the bare array of providers. A decimal
    /// may be a string or a number.
    ///
    /// # Errors
    /// The whole text is refused, naming provider, model and field, if anything in it could not be used for pricing
    /// later: a missing or negative price, an empty price list, a price or condition of an unknown kind, a regular
    /// expression that does not compile, voice multipliers without a default, the same id twice.
    pub fn from_json(text: &str) -> Result<Self, BookError> {
        load::book(text)
    }

    /// The version of the data, if it states one.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The first 16 hexadecimal digits of the SHA-256 of the text the book was loaded from.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What ledger lines name as the source of a price: the data set and its version, such as `voice-prices@0.11.0`,
    /// or its hash when it states no version.
    #[must_use]
    pub fn pricing_source(&self) -> String {
        format!("{}@{}", self.family, self.version.as_ref().unwrap_or(&self.hash))
    }

    /// The day a price of this book was last verified: how old the book is. `None` when it does not say.
    #[must_use]
    pub fn verified_on(&self) -> Option<Date> {
        let models = self.providers.iter().flat_map(|provider| &provider.models);
        models.filter_map(|model| model.provenance.as_deref()?.last_verified).max()
    }

    /// The number of models.
    #[must_use]
    pub fn model_count(&self) -> usize {
        self.providers.iter().map(|provider| provider.models.len()).sum()
    }

    /// Every model as `(provider id, model id)`, in list order. A model's id need not be a reference that finds it.
    pub fn models(&self) -> impl Iterator<Item = (&str, &str)> {
        self.providers
            .iter()
            .flat_map(|provider| provider.models.iter().map(|model| (&*provider.id, &*model.id)))
    }

    /// The name of the provider with that id, as it writes itself: `ElevenLabs`.
    #[must_use]
    pub fn provider_name(&self, id: &str) -> Option<&str> {
        Some(&self.provider(*self.provider_indices.get(id)?)?.name)
    }

    /// The price of every model, in list order.
    pub fn prices(&self) -> impl Iterator<Item = ModelPrice<'_>> {
        let keys = self.providers.iter().enumerate().flat_map(|(provider, listed)| {
            (0..listed.models.len()).filter_map(move |model| {
                let provider = u16::try_from(provider).ok()?;
                Some(ModelKey { provider, owner: provider, model: u32::try_from(model).ok()? })
            })
        });
        keys.filter_map(|key| self.get(key))
    }

    /// Resolves a reference.
    ///
    /// # Errors
    /// One of the four lookup errors of [`PriceError`].
    pub fn find(&self, reference: &PriceRef<'_>) -> Result<ModelPrice<'_>, PriceError> {
        let lowered = lower(reference.model);
        let mut model: &str = &lowered;
        let mut provider_id = reference.provider;
        if provider_id.is_some_and(|id| lower(id) == LITELLM)
            && let Some((prefix, rest)) = model.split_once('/')
            && !prefix.is_empty()
            && self.provider_by_id(prefix).is_some()
        {
            (provider_id, model) = (Some(prefix), rest);
        }
        let provider = self.find_provider(model, provider_id, reference.url)?;
        self.find_model(provider, model).ok_or_else(|| PriceError::UnknownModel {
            model: model.into(),
            provider: self.provider(provider).map_or_else(Box::default, |provider| provider.id.clone()),
        })
    }

    /// Resolves a reference written as `provider/model`, or as a model alone.
    ///
    /// # Errors
    /// Those of [`Book::find`], for the reading with a provider if there is a slash.
    pub fn find_text(&self, text: &str) -> Result<ModelPrice<'_>, PriceError> {
        let whole = PriceRef { model: text, ..PriceRef::default() };
        match text.split_once('/') {
            Some((provider, model)) if !provider.is_empty() => self
                .find(&PriceRef { provider: Some(provider), url: None, model })
                // Some model names have a slash of their own.
                .or_else(|error| self.find(&whole).map_err(|_| error)),
            _ => self.find(&whole),
        }
    }

    /// Finds a model by the ids of its provider and itself, which need not be a reference that resolves to it.
    #[must_use]
    pub fn find_by_id(&self, provider: &str, model: &str) -> Option<ModelPrice<'_>> {
        let owner = *self.provider_indices.get(provider)?;
        let index = self.provider(owner)?.models.iter().position(|candidate| *candidate.id == *model)?;
        self.get(ModelKey { provider: owner, owner, model: u32::try_from(index).ok()? })
    }

    /// The model with a key taken from this book.
    #[must_use]
    pub fn get(&self, key: ModelKey) -> Option<ModelPrice<'_>> {
        let owner = self.provider(key.owner)?;
        let model = owner.models.get(key.model as usize)?;
        Some(ModelPrice { book: self, provider: self.provider(key.provider)?, owner, model, key })
    }

    fn provider(&self, index: u16) -> Option<&Provider> {
        self.providers.get(usize::from(index))
    }

    fn provider_by_id(&self, id: &str) -> Option<u16> {
        let lowered = lower(id);
        let id = strip(&lowered);
        // An exact id anywhere in the list comes before any pattern.
        let exact = self.provider_indices.get(id).copied();
        exact.or_else(|| {
            self.first_provider(|provider| {
                provider.provider_match.as_ref().is_some_and(|clause| clause.accepts(id))
            })
        })
    }

    fn first_provider(&self, accepts: impl Fn(&Provider) -> bool) -> Option<u16> {
        self.providers.iter().position(accepts).and_then(|index| u16::try_from(index).ok())
    }

    fn find_provider(&self, model: &str, id: Option<&str>, url: Option<&str>) -> Result<u16, PriceError> {
        if let Some(id) = id {
            if let Some(found) = self.provider_by_id(id) {
                return Ok(found);
            }
            if lower(id) != LITELLM {
                return Err(PriceError::UnknownProvider(id.into()));
            }
        }
        if let Some(url) = url {
            let found = self.first_provider(|provider| provider.url_pattern.is_found_in(url));
            return found.ok_or_else(|| PriceError::UnknownUrl(url.into()));
        }
        let recognises =
            |provider: &Provider| provider.model_match.as_ref().is_some_and(|clause| clause.accepts(model));
        let found = if model.is_empty() { None } else { self.first_provider(recognises) };
        found.ok_or_else(|| PriceError::NoProviderForModel(model.into()))
    }

    /// Looks among the provider's models, then among those of its fallbacks; their own fallbacks do not count.
    fn find_model(&self, provider: u16, model: &str) -> Option<ModelPrice<'_>> {
        let own = std::iter::once(&provider);
        own.chain(&*self.provider(provider)?.fallbacks).find_map(|&owner| {
            let model = self.provider(owner)?.model_index(model)?;
            self.get(ModelKey { provider, owner, model })
        })
    }
}

impl Provider {
    /// The first model that recognises the lower-cased text.
    fn model_index(&self, text: &str) -> Option<u32> {
        let literal = self.literals.get(text).copied();
        let before = literal.unwrap_or(u32::MAX);
        let mut clauses = self.clauses.iter().take_while(|(index, _)| *index < before);
        clauses.find(|(_, clause)| clause.accepts(text)).map(|(index, _)| *index).or(literal)
    }
}

impl<'book> ModelPrice<'book> {
    /// The id of the provider called.
    #[must_use]
    pub fn provider(&self) -> &'book str {
        &self.provider.id
    }

    /// The id of the provider whose list the model is from: another one after a fallback.
    #[must_use]
    pub fn model_provider(&self) -> &'book str {
        &self.owner.id
    }

    /// The model's id.
    #[must_use]
    pub fn model(&self) -> &'book str {
        &self.model.id
    }

    /// Whether the model is published as free of charge.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.model.free
    }

    /// Whether anything can be said of its cost: it is free, or one of its blocks has rates.
    #[must_use]
    pub fn has_price(&self) -> bool {
        self.model.free || self.model.prices.blocks().any(|entry| !entry.block.is_empty())
    }

    /// The model's place in the book, to be kept instead of a borrow.
    #[must_use]
    pub fn key(&self) -> ModelKey {
        self.key
    }

    /// Prices a usage at a time. The time matters only for models whose price depends on it.
    ///
    /// # Errors
    /// Contradictory token counts, or a naive timestamp where the time of day decides; never a lookup error.
    pub fn rate(&self, usage: &PriceUsage, at: Timestamp) -> Result<Rated<'book>, PriceError> {
        self.rate_agreed(None, usage, at)
    }

    /// Prices a usage where some rates were agreed on; those go before the listed ones.
    pub(super) fn rate_agreed(
        &self,
        agreed: Option<&'book PriceBlock>,
        usage: &PriceUsage,
        at: Timestamp,
    ) -> Result<Rated<'book>, PriceError> {
        let (price_index, block) = self.model.prices.in_force(at)?;
        let mut rated = Rates { agreed, listed: Some(block) }.rate(usage)?;
        rated.price_index = price_index;
        if self.model.free {
            rated.unpriced = Unpriced::default();
        }
        Ok(rated)
    }

    /// Sets out what a usage is charged for, meter by meter: what [`ModelPrice::rate`] adds up. Meters of quantity
    /// zero are among them.
    ///
    /// # Errors
    /// Those of [`ModelPrice::rate`].
    pub fn meters(&self, usage: &PriceUsage, at: Timestamp) -> Result<Vec<Meter>, PriceError> {
        self.meters_agreed(None, usage, at)
    }

    /// The meters where some rates were agreed on.
    pub(super) fn meters_agreed(
        &self,
        agreed: Option<&PriceBlock>,
        usage: &PriceUsage,
        at: Timestamp,
    ) -> Result<Vec<Meter>, PriceError> {
        let (_, listed) = self.model.prices.in_force(at)?;
        Rates { agreed, listed: Some(listed) }.meters(usage)
    }

    /// The days on which the price changes, the first one first. A price that is in force only at some time of the
    /// day adds none.
    pub fn revisions(&self) -> impl Iterator<Item = Date> + use<> {
        let starts = self.model.prices.blocks().filter_map(|entry| entry.constraint?.start());
        starts.collect::<BTreeSet<_>>().into_iter()
    }

    /// How far the price can be trusted on a day, by the threshold of the provider called.
    #[must_use]
    pub fn freshness(&self, today: Date) -> Freshness {
        static UNKNOWN: Provenance =
            Provenance { last_verified: None, origin: None, unanimous: false, estimated_fields: Vec::new() };
        let provenance = self.model.provenance.as_deref().unwrap_or(&UNKNOWN);
        provenance.freshness(self.provider.staleness_threshold_days, today)
    }
}
