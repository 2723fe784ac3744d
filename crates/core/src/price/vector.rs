//! Pricing questions as lines of JSON, and their answers: the format differential tests of price engines use.
//!
//! A question is one object, of the form its keys tell:
//! - `model_ref`: the price of a `usage` of a model, with `provider_id` and `provider_api_url`;
//! - `prices`: the price of a `usage` under the block, or list of blocks, given in the line, `free` or not;
//! - `today`: the freshness of the price of a `model` of a `provider`, both by id.
//!
//! Counts are integers, as numbers of any size or as strings; seconds and minutes are decimals, as strings or as
//! numbers, which count as written. Keys that no form has are ignored, except within `usage`.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::book::{Book, PriceRef};
use super::calendar::Timestamp;
use super::error::{PriceError, VectorError};
use super::freshness::Freshness;
use super::load::{self, Entries};
use super::rate::{Rated, Unpriced};
use super::usage::{PriceUsage, Quantity};
use crate::decimal::Decimal;

type Answer = Result<Map<String, Value>, VectorError>;

/// Answers one line: the `id`, if the line has one, then either the price or freshness asked for, or `error` and
/// `message` if the engine finds none. `now` stands in for a missing `timestamp` or `today`.
///
/// # Errors
/// If the line is not a question; unknown models and contradictory counts are answers.
pub fn answer(book: &Book, line: &str, now: Timestamp) -> Answer {
    let question = Question::read(line)?;
    let body = match (question.has("model_ref"), question.has("prices"), question.has("today")) {
        (true, false, false) => question.price(book, now)?,
        (false, true, false) => question.price_of_block(now)?,
        (false, false, true) => question.freshness(book, now)?,
        _ => {
            let problem = "exactly one of the keys `model_ref`, `prices` and `today` must be there";
            return Err(VectorError::Shape(problem.to_owned()));
        }
    };
    let mut answer = Map::new();
    if let Some(id) = id(line) {
        answer.insert("id".to_owned(), id);
    }
    answer.extend(body);
    Ok(answer)
}

/// The `id` of a line, if it is an object with one: for the answer to a line that [`answer`] refuses.
#[must_use]
pub fn id(line: &str) -> Option<Value> {
    serde_json::from_str(Question::read(line).ok()?.raw("id")?.get()).ok()
}

struct Question<'a> {
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Question<'a> {
    fn read(line: &'a str) -> Result<Self, VectorError> {
        let Entries(entries) =
            serde_json::from_str(line).map_err(|error| VectorError::Shape(error.to_string()))?;
        Ok(Self { entries })
    }

    fn has(&self, key: &str) -> bool {
        self.raw(key).is_some()
    }

    fn raw(&self, key: &str) -> Option<&'a RawValue> {
        self.entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    fn value<T: serde::Deserialize<'a>>(&self, key: &str) -> Result<Option<T>, VectorError> {
        match self.raw(key) {
            Some(raw) => serde_json::from_str(raw.get()).map_err(|error| field(key, error)),
            None => Ok(None),
        }
    }

    fn required(&self, key: &str) -> Result<String, VectorError> {
        self.value(key)?.ok_or_else(|| field(key, "a string is required"))
    }

    fn parsed<T: std::str::FromStr<Err: ToString>>(&self, key: &str) -> Result<Option<T>, VectorError> {
        let text: Option<String> = self.value(key)?;
        text.map(|text| text.parse().map_err(|error: T::Err| field(key, error))).transpose()
    }

    fn price(&self, book: &Book, now: Timestamp) -> Answer {
        let (model, provider, url): (_, Option<String>, Option<String>) =
            (self.required("model_ref")?, self.value("provider_id")?, self.value("provider_api_url")?);
        let at = self.parsed("timestamp")?.unwrap_or(now);
        let usage = self.usage()?;
        let reference = PriceRef { provider: provider.as_deref(), url: url.as_deref(), model: &model };
        let found = match book.find(&reference) {
            Ok(found) => found,
            Err(error) => return Ok(error_object(&error)),
        };
        Ok(match found.rate(&usage, at) {
            Ok(rated) => object(json!({
                "provider": found.provider(),
                "model": found.model(),
                "model_provider": found.model_provider(),
                "price_index": rated.price_index,
            }))
            .into_iter()
            .chain(rated_object(&rated))
            .collect(),
            Err(error) => error_object(&error),
        })
    }

    fn price_of_block(&self, now: Timestamp) -> Answer {
        let raw = self.raw("prices").ok_or_else(|| field("prices", "is required"))?;
        let prices = load::prices(raw)?;
        let free = self.value("free")?.unwrap_or(false);
        let at = self.parsed("timestamp")?.unwrap_or(now);
        let usage = self.usage()?;
        let rated = prices.in_force(at).and_then(|(index, block)| {
            let mut rated = block.rates().rate(&usage)?;
            rated.price_index = index;
            if free {
                rated.unpriced = Unpriced::default();
            }
            Ok(rated)
        });
        Ok(match rated {
            Ok(rated) => {
                let mut answer = rated_object(&rated);
                answer.insert("price_index".to_owned(), rated.price_index.into());
                answer
            }
            Err(error) => error_object(&error),
        })
    }

    fn freshness(&self, book: &Book, now: Timestamp) -> Answer {
        let (provider, model) = (self.required("provider")?, self.required("model")?);
        let today = self.parsed("today")?.unwrap_or(now.local_date());
        let reference = PriceRef { provider: Some(&provider), url: None, model: &model };
        let found = book.find_by_id(&provider, &model).map_or_else(|| book.find(&reference), Ok);
        Ok(match found {
            Ok(found) => freshness_object(&found.freshness(today)),
            Err(error) => error_object(&error),
        })
    }

    fn usage(&self) -> Result<PriceUsage, VectorError> {
        let Some(Entries(entries)) = self.value("usage")? else { return Ok(PriceUsage::new()) };
        let mut usage = PriceUsage::new();
        for (key, raw) in entries.iter().filter(|(_, raw)| raw.get() != "null") {
            let path = format!("usage.{key}");
            if key == "voice_class" {
                let class: String = serde_json::from_str(raw.get()).map_err(|error| field(&path, error))?;
                usage.voice_class = Some(class.into());
                continue;
            }
            let quantity = Quantity::ALL.into_iter().find(|quantity| quantity.name() == key);
            let quantity = quantity.ok_or_else(|| field(&path, "is no known quantity"))?;
            usage.set(quantity, amount(quantity, raw).map_err(|problem| field(&path, problem))?);
        }
        Ok(usage)
    }
}

fn amount(quantity: Quantity, raw: &RawValue) -> Result<Decimal, String> {
    let text: Cow<'_, str> = match raw.get().as_bytes() {
        [b'"', ..] => serde_json::from_str::<String>(raw.get()).map_err(|error| error.to_string())?.into(),
        [b'-' | b'0'..=b'9', ..] => raw.get().into(),
        _ => return Err(format!("expected a number or a string, found `{:.40}`", raw.get())),
    };
    if !quantity.is_whole() {
        return text.parse().map_err(|error: crate::decimal::DecimalError| error.to_string());
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("expected an integer, found `{text:.40}`"));
    }
    let count: Decimal = text.parse().map_err(|error: crate::decimal::DecimalError| error.to_string())?;
    // An integer has no negative zero.
    Ok(if count.is_zero() { Decimal::ZERO } else { count })
}

fn rated_object(rated: &Rated<'_>) -> Map<String, Value> {
    let parts: Map<String, Value> = rated
        .parts
        .charged()
        .map(|(part, amount)| (part.name().to_owned(), amount.to_plain().into()))
        .collect();
    let raw = [&rated.total, &rated.input, &rated.output].map(Decimal::to_python_str);
    let unpriced: Vec<&str> = rated.unpriced.iter().map(Quantity::name).collect();
    object(json!({
        "total": rated.total.to_plain(),
        "input": rated.input.to_plain(),
        "output": rated.output.to_plain(),
        "parts": parts,
        "raw": raw,
        "voice_multiplier": rated.voice_multiplier.map(Decimal::to_python_str),
        "unpriced": unpriced,
        "warned": rated.voice_class_unknown,
    }))
}

fn freshness_object(freshness: &Freshness) -> Map<String, Value> {
    object(json!(freshness))
}

fn error_object(error: &PriceError) -> Map<String, Value> {
    object(json!({ "error": error.python_exception(), "message": error.to_string() }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn field(field: &str, problem: impl ToString) -> VectorError {
    VectorError::Field { field: field.to_owned(), problem: problem.to_string() }
}
