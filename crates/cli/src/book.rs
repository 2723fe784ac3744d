//! The price book in force, and what is to be said of it.

use crate::{Printer, Settings};
use std::borrow::Cow;
use vg_core::{
    Modality,
    price::{Book, Date, Tariff, Timestamp},
};
use vg_services::costs::{CostSummary, UnpricedModel};

/// The UTC day.
pub(crate) fn today() -> Date {
    Timestamp::from_unix_microseconds(chrono::Utc::now().timestamp_micros()).local_date()
}

/// Warns of a book in force that nobody verified for longer than the owner allows.
pub(crate) fn warn_of_age(settings: &Settings, printer: &mut Printer) {
    let limit = i64::from(settings.config.prices.stale_after_days);
    let Ok(project) = settings.config.default_project() else { return };
    let book = settings.config.tariff(project).book();
    let Some(verified) = book.verified_on() else { return };
    let age = today().days_since(verified);
    if limit > 0 && age > limit {
        printer.warning(&format!(
            "no price of {} was verified since {verified}, {age} days ago",
            book.pricing_source()
        ));
        printer.hint("bring newer prices with `voicegw prices update FILE`; `prices.stale_after_days` says how old is old");
    }
}

/// A book as people tell it from others: its version and its hash.
pub(crate) fn name(book: &Book) -> String {
    format!("{} ({})", book.pricing_source(), book.hash())
}

/// The models that no list and no override has a price of; those of which some requests only have no known usage are
/// none of them.
pub(crate) fn without_price<'a>(summary: &'a CostSummary, tariff: &Tariff) -> Vec<&'a UnpricedModel> {
    let has_price = |unpriced: &&UnpricedModel| {
        let (provider, model) = unpriced.model.split_once('/').unwrap_or((&unpriced.model, ""));
        let quote = tariff.quote(provider, model, today());
        quote.agreed.is_some_and(|agreed| agreed.remainder().is_none())
            || quote.listed.is_some_and(|listed| listed.has_price())
    };
    summary.unpriced_models.iter().filter(|unpriced| !has_price(unpriced)).collect()
}

/// Says what can be done about requests whose model has no price.
pub(crate) fn hint_at_unpriced(summary: &CostSummary, tariff: &Tariff, printer: &mut Printer) {
    let unpriced = without_price(summary, tariff);
    let Some(first) = unpriced.first() else { return };
    let rates = match first.modality {
        Modality::Stt => "input_audio_kseconds: USD",
        Modality::Llm => "input_mtok: USD, output_mtok: USD",
        Modality::Tts => "input_kchars: USD",
    };
    let names: Vec<_> = unpriced.iter().map(|unpriced| unpriced.model.as_str()).collect();
    printer.hint(&format!(
        "no price is known of {}: write one into voicegw.yaml, `prices: {{ overrides: [{{ model: {}, {rates} }}] }}`, \
         or bring newer prices with `voicegw prices update FILE`",
        names.join(", "),
        scalar(&first.model)
    ));
}

/// A name as YAML takes it for one value.
fn scalar(name: &str) -> Cow<'_, str> {
    if name.chars().all(|character| character.is_alphanumeric() || "/._-@+".contains(character)) {
        name.into()
    } else {
        serde_json::Value::from(name).to_string().into()
    }
}
