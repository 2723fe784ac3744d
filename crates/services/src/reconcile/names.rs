//! Which model of the ledger a name on a bill means.
//!
//! A bill may name the dated snapshot that served (`gpt-4o-mini-2024-07-18`) or the voice's own model
//! (`aura-2-thalia-en`) where the agent asked for the family. So a name is looked for as it stands, then without
//! the date at its end, then as the same entry of the price book.

use vg_core::{
    Modality,
    price::{Book, ModelKey, PriceRef as BookRef},
    provider::{PriceQuery, PriceRef, Provider},
};

/// The models of the ledger, to find names of bills among.
pub(super) struct Names<'a> {
    ours: &'a [(Modality, String)],
    provider: &'a dyn Provider,
    book: &'a Book,
}

impl<'a> Names<'a> {
    pub(super) fn new(ours: &'a [(Modality, String)], provider: &'a dyn Provider, book: &'a Book) -> Self {
        Names { ours, provider, book }
    }

    /// The model meant, as the ledger names it, and its modality. A name that fits none stays as it is.
    pub(super) fn find(&self, name: &str, modality: Option<Modality>) -> Option<&'a (Modality, String)> {
        let fits = |ours: &&(Modality, String)| modality.is_none_or(|modality| ours.0 == modality);
        let all = || self.ours.iter().filter(fits);
        let same = |wanted: &str| all().find(|ours| ours.1.eq_ignore_ascii_case(wanted));
        same(name).or_else(|| same(without_date(name)?)).or_else(|| {
            let mut alike = all().filter(|ours| {
                let wanted = self.entry(name, ours.0);
                wanted.is_some() && self.entry(&ours.1, ours.0) == wanted
            });
            // Two of ours under one price are told apart by nothing.
            alike.next().filter(|_| alike.next().is_none())
        })
    }

    fn entry(&self, model: &str, modality: Modality) -> Option<ModelKey> {
        let query = PriceQuery { model, streaming: modality != Modality::Llm, ..PriceQuery::default() };
        let PriceRef::Book { provider, model, .. } = self.provider.price_ref(&query) else { return None };
        let found = self.book.find(&BookRef { provider: Some(provider), url: None, model: &model });
        found.ok().map(|price| price.key())
    }
}

/// The name of the model that `name` is a snapshot of: `-2024-07-18` or `-20250219` cut off its end.
fn without_date(name: &str) -> Option<&str> {
    let is_date = |text: &str, dashes: &[usize]| {
        text.bytes()
            .enumerate()
            .all(|(place, byte)| if dashes.contains(&place) { byte == b'-' } else { byte.is_ascii_digit() })
    };
    [(11, &[0, 5, 8][..]), (9, &[0][..])].into_iter().find_map(|(length, dashes)| {
        let (stem, date) = name.split_at_checked(name.len().checked_sub(length)?)?;
        (!stem.is_empty() && is_date(date, dashes)).then_some(stem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_its_model() {
        for (name, model) in [
            ("gpt-4o-mini-2024-07-18", Some("gpt-4o-mini")),
            ("claude-sonnet-4-5-20250929", Some("claude-sonnet-4-5")),
            ("gpt-4.1", None),
            ("-2024-07-18", None),
            ("nova-3", None),
            ("ö2024-07-18", None),
        ] {
            assert_eq!(without_date(name), model, "{name}");
        }
    }
}
