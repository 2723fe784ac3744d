//! What ElevenLabs bills: the characters it is given to speak, and the seconds it is given to hear
//! (<https://elevenlabs.io/pricing/api>, read 2026-11).

use crate::shared::billing;
use vg_core::{
    Modality, Quantity, Source, Usage,
    provider::{Facts, PriceQuery, PriceRef},
};

/// Every character of a text that reached ElevenLabs is billed, the blank that LiveKit's plugin puts after a sentence
/// included; the single blank that opens a context is none of the text. A context that is closed early is spoken to
/// its end and billed as sent. What is refused before it sounds costs nothing; no page says what a failure after that
/// costs, so it is taken as billed. Hearing is billed by the audio sent, or for a recording by the seconds found.
pub fn bill(facts: &Facts<'_>) -> Usage {
    match facts.modality {
        Modality::Tts => billing::characters(&Facts { reported: in_characters(facts), ..*facts }),
        Modality::Stt | Modality::Llm => billing::audio(facts),
    }
}

/// What was reported, in characters. The header `character-cost` of a file of speech counts credits: half as many as
/// characters for Flash and Turbo, and more for some voices of the library, which is then billed as more characters.
/// Half a credit is rounded, so a number that our count explains gives way to it.
fn in_characters(facts: &Facts<'_>) -> Usage {
    let Some(credits) = facts.reported.value(Quantity::Characters) else { return facts.reported };
    let mut reported = facts.reported;
    let sent = facts.wire.value(Quantity::SentCharacters);
    let billed = match (characters_per_credit(facts.model), sent) {
        (Some(rate), Some(sent)) if credits.saturating_mul(rate).abs_diff(sent) < rate => sent,
        (Some(rate), _) => credits.saturating_mul(rate),
        // What a credit of this model means is not known, only what was sent.
        (None, Some(sent)) => sent,
        (None, None) => return Usage::UNKNOWN,
    };
    reported.set(Quantity::Characters, billed, Source::ProviderReported);
    reported
}

/// How many characters a credit speaks (<https://help.elevenlabs.io>, "How are credits used", read 2026-11).
pub fn characters_per_credit(model: &str) -> Option<u64> {
    let model = model.to_ascii_lowercase();
    if is_member(&model, &HALF_PRICED) {
        Some(2)
    } else if is_member(&model, &["eleven_multilingual_v2"]) || model == "eleven_v3" {
        Some(1)
    } else {
        None
    }
}

const HALF_PRICED: [&str; 4] =
    ["eleven_flash_v2_5", "eleven_turbo_v2_5", "eleven_flash_v2", "eleven_turbo_v2"];

/// The book takes whatever begins with `eleven_multilingual_v2` and the like as that model; only its snapshots are.
pub fn price_ref(query: &PriceQuery<'_>) -> PriceRef {
    let model = query.model.to_ascii_lowercase();
    let is_priced = characters_per_credit(&model).is_some()
        || matches!(model.as_str(), "scribe_v2" | "scribe_v2_realtime");
    if is_priced {
        PriceRef::book("elevenlabs", model)
    } else {
        PriceRef::Unpriced("the price book has no price for this model of ElevenLabs")
    }
}

/// Whether a model is one of these itself or a dated snapshot of it.
fn is_member(model: &str, families: &[&str]) -> bool {
    families.iter().filter_map(|family| model.strip_prefix(family)).any(|rest| {
        rest.is_empty() || rest.strip_prefix('-').is_some_and(|date| date.bytes().all(|b| b.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vg_core::{Status, provider::Reach};

    fn spoken(model: &str, sent: u64, credits: Option<u64>) -> Facts<'_> {
        let reported = credits.map_or(Usage::UNKNOWN, |credits| {
            Usage::UNKNOWN.with(Quantity::Characters, credits, Source::ProviderReported)
        });
        Facts {
            modality: Modality::Tts,
            model,
            status: Status::Success,
            reach: Reach::Answered,
            refusal: None,
            wire: Usage::UNKNOWN.with(Quantity::SentCharacters, sent, Source::WireMeasured),
            reported,
            estimated: Usage::UNKNOWN,
        }
    }

    fn characters(facts: &Facts<'_>) -> Option<u64> {
        bill(facts).value(Quantity::Characters)
    }

    #[test]
    fn what_was_sent_is_billed_through_cancel_and_error() {
        let facts = spoken("eleven_turbo_v2_5", 40, None);
        for (status, refusal) in [
            (Status::Success, None),
            (Status::Cancelled, None),
            (Status::Error, None),
            (Status::Error, Some(500)),
        ] {
            assert_eq!(characters(&Facts { status, refusal, ..facts }), Some(40));
        }
    }

    #[test]
    fn what_is_refused_before_it_sounds_is_free() {
        let facts = Facts { reach: Reach::Refused(429), ..spoken("eleven_turbo_v2_5", 40, None) };
        assert_eq!(characters(&facts), Some(0));
        assert_eq!(bill(&facts).value(Quantity::SentCharacters), Some(40));
    }

    #[test]
    fn credits_are_no_characters() {
        for (model, sent, credits, billed) in [
            ("eleven_multilingual_v2", 41, 41, 41),
            ("eleven_flash_v2_5", 41, 21, 41), // rounded up
            ("eleven_flash_v2_5", 41, 20, 41), // or down
            ("eleven_turbo_v2", 40, 20, 40),
            ("eleven_turbo_v2_5", 40, 60, 120), // a voice at three times the rate
            ("eleven_multilingual_v2", 40, 80, 80),
            ("eleven_v9", 40, 13, 40),
        ] {
            let facts = spoken(model, sent, Some(credits));
            assert_eq!(characters(&facts), Some(billed), "{model} {credits}");
            assert_eq!(bill(&facts).get(Quantity::Characters).unwrap().source, Source::ProviderReported);
        }
    }

    #[test]
    fn a_recording_is_billed_by_the_seconds_found_and_a_stream_by_the_seconds_sent() {
        let wire = Usage::UNKNOWN.with(Quantity::SentAudioNanos, 1_000, Source::WireMeasured);
        let stream = Facts { modality: Modality::Stt, wire, ..spoken("scribe_v2", 0, None) };
        assert_eq!(bill(&stream).value(Quantity::AudioNanos), Some(1_000));
        let reported = Usage::UNKNOWN.with(Quantity::AudioNanos, 900, Source::ProviderReported);
        assert_eq!(bill(&Facts { reported, ..stream }).value(Quantity::AudioNanos), Some(900));
        let refused = Facts { reach: Reach::Refused(401), ..stream };
        assert_eq!(bill(&refused).value(Quantity::AudioNanos), Some(0));
    }

    #[test]
    fn only_models_of_the_price_book_are_priced() {
        let reference = |model| price_ref(&PriceQuery { model, ..PriceQuery::default() });
        for model in [
            "eleven_flash_v2",
            "eleven_flash_v2_5",
            "eleven_turbo_v2_5-20251001",
            "eleven_multilingual_v2",
            "eleven_v3",
            "scribe_v2",
            "scribe_v2_realtime",
        ] {
            assert_eq!(reference(model), PriceRef::book("elevenlabs", model));
        }
        for model in [
            "eleven_multilingual_v1",
            "eleven_multilingual_v2_hd",
            "eleven_v3_conversational",
            "eleven_v4_turbo",
            "scribe_v1",
            "scribe_v2_turbo",
            "",
        ] {
            assert!(matches!(reference(model), PriceRef::Unpriced(_)), "{model}");
        }
    }
}
