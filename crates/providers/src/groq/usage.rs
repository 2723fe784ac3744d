//! What Groq bills: tokens for chat, seconds for recordings, characters for speech.

use crate::shared::billing;
use vg_core::{
    Modality, Quantity, Usage,
    provider::{Facts, PriceQuery, PriceRef, Reach},
};

/// The least of a recording that is billed, in nanoseconds: ten seconds for each request.
/// <https://console.groq.com/docs/speech-to-text>, and the descriptions of `voice-prices` 0.11.0, read 2026-11.
const SHORTEST_RECORDING: u64 = 10_000_000_000;

/// The billed quantities. What was sent stays beside them.
pub fn bill(facts: &Facts<'_>) -> Usage {
    match facts.modality {
        Modality::Llm => billing::tokens(facts),
        Modality::Tts => billing::characters(facts),
        Modality::Stt => recording(facts),
    }
}

/// A recording costs its length, but no less than the minimum. One whose length nobody knows stays unknown.
fn recording(facts: &Facts<'_>) -> Usage {
    let mut usage = billing::audio(facts);
    if let (Reach::Sent | Reach::Answered, Some(audio)) = (facts.reach, usage.get(Quantity::AudioNanos)) {
        usage.set(Quantity::AudioNanos, audio.value.max(SHORTEST_RECORDING), audio.source);
    }
    usage
}

/// The model's own price. One model's name is listed among those of a larger one, at the larger one's price.
pub fn price_ref(query: &PriceQuery<'_>) -> PriceRef {
    if query.model.eq_ignore_ascii_case("openai/gpt-oss-safeguard-20b") {
        return PriceRef::Unpriced("the price book lists this model at the price of a larger one");
    }
    PriceRef::book("groq", query.model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vg_core::{Source, Status};

    fn heard(reach: Reach, nanos: Option<u64>) -> Usage {
        let wire = nanos.map_or(Usage::UNKNOWN, |nanos| {
            Usage::UNKNOWN.with(Quantity::SentAudioNanos, nanos, Source::WireMeasured)
        });
        bill(&Facts {
            modality: Modality::Stt,
            model: "whisper-large-v3-turbo",
            status: Status::Success,
            reach,
            refusal: None,
            wire,
            reported: Usage::UNKNOWN,
            estimated: Usage::UNKNOWN,
        })
    }

    #[test]
    fn a_recording_costs_ten_seconds_at_least_and_what_was_sent_is_kept() {
        for (sent, billed) in [
            (1, 10_000_000_000),
            (9_999_999_999, 10_000_000_000),
            (10_000_000_000, 10_000_000_000),
            (10_000_000_001, 10_000_000_001),
        ] {
            for reach in [Reach::Sent, Reach::Answered] {
                let usage = heard(reach, Some(sent));
                let audio = usage.get(Quantity::AudioNanos).unwrap();
                assert_eq!((audio.value, audio.source), (billed, Source::WireMeasured));
                assert_eq!(usage.value(Quantity::SentAudioNanos), Some(sent));
            }
        }
    }

    #[test]
    fn a_refused_recording_costs_nothing_and_one_of_unknown_length_is_unknown() {
        for reach in [Reach::NotSent, Reach::Refused(413)] {
            assert_eq!(heard(reach, Some(1)).value(Quantity::AudioNanos), Some(0));
        }
        assert_eq!(heard(Reach::Answered, None).get(Quantity::AudioNanos), None);
    }

    #[test]
    fn a_model_has_its_own_price_or_none() {
        let reference = |model| price_ref(&PriceQuery { model, ..PriceQuery::default() });
        assert_eq!(reference("openai/gpt-oss-20b"), PriceRef::book("groq", "openai/gpt-oss-20b"));
        assert!(matches!(reference("openai/gpt-oss-safeguard-20b"), PriceRef::Unpriced(_)));
    }
}
