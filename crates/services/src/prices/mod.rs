//! Prices at the desk: what a line would cost by other prices, what is listed, what changed between two books, and
//! which book is installed.

mod installed;
mod list;
mod repriced;

pub use installed::{InstallError, Installed, installed_path};
pub use list::{ListArgs, ListedPrice, MODALITIES, price_list};
pub use repriced::{Basis, RepriceArgs, Repriced, RepricedModel, reprice_summary};

use std::borrow::Cow;
use vg_core::{
    Line, Money,
    config::Config,
    price::{Book, NoPrice, Product},
    provider::{PriceQuery, PriceRef, Provider},
};
use vg_providers::{registry, unlisted::Unlisted};

/// What a line's usage costs by a book, at the instant the request began; `None` when that book has no price for it,
/// or when the line is a correction, which has no usage of its own. No override and no supplement takes part.
pub fn reprice(line: &Line, book: &Book) -> Option<Money> {
    let asked = Asked::of(line)?;
    book.cost(&asked.reference, &line.usage, line.started_at).ok()
}

/// What a line's usage costs by the prices that a configuration puts in force: the book, the supplement and the
/// overrides of the line's project, at the instant the request began. `None` as for [`reprice`].
pub fn reprice_by(line: &Line, config: &Config) -> Option<Money> {
    let asked = Asked::of(line)?;
    let charged: Result<_, NoPrice> =
        config.tariff(&line.project).cost(&asked.product(line), &line.usage, line.started_at);
    charged.ok().map(|charge| charge.cost)
}

/// Which price a line's request meant, by its provider's rule; `None` for a correction.
pub fn price_ref(line: &Line) -> Option<PriceRef> {
    Asked::of(line).map(|asked| asked.reference)
}

/// A line's request, as its price depends on it.
pub(crate) struct Asked<'a> {
    model: &'a str,
    reference: PriceRef,
}

impl<'a> Asked<'a> {
    pub(crate) fn of(line: &'a Line) -> Option<Asked<'a>> {
        if line.corrects.is_some() {
            return None;
        }
        let model = line.model_id.strip_prefix(&*line.provider).and_then(|rest| rest.strip_prefix('/'));
        let model = model.unwrap_or(&line.model_id);
        let facts = line.metadata.as_deref().map(serde_json::from_str::<PriceFacts<'_>>);
        // What cannot be read says nothing, as what is not there.
        let facts = facts.and_then(Result::ok).unwrap_or_default();
        let listed =
            registry::find(&line.provider).filter(|known| known.modalities().contains(&line.modality));
        let provider: &dyn Provider = listed.unwrap_or(&Unlisted);
        let reference = provider.price_ref(&PriceQuery {
            model,
            language: facts.language.as_deref(),
            streaming: facts.mode.as_deref() != Some("batch"),
            voice: facts.voice.as_deref(),
            voice_class: facts.voice_class.as_deref(),
        });
        Some(Asked { model, reference })
    }
}

impl Asked<'_> {
    /// The request of that line as a tariff asks for it.
    pub(crate) fn product<'s>(&'s self, line: &'s Line) -> Product<'s> {
        Product { provider: &line.provider, model: self.model, reference: &self.reference }
    }
}

/// What a line's metadata says that its price depends on.
#[derive(Debug, Default, serde::Deserialize)]
struct PriceFacts<'a> {
    #[serde(borrow)]
    language: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mode: Option<Cow<'a, str>>,
    #[serde(borrow)]
    voice: Option<Cow<'a, str>>,
    #[serde(borrow)]
    voice_class: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests;
