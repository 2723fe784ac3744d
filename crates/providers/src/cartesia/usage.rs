//! What Cartesia bills: a credit a character for speaking, credits a second for listening, silence included.
//! Errors are free (<https://cartesia.ai/pricing>, read 2026-11).

use crate::shared::billing;
use vg_core::{
    Modality, Usage,
    provider::{Facts, PriceQuery, PriceRef, Reach},
};

/// Every character of a `transcript` that reached Cartesia is billed, the closing blank of LiveKit's plugin
/// included, and a cancelled context is billed for what was sent. A context that ends with an error is free, even
/// after it began to speak. No message reports any of it.
pub fn bill(facts: &Facts<'_>) -> Usage {
    match (facts.modality, facts.refusal) {
        (Modality::Tts, Some(status)) => {
            billing::characters(&Facts { reach: Reach::Refused(status), ..*facts })
        }
        (Modality::Tts, None) => billing::characters(facts),
        (Modality::Stt | Modality::Llm, _) => billing::audio(facts),
    }
}

/// The book prices every `ink…` as Ink-2 (3 credits a second), though Ink-Whisper costs 1; and every `sonic…`
/// as Sonic-3, whatever comes after it.
pub fn price_ref(query: &PriceQuery<'_>) -> PriceRef {
    let model = query.model.to_ascii_lowercase();
    if model.starts_with("ink") && !is_member(&model, "ink-2") {
        return PriceRef::Unpriced("the price book knows Cartesia's ink-2 only");
    }
    let one_credit_a_character =
        ["sonic", "sonic-2", "sonic-3", "sonic-turbo", "sonic-english", "sonic-multilingual"];
    let is_known = one_credit_a_character.into_iter().any(|family| is_member(&model, family));
    let is_later = model
        .strip_prefix("sonic-")
        .and_then(|rest| rest.chars().next())
        .is_some_and(|c| matches!(c, '4'..='9'));
    if model.starts_with("sonic") && (!is_known || is_later) {
        return PriceRef::Unpriced("the price book has no price for this generation of Sonic");
    }
    let voice_class = query.voice_class.map(str::to_owned);
    PriceRef::Book { provider: "cartesia", model, voice_class }
}

/// Whether a model is the family itself or a snapshot of it, such as `sonic-3-2025-10-27`.
fn is_member(model: &str, family: &str) -> bool {
    model
        .strip_prefix(family)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-') || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vg_core::{Quantity, Source, Status};

    fn reference(model: &str) -> PriceRef {
        price_ref(&PriceQuery { model, ..PriceQuery::default() })
    }

    #[test]
    fn a_context_that_ends_with_an_error_is_free() {
        let wire = Usage::UNKNOWN.with(Quantity::SentCharacters, 40, Source::WireMeasured);
        let cancelled = Facts {
            modality: Modality::Tts,
            model: "sonic-3",
            status: Status::Cancelled,
            reach: Reach::Answered,
            refusal: None,
            wire,
            reported: Usage::UNKNOWN,
            estimated: Usage::UNKNOWN,
        };
        assert_eq!(bill(&cancelled).value(Quantity::Characters), Some(40));
        let failed = bill(&Facts { status: Status::Error, refusal: Some(500), ..cancelled });
        assert_eq!(failed.value(Quantity::Characters), Some(0));
        assert_eq!(failed.value(Quantity::SentCharacters), Some(40));
    }

    #[test]
    fn ink_whisper_is_not_priced_as_ink_2() {
        assert_eq!(reference("ink-2"), PriceRef::book("cartesia", "ink-2"));
        assert!(matches!(reference("ink-whisper"), PriceRef::Unpriced(_)));
        assert!(matches!(reference("inkling"), PriceRef::Unpriced(_)));
    }

    #[test]
    fn a_later_sonic_is_not_priced_as_sonic_3() {
        assert_eq!(reference("sonic-3"), PriceRef::book("cartesia", "sonic-3"));
        assert_eq!(reference("sonic-3-2025-10-27"), PriceRef::book("cartesia", "sonic-3-2025-10-27"));
        assert_eq!(reference("sonic-turbo"), PriceRef::book("cartesia", "sonic-turbo"));
        assert!(matches!(reference("sonic-4"), PriceRef::Unpriced(_)));
    }

    #[test]
    fn a_professional_clone_is_priced_by_its_class() {
        let query = PriceQuery {
            model: "sonic-3",
            voice: Some("v"),
            voice_class: Some("pvc"),
            ..PriceQuery::default()
        };
        let PriceRef::Book { voice_class, .. } = price_ref(&query) else { panic!("not in the book") };
        assert_eq!(voice_class.as_deref(), Some("pvc"));
    }
}
