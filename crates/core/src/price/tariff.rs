//! A tariff: what one project's requests cost. The owner's overrides lie over a book, and a supplement fills what the
//! book misses. Made once for a configuration; pricing a request allocates nothing for it.

use std::sync::{Arc, LazyLock};

use super::agreed::Override;
use super::block::{PriceBlock, Rates};
use super::book::{Book, ModelPrice, PriceRef};
use super::calendar::{Date, Timestamp};
use super::error::{NoPrice, PriceError};
use super::rate::{Meter, Rated};
use super::usage::PriceUsage;
use crate::decimal::Decimal;
use crate::{Money, UnixMicros, Usage, provider};

/// What a line says of its price: where it is from, and the hash by which it can be found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// `pricing_source`, such as `voice-prices@0.11.0` or `voice-prices@0.11.0+override`.
    pub source: Arc<str>,
    /// `price_book`: the hash of the book, the override on top of it included.
    pub book: Arc<str>,
}

impl Stamp {
    fn of(book: &Book) -> Self {
        Self { source: book.pricing_source().into(), book: book.hash().into() }
    }

    fn with(&self, agreed: &Override) -> Self {
        let source = format!("{}+override", self.source);
        Self { source: source.into(), book: agreed.hash_on(&self.book).into() }
    }
}

/// What local runtimes are priced by: exactly 0.
static LOCAL: LazyLock<Stamp> =
    LazyLock::new(|| Stamp { source: "voicegateway-local".into(), book: "".into() });

/// What a request costs, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Charge<'a> {
    /// The cost, rounded once, half to even.
    pub cost: Money,
    /// What the line says of it.
    pub stamp: &'a Stamp,
    /// The override that was applied, if one was.
    pub agreed: Option<&'a Override>,
}

/// What a request costs, and what for.
#[derive(Debug, Clone)]
pub struct Metered<'a> {
    /// The cost of it all.
    pub charge: Charge<'a>,
    /// The listed price, if a list has the model.
    pub listed: Option<ModelPrice<'a>>,
    /// What the cost was worked out from; the exact amounts add up to it before it is rounded.
    pub meters: Vec<Meter>,
}

/// A request, as far as its price depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Product<'a> {
    /// The provider's type, as the ledger names it.
    pub provider: &'a str,
    /// The model, as the ledger names it after the provider.
    pub model: &'a str,
    /// Which price its provider's rule says it means.
    pub reference: &'a provider::PriceRef,
}

/// The price of a model, without a usage.
#[derive(Debug, Clone, Copy)]
pub struct Quote<'a> {
    /// The listed price, if a list has the model.
    pub listed: Option<ModelPrice<'a>>,
    /// The override that holds.
    pub agreed: Option<&'a Override>,
    /// What lines say of the price; `None` when there is none.
    pub stamp: Option<&'a Stamp>,
}

/// What the requests of a project cost.
#[derive(Debug)]
pub struct Tariff {
    book: (Arc<Book>, Stamp),
    supplement: Option<(Arc<Book>, Stamp)>,
    /// Those of the project first.
    overrides: Box<[Entry]>,
}

/// An override, and what lines say that it applied to.
#[derive(Debug)]
struct Entry {
    is_own: bool,
    agreed: Override,
    remainder: Option<Decimal>,
    on_book: Stamp,
    on_supplement: Option<Stamp>,
    /// Without any listed price below.
    alone: Stamp,
}

/// A price that was found, and what it was worked out from.
struct Found<'a> {
    charge: Charge<'a>,
    listed: Option<ModelPrice<'a>>,
    entry: Option<&'a Entry>,
    billed: Option<Billed>,
}

/// How closely an override names a price, the closest first.
#[derive(Clone, Copy, PartialEq)]
enum Named {
    Reference,
    Listed,
    Provider,
}

impl Tariff {
    /// A tariff of a book, a supplement to it, and overrides: the project's own and, behind them, the shared ones.
    #[must_use]
    pub fn new(
        book: Arc<Book>,
        supplement: Option<Arc<Book>>,
        own: &[Override],
        shared: &[Override],
    ) -> Self {
        let stamped = |book: Arc<Book>| {
            let stamp = Stamp::of(&book);
            (book, stamp)
        };
        let (book, supplement) = (stamped(book), supplement.map(stamped));
        let entry = |(is_own, agreed): (bool, &Override)| Entry {
            is_own,
            remainder: agreed.remainder(),
            on_book: book.1.with(agreed),
            on_supplement: supplement.as_ref().map(|(_, stamp)| stamp.with(agreed)),
            alone: Stamp { source: "voicegateway-override".into(), book: agreed.hash_on("").into() },
            agreed: agreed.clone(),
        };
        let all = own.iter().map(|agreed| (true, agreed)).chain(shared.iter().map(|agreed| (false, agreed)));
        let overrides = all.filter(|(_, agreed)| agreed.terms.is_some()).map(entry).collect();
        Self { book, supplement, overrides }
    }

    /// The book in force.
    #[must_use]
    pub fn book(&self) -> &Arc<Book> {
        &self.book.0
    }

    /// What fills the book's gaps, if anything does.
    #[must_use]
    pub fn supplement(&self) -> Option<&Arc<Book>> {
        self.supplement.as_ref().map(|(book, _)| book)
    }

    /// The overrides, the project's own first, and whether they are its own.
    pub fn overrides(&self) -> impl Iterator<Item = (bool, &Override)> {
        self.overrides.iter().map(|entry| (entry.is_own, &entry.agreed))
    }

    /// What lines say of a price from the book alone.
    #[must_use]
    pub fn stamp(&self) -> &Stamp {
        &self.book.1
    }

    /// Prices a request at the instant it began.
    ///
    /// # Errors
    /// [`NoPrice`] says why it has none.
    pub fn cost(&self, product: &Product<'_>, usage: &Usage, at: UnixMicros) -> Result<Charge<'_>, NoPrice> {
        self.find(product, usage, at).map(|found| found.charge)
    }

    /// Prices a request and sets out what it is charged for, meter by meter. What runs on the owner's machine has no
    /// meters.
    ///
    /// # Errors
    /// [`NoPrice`] says why it has no price.
    pub fn meters(
        &self,
        product: &Product<'_>,
        usage: &Usage,
        at: UnixMicros,
    ) -> Result<Metered<'_>, NoPrice> {
        let Found { charge, listed, entry, billed } = self.find(product, usage, at)?;
        let agreed = entry.and_then(|entry| entry.agreed.rates());
        let mut meters = match (&billed, &listed) {
            (Some(billed), Some(listed)) => listed.meters_agreed(agreed, &billed.0, at.into())?,
            (Some(billed), None) => Rates { agreed, listed: None }.meters(&billed.0)?,
            (None, _) => Vec::new(),
        };
        if let Some(remainder) = entry.and_then(|entry| entry.remainder.as_ref()) {
            for meter in &mut meters {
                meter.price = &meter.price * remainder;
            }
        }
        Ok(Metered { charge, listed, meters })
    }

    fn find(&self, product: &Product<'_>, usage: &Usage, at: UnixMicros) -> Result<Found<'_>, NoPrice> {
        let (listed, voice_class) = match product.reference {
            provider::PriceRef::Local => {
                let charge = Charge { cost: Money::ZERO, stamp: &LOCAL, agreed: None };
                return Ok(Found { charge, listed: None, entry: None, billed: None });
            }
            provider::PriceRef::Book { provider, model, voice_class } => {
                (Ok((*provider, &**model)), voice_class.as_deref())
            }
            provider::PriceRef::Unpriced(reason) => (Err(NoPrice::NotListed(reason)), None),
        };
        // The supplement knows what the book would take for another product by the name it is asked for.
        let (provider, model) = *listed.as_ref().unwrap_or(&(product.provider, product.model));
        let reference = PriceRef { provider: Some(provider), url: None, model };
        let day = Timestamp::from(at).local_date();
        // The reason of the book goes before that of the supplement.
        let mut why = None;
        let mut billed = None;
        for (is_book, list) in [(true, Some(&self.book)), (false, self.supplement.as_ref())] {
            let Some((list, stamp)) = list.filter(|_| !is_book || listed.is_ok()) else { continue };
            let found = match list.find(&reference) {
                Ok(found) => found,
                Err(error) => {
                    why.get_or_insert(NoPrice::from(error));
                    continue;
                }
            };
            let entry = self.entry(provider, model, Some(found.model()), day);
            let billing = match &mut billed {
                Some(billed) => billed,
                None => billed.insert(Billed::of(usage, voice_class)?),
            };
            match billing.money(entry, |agreed, usage| found.rate_agreed(agreed, usage, at.into())) {
                Ok(cost) => {
                    let stamp = match entry {
                        None => stamp,
                        Some(entry) if is_book => &entry.on_book,
                        Some(entry) => entry.on_supplement.as_ref().unwrap_or(&entry.on_book),
                    };
                    let charge = Charge { cost, stamp, agreed: entry.map(|entry| &entry.agreed) };
                    return Ok(Found { charge, listed: Some(found), entry, billed });
                }
                Err(reason) => {
                    why.get_or_insert(reason);
                }
            }
        }
        let entry = self.entry(provider, model, None, day).filter(|entry| entry.agreed.rates().is_some());
        if let Some(entry) = entry {
            let billed = billed.map_or_else(|| Billed::of(usage, voice_class), Ok)?;
            let cost =
                billed.money(Some(entry), |agreed, usage| Rates { agreed, listed: None }.rate(usage))?;
            let charge = Charge { cost, stamp: &entry.alone, agreed: Some(&entry.agreed) };
            return Ok(Found { charge, listed: None, entry: Some(entry), billed: Some(billed) });
        }
        // That the book must not be asked says more than that the supplement has nothing.
        Err(listed.err().or(why).unwrap_or(NoPrice::NoQuantity))
    }

    /// The price that a reference has on a day: the listed one, the override of it, and what lines will say.
    #[must_use]
    pub fn quote(&self, provider: &str, model: &str, day: Date) -> Quote<'_> {
        let reference = PriceRef { provider: Some(provider), url: None, model };
        let known = |list: &Book| list.find(&reference).ok().is_some_and(|found| found.has_price());
        let is_book = known(self.book());
        let list = match &self.supplement {
            Some(supplement) if !is_book && known(&supplement.0) => supplement,
            _ => &self.book,
        };
        let listed = list.0.find(&reference).ok();
        let entry = self.entry(provider, model, listed.as_ref().map(ModelPrice::model), day);
        let stamp = match (entry, &listed) {
            (None, None) => None,
            (None, Some(_)) => Some(&list.1),
            (Some(entry), None) => entry.agreed.rates().map(|_| &entry.alone),
            (Some(entry), Some(_)) if std::ptr::eq(list, &self.book) => Some(&entry.on_book),
            (Some(entry), Some(_)) => entry.on_supplement.as_ref(),
        };
        Quote { listed, agreed: entry.map(|entry| &entry.agreed), stamp }
    }

    /// The override for a price: the project's before the shared one, the closest name first.
    fn entry(&self, provider: &str, model: &str, listed: Option<&str>, day: Date) -> Option<&Entry> {
        if self.overrides.is_empty() {
            return None;
        }
        let matches = |entry: &Entry, named: Named| {
            let name = entry.agreed.model.as_deref();
            entry.agreed.provider.eq_ignore_ascii_case(provider)
                && entry.agreed.holds_on(day)
                && match named {
                    Named::Reference => name.is_some_and(|name| name.eq_ignore_ascii_case(model)),
                    Named::Listed => {
                        name.zip(listed).is_some_and(|(name, listed)| name.eq_ignore_ascii_case(listed))
                    }
                    Named::Provider => name.is_none(),
                }
        };
        [true, false].into_iter().find_map(|is_own| {
            [Named::Reference, Named::Listed, Named::Provider].into_iter().find_map(|named| {
                self.overrides.iter().find(|entry| entry.is_own == is_own && matches(entry, named))
            })
        })
    }
}

/// A usage in the price book's terms.
struct Billed(PriceUsage);

impl Billed {
    fn of(usage: &Usage, voice_class: Option<&str>) -> Result<Self, NoPrice> {
        let mut billed = PriceUsage::of(usage).ok_or(NoPrice::NoQuantity)?;
        billed.voice_class = voice_class.map(Into::into);
        Ok(Self(billed))
    }

    /// Rates, takes off a discount and rounds.
    fn money<'a>(
        &self,
        entry: Option<&'a Entry>,
        rate: impl FnOnce(Option<&'a PriceBlock>, &PriceUsage) -> Result<Rated<'a>, PriceError>,
    ) -> Result<Money, NoPrice> {
        let rated = rate(entry.and_then(|entry| entry.agreed.rates()), &self.0)?;
        if !rated.unpriced.is_empty() {
            return Err(NoPrice::NoRate(rated.unpriced));
        }
        let total = match entry.and_then(|entry| entry.remainder.as_ref()) {
            Some(remainder) => &rated.total * remainder,
            None => rated.total,
        };
        Ok(total.to_scaled_integer(Money::SCALE).map(Money)?)
    }
}

impl Book {
    /// Prices a request by this book alone: no override, no supplement.
    ///
    /// # Errors
    /// [`NoPrice`] says why it has none.
    pub fn cost(
        &self,
        reference: &provider::PriceRef,
        usage: &Usage,
        at: UnixMicros,
    ) -> Result<Money, NoPrice> {
        match reference {
            provider::PriceRef::Local => Ok(Money::ZERO),
            provider::PriceRef::Unpriced(reason) => Err(NoPrice::NotListed(reason)),
            provider::PriceRef::Book { provider, model, voice_class } => {
                let found = self.find(&PriceRef { provider: Some(provider), url: None, model })?;
                Billed::of(usage, voice_class.as_deref())?
                    .money(None, |agreed, usage| found.rate_agreed(agreed, usage, at.into()))
            }
        }
    }
}
