//! Reading a price book from JSON, and refusing one that pricing could trip over later.
//!
//! Keys nobody prices by are ignored, so that a data set may grow. Within prices, clauses and constraints every key
//! counts: a rate or a condition of an unknown kind would be charged wrongly, and silently.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::block::{
    ConditionalBlock, Constraint, PriceBlock, Prices, Rate, RateKind, Tier, Tiers, VoiceMultipliers,
};
use super::book::{Book, Model, Notes, Provider};
use super::calendar::Date;
use super::clause::{Clause, Pattern};
use super::error::BookError;
use super::freshness::{PriceOrigin, Provenance};
use crate::decimal::Decimal;

/// Clauses nested deeper than this are refused rather than followed.
const MAX_CLAUSE_DEPTH: usize = 16;

type Loaded<T> = Result<T, BookError>;

/// Loads a book, compiling every regular expression to see that it does.
pub(super) fn book(text: &str) -> Loaded<Book> {
    let digest = Sha256::digest(text.as_bytes());
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let book = trusted_book(text, &hash)?;
    for provider in &book.providers {
        provider.compile_patterns().map_err(|error| error.within("provider", &provider.id))?;
    }
    Ok(book)
}

/// Loads a book known to be valid, leaving its regular expressions for when they are needed.
pub(super) fn trusted_book(text: &str, hash: &str) -> Loaded<Book> {
    #[derive(serde::Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        version: Option<Cow<'a, str>>,
        #[serde(borrow)]
        providers: Vec<&'a RawValue>,
    }
    let envelope = if text.trim_start().starts_with('[') {
        Envelope { version: None, providers: json(text)? }
    } else {
        json(text)?
    };
    let raw_providers: Vec<RawProvider<'_>> = envelope
        .providers
        .iter()
        .enumerate()
        .map(|(index, raw)| {
            json(raw.get()).map_err(|error: BookError| error.within("provider", &index.to_string()))
        })
        .collect::<Loaded<_>>()?;
    let mut indices: HashMap<Box<str>, u16> = HashMap::with_capacity(raw_providers.len());
    for (index, provider) in raw_providers.iter().enumerate() {
        let index = u16::try_from(index).map_err(|_| BookError::new("too many providers"))?;
        if indices.insert((&*provider.id).into(), index).is_some() {
            return Err(BookError::new("the id occurs twice").within("provider", &provider.id));
        }
    }
    let providers = raw_providers
        .iter()
        .map(|raw| raw.load(&indices).map_err(|error| error.within("provider", &raw.id)))
        .collect::<Loaded<_>>()?;
    Ok(Book {
        family: super::book::DATA_SET,
        version: envelope.version.map(|version| (&*version).into()),
        hash: hash.into(),
        providers,
        provider_indices: indices,
    })
}

#[derive(serde::Deserialize)]
struct RawProvider<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    api_pattern: Cow<'a, str>,
    #[serde(borrow)]
    provider_match: Option<&'a RawValue>,
    #[serde(borrow)]
    model_match: Option<&'a RawValue>,
    #[serde(borrow)]
    fallback_model_providers: Option<Vec<Cow<'a, str>>>,
    staleness_threshold_days: Option<i64>,
    #[serde(borrow)]
    pricing_urls: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    models: Vec<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct RawModel<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "match")]
    clause: &'a RawValue,
    #[serde(borrow)]
    prices: &'a RawValue,
    #[serde(default)]
    free: bool,
    #[serde(default)]
    deprecated: bool,
    #[serde(borrow)]
    provenance: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pricing_source_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    price_comments: Option<Cow<'a, str>>,
}

impl RawProvider<'_> {
    fn load(&self, indices: &HashMap<Box<str>, u16>) -> Loaded<Provider> {
        let optional_clause = |raw: Option<&RawValue>, field| {
            raw.map(|raw| clause(raw, 0)).transpose().map_err(|error| error.within("field", field))
        };
        let fallbacks = self.fallback_model_providers.iter().flatten().map(|id| {
            let index = indices.get(&**id).copied();
            index.ok_or_else(|| {
                BookError::new(format!("there is no provider `{id}`"))
                    .within("field", "fallback_model_providers")
            })
        });
        let mut models = Vec::with_capacity(self.models.len());
        let mut ids = std::collections::HashSet::with_capacity(self.models.len());
        let mut literals: HashMap<Box<str>, u32> = HashMap::new();
        let mut clauses = Vec::new();
        for (position, raw) in self.models.iter().enumerate() {
            let raw: RawModel<'_> =
                json(raw.get()).map_err(|error| error.within("model", &position.to_string()))?;
            let index = u32::try_from(position).map_err(|_| BookError::new("too many models"))?;
            let named = |error: BookError| error.within("model", &raw.id);
            let clause = clause(raw.clause, 0).map_err(|error| named(error.within("field", "match")))?;
            let mut take = |literal| {
                literals.entry(literal).or_insert(index);
            };
            clauses.extend(clause.split_off_literals(&mut take).map(|rest| (index, rest)));
            models.push(raw.load().map_err(named)?);
            if !ids.insert(raw.id.clone()) {
                return Err(named(BookError::new("the id occurs twice")));
            }
        }
        literals.shrink_to_fit();
        Ok(Provider {
            id: (&*self.id).into(),
            name: self.name.as_ref().unwrap_or(&self.id).as_ref().into(),
            url_pattern: Pattern::anchored(&self.api_pattern),
            provider_match: optional_clause(self.provider_match, "provider_match")?,
            model_match: optional_clause(self.model_match, "model_match")?,
            fallbacks: fallbacks.collect::<Loaded<_>>()?,
            staleness_threshold_days: self.staleness_threshold_days.unwrap_or(60),
            pricing_url: self.pricing_urls.iter().flatten().next().map(|url| (&**url).into()),
            models: models.into(),
            literals,
            clauses: clauses.into(),
        })
    }
}

impl RawModel<'_> {
    fn load(&self) -> Loaded<Model> {
        let boxed = |text: &Option<Cow<'_, str>>| text.as_deref().map(Into::into);
        let notes = Notes {
            name: boxed(&self.name),
            source_url: boxed(&self.pricing_source_url),
            comment: boxed(&self.price_comments),
        };
        let has_notes = notes.name.is_some() || notes.source_url.is_some() || notes.comment.is_some();
        let provenance = self.provenance.map(provenance).transpose();
        Ok(Model {
            id: (&*self.id).into(),
            prices: prices(self.prices)?,
            free: self.free,
            deprecated: self.deprecated,
            provenance: provenance.map_err(|error| error.within("field", "provenance"))?.map(Box::new),
            notes: has_notes.then(|| Box::new(notes)),
        })
    }
}

impl Provider {
    fn compile_patterns(&self) -> Loaded<()> {
        let compile = |pattern: &Pattern, field| {
            let compiled = pattern.compile();
            compiled.map_err(|error| {
                BookError::new(format!("the regular expression {pattern:?} does not compile: {error}"))
                    .within("field", field)
            })
        };
        compile(&self.url_pattern, "api_pattern")?;
        for (clause, field) in [(&self.provider_match, "provider_match"), (&self.model_match, "model_match")]
        {
            for pattern in clause.iter().flat_map(Clause::patterns) {
                compile(pattern, field)?;
            }
        }
        for (index, clause) in &self.clauses {
            let id = self.models.get(*index as usize).map_or("", |model| &*model.id);
            for pattern in clause.patterns() {
                compile(pattern, "match").map_err(|error| error.within("model", id))?;
            }
        }
        Ok(())
    }
}

fn clause(raw: &RawValue, depth: usize) -> Loaded<Clause> {
    let Entries(entries) = json(raw.get())?;
    let [(kind, value)] = &*entries else {
        return Err(BookError::new(format!("a clause has one key, not {}", entries.len())));
    };
    if depth == MAX_CLAUSE_DEPTH {
        return Err(BookError::new(format!("clauses are nested more than {MAX_CLAUSE_DEPTH} deep")));
    }
    let all = || -> Loaded<Box<[Clause]>> {
        json::<Vec<&RawValue>>(value.get())?.into_iter().map(|raw| clause(raw, depth + 1)).collect()
    };
    match &**kind {
        "or" => Ok(Clause::Or(all()?)),
        "and" => Ok(Clause::And(all()?)),
        kind => {
            let literal: Cow<'_, str> = json(value.get()).map_err(|error| error.within("clause", kind))?;
            Clause::literal(kind, &literal)
                .ok_or_else(|| BookError::new(format!("`{kind}` is no known kind of clause")))
        }
    }
}

/// Reads a price block, or a list of blocks with constraints.
pub(super) fn prices(raw: &RawValue) -> Loaded<Prices> {
    let place = |error: BookError| error.within("field", "prices");
    if !raw.get().starts_with('[') {
        let first = ConditionalBlock { constraint: None, block: block(raw).map_err(place)? };
        return Ok(Prices { first, later: None });
    }
    let entries = json::<Vec<&RawValue>>(raw.get()).map_err(place)?;
    let loaded = entries.into_iter().enumerate().map(|(index, raw)| {
        conditional_block(raw).map_err(|error| error.within("field", &format!("prices[{index}]")))
    });
    let mut blocks = loaded.collect::<Loaded<Vec<_>>>()?.into_iter();
    let first = blocks.next().ok_or_else(|| place(BookError::new("the list of prices is empty")))?;
    Ok(Prices { first, later: Some(blocks.collect()) })
}

fn conditional_block(raw: &RawValue) -> Loaded<ConditionalBlock> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Entry<'a> {
        #[serde(borrow)]
        constraint: Option<&'a RawValue>,
        #[serde(borrow)]
        prices: &'a RawValue,
    }
    let entry: Entry<'_> = json(raw.get())?;
    let constraint = entry.constraint.filter(|raw| raw.get() != "null").map(constraint).transpose();
    Ok(ConditionalBlock {
        constraint: constraint.map_err(|error| error.within("field", "constraint"))?,
        block: block(entry.prices)?,
    })
}

fn constraint(raw: &RawValue) -> Loaded<Constraint> {
    let Entries(entries) = json(raw.get())?;
    let mut entries = entries
        .iter()
        .map(|(key, value)| Ok((&**key, json::<Cow<'_, str>>(value.get())?)))
        .collect::<Loaded<Vec<_>>>()?;
    entries.sort_by_key(|(key, _)| *key);
    let unreadable = |error| BookError::new(error);
    match &*entries {
        [("start_date", date)] => date.parse().map(Constraint::FromDate).map_err(unreadable),
        [("start_timestamp", instant)] => instant.parse().map(Constraint::FromInstant).map_err(unreadable),
        [("end_time", end), ("start_time", start)] => {
            Ok(Constraint::Daily(start.parse().map_err(unreadable)?, end.parse().map_err(unreadable)?))
        }
        other => {
            let keys: Vec<&str> = other.iter().map(|(key, _)| *key).collect();
            Err(BookError::new(format!("no known kind of constraint has the keys `{}`", keys.join("`, `"))))
        }
    }
}

fn block(raw: &RawValue) -> Loaded<PriceBlock> {
    let Entries(entries) = json(raw.get())?;
    let mut rates: Vec<(RateKind, Rate)> = Vec::with_capacity(entries.len());
    let mut voice_multipliers = None;
    for (key, value) in entries.iter().filter(|(_, value)| value.get() != "null") {
        let place = |error: BookError| error.within("field", key);
        if key == "voice_multipliers" {
            voice_multipliers = Some(multipliers(value).map_err(place)?);
            continue;
        }
        let kind = RateKind::ALL.into_iter().find(|kind| kind.name() == key);
        let kind = kind.ok_or_else(|| BookError::new(format!("`{key}` is no known kind of price")))?;
        if rates.iter().any(|(other, _)| *other == kind) {
            return Err(place(BookError::new("the price is given twice")));
        }
        rates.push((kind, rate(value, kind).map_err(place)?));
    }
    Ok(PriceBlock::new(rates, voice_multipliers))
}

fn rate(raw: &RawValue, kind: RateKind) -> Loaded<Rate> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct RawTiers<'a> {
        #[serde(borrow)]
        base: &'a RawValue,
        #[serde(borrow)]
        tiers: Vec<RawTier<'a>>,
    }
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct RawTier<'a> {
        start: u64,
        #[serde(borrow)]
        price: &'a RawValue,
    }
    if !raw.get().starts_with('{') {
        return amount(raw).map(Rate::Flat);
    }
    if !kind.is_per_token() {
        return Err(BookError::new("only prices per token can have tiers"));
    }
    let raw: RawTiers<'_> = json(raw.get())?;
    let mut tiers =
        raw.tiers.iter().map(|tier| Ok((tier.start, amount(tier.price)?))).collect::<Loaded<Vec<_>>>()?;
    tiers.sort_by_key(|(start, _)| *start);
    let tiers = tiers.into_iter().map(|(start, price)| Tier { start: start.into(), price }).collect();
    Ok(Rate::Tiered(Box::new(Tiers { base: amount(raw.base)?, tiers })))
}

fn multipliers(raw: &RawValue) -> Loaded<VoiceMultipliers> {
    let Entries(entries) = json(raw.get())?;
    let classes = entries
        .iter()
        .map(|(class, value)| {
            Ok(((&**class).into(), amount(value).map_err(|error| error.within("class", class))?))
        })
        .collect::<Loaded<Box<[(Box<str>, Decimal)]>>>()?;
    let default =
        classes.iter().find(|(class, _)| **class == *"default").map(|(_, multiplier)| multiplier.clone());
    let default = default.ok_or_else(|| BookError::new("there is no `default` among the multipliers"))?;
    Ok(VoiceMultipliers { default, classes })
}

/// Reads a decimal that is not negative. A string or an integer counts as written; any other number as the shortest
/// text of the float it stands for, which is how the published data treats it.
fn amount(raw: &RawValue) -> Loaded<Decimal> {
    let text = raw.get();
    let parsed = match text.as_bytes() {
        [b'"', ..] => json::<Cow<'_, str>>(text)?.parse(),
        [b'-' | b'0'..=b'9', ..] if text.contains(['.', 'e', 'E']) => {
            text.parse::<f64>().map_err(BookError::new).map(Decimal::try_from)?
        }
        [b'-' | b'0'..=b'9', ..] => text.parse(),
        _ => {
            return Err(BookError::new(format!(
                "expected a number, found `{}`",
                text.chars().take(40).collect::<String>()
            )));
        }
    };
    let amount: Decimal = parsed.map_err(BookError::new)?;
    if amount.is_negative() {
        return Err(BookError::new(format!("`{amount}` is below zero")));
    }
    Ok(amount)
}

fn provenance(raw: &RawValue) -> Loaded<Provenance> {
    #[derive(serde::Deserialize)]
    struct RawProvenance<'a> {
        #[serde(borrow)]
        source: Option<Cow<'a, str>>,
        #[serde(borrow)]
        last_verified: Option<Cow<'a, str>>,
        agent_votes: Option<Votes>,
        #[serde(borrow)]
        estimated_fields: Option<Vec<Cow<'a, str>>>,
    }
    #[derive(serde::Deserialize)]
    struct Votes {
        approve: i64,
        total: i64,
    }
    let raw: RawProvenance<'_> = json(raw.get())?;
    let origin = match raw.source.as_deref() {
        None => None,
        Some("imported") => Some(PriceOrigin::Imported),
        Some("seed") => Some(PriceOrigin::Seed),
        Some(other) => return Err(BookError::new(format!("`{other}` is no known source"))),
    };
    let last_verified = raw.last_verified.as_deref().map(str::parse::<Date>).transpose();
    Ok(Provenance {
        last_verified: last_verified
            .map_err(|error| BookError::new(error).within("field", "last_verified"))?,
        origin,
        unanimous: raw.agent_votes.is_some_and(|votes| votes.total > 0 && votes.approve == votes.total),
        estimated_fields: raw.estimated_fields.iter().flatten().map(|field| (&**field).into()).collect(),
    })
}

fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Loaded<T> {
    serde_json::from_str(text).map_err(BookError::new)
}

/// The members of a JSON object, in order, values unread.
pub(super) struct Entries<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Entries<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    entries.push((key, value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A key, borrowed unless it has escapes: `Cow` alone always copies.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
