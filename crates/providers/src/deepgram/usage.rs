//! What Deepgram bills: audio seconds per channel for listening, characters for speaking.

use crate::shared::billing;
use vg_core::{
    Modality, Usage,
    provider::{Facts, PriceQuery, PriceRef},
};

/// Streaming audio is billed by its duration, not by the life of the socket: the documentation calls the pauses
/// that KeepAlive bridges non-billable, and the closing `Metadata.duration` counts audio. LiveKit's plugin
/// assumes socket life instead; the usage export tells who is right, so the ledger keeps both quantities.
pub fn bill(facts: &Facts<'_>) -> Usage {
    match facts.modality {
        Modality::Tts => billing::characters(facts),
        Modality::Stt | Modality::Llm => billing::audio(facts),
    }
}

/// The price book keeps what no API reports as ids of their own: code-switching (`language=multi`) as
/// `nova-3-multilingual`, pre-recorded audio with the suffix `-batch`.
pub fn price_ref(query: &PriceQuery<'_>) -> PriceRef {
    let model = query.model.to_ascii_lowercase();
    if model.starts_with("aura") {
        return aura(model);
    }
    let family = if matches!(model.as_str(), "nova-3" | "nova-3-general") && query.language == Some("multi") {
        "nova-3-multilingual"
    } else {
        model.as_str()
    };
    if query.streaming {
        return PriceRef::book("deepgram", family);
    }
    match family {
        "nova-3-multilingual" => PriceRef::book("deepgram", "nova-3-multilingual-batch"),
        _ if family.starts_with("nova-3") => PriceRef::book("deepgram", "nova-3-batch"),
        _ if family.starts_with("nova-2") => PriceRef::book("deepgram", "nova-2-batch"),
        _ if family.starts_with("whisper") => PriceRef::book("deepgram", family),
        _ => PriceRef::Unpriced("the price book has only the streaming price of this Deepgram model"),
    }
}

/// The book takes every `aura-…` that is not Aura-2 for Aura-1, later generations included.
fn aura(model: String) -> PriceRef {
    let generation = model.strip_prefix("aura-").and_then(|rest| rest.chars().next());
    match generation {
        Some('2') | None => PriceRef::book("deepgram", model),
        Some(first) if first.is_ascii_digit() && first != '1' => {
            PriceRef::Unpriced("the price book knows Aura-1 and Aura-2 only")
        }
        Some(_) => PriceRef::book("deepgram", model),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(model: &str, language: Option<&str>, streaming: bool) -> PriceRef {
        price_ref(&PriceQuery { model, language, streaming, ..PriceQuery::default() })
    }

    #[test]
    fn code_switching_has_its_own_price() {
        assert_eq!(
            reference("nova-3", Some("multi"), true),
            PriceRef::book("deepgram", "nova-3-multilingual")
        );
        assert_eq!(
            reference("nova-3-general", Some("multi"), true),
            PriceRef::book("deepgram", "nova-3-multilingual")
        );
        assert_eq!(reference("nova-3", Some("en-US"), true), PriceRef::book("deepgram", "nova-3"));
        assert_eq!(reference("nova-2", Some("multi"), true), PriceRef::book("deepgram", "nova-2"));
    }

    #[test]
    fn pre_recorded_audio_has_its_own_price() {
        assert_eq!(reference("nova-3", None, false), PriceRef::book("deepgram", "nova-3-batch"));
        assert_eq!(
            reference("nova-3", Some("multi"), false),
            PriceRef::book("deepgram", "nova-3-multilingual-batch")
        );
        assert_eq!(reference("nova-2-phonecall", None, false), PriceRef::book("deepgram", "nova-2-batch"));
        assert!(matches!(reference("enhanced", None, false), PriceRef::Unpriced(_)));
    }

    #[test]
    fn a_later_aura_is_not_priced_as_the_first() {
        assert_eq!(reference("aura-asteria-en", None, true), PriceRef::book("deepgram", "aura-asteria-en"));
        assert_eq!(reference("aura-2-thalia-en", None, true), PriceRef::book("deepgram", "aura-2-thalia-en"));
        assert!(matches!(reference("aura-3-thalia-en", None, true), PriceRef::Unpriced(_)));
    }
}
