//! What OpenAI bills: tokens for chat, tokens or seconds for transcription, characters or tokens for speech.

use crate::shared::billing;
use vg_core::{
    Modality, Quantity, Source, Usage,
    provider::{Facts, PriceQuery, PriceRef, Reach},
};

/// A second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// The billed quantities. A model that is billed in tokens is never billed in seconds or characters too.
pub fn bill(facts: &Facts<'_>) -> Usage {
    match facts.modality {
        Modality::Llm => billing::tokens(facts),
        Modality::Tts if is_token_billed_speech(facts.model) => billing::tokens(facts),
        Modality::Tts => billing::characters(facts),
        Modality::Stt => transcription(facts),
    }
}

/// The price book carries, for the token-billed transcription models, an estimated rate per second beside the
/// token rates; whoever passes both is charged twice. So: tokens when OpenAI reported them, else seconds, marked
/// as an estimate.
fn transcription(facts: &Facts<'_>) -> Usage {
    let is_in_tokens = is_token_billed_transcription(facts.model);
    if facts.reported.get(Quantity::InputTokens).is_some() {
        return facts.reported.or(&facts.wire);
    }
    if matches!(facts.reach, Reach::NotSent | Reach::Refused(_)) {
        return if is_in_tokens { billing::tokens(facts) } else { billing::audio(facts) };
    }
    let mut usage = billing::audio(facts);
    if let Some(audio) =
        usage.get(Quantity::AudioNanos).filter(|audio| audio.source != Source::ProviderReported)
    {
        // What is billed in seconds is billed in whole ones: its usage messages know no others.
        let whole = audio.value.div_ceil(SECOND).saturating_mul(SECOND);
        let nanos = if is_in_tokens { audio.value } else { whole };
        if is_in_tokens || nanos != audio.value {
            usage.set(Quantity::AudioNanos, nanos, Source::Estimated);
        }
    }
    usage
}

/// Whether speech of this model is billed in tokens, not in characters.
pub fn is_token_billed_speech(model: &str) -> bool {
    model.starts_with("gpt-")
}

fn is_token_billed_transcription(model: &str) -> bool {
    model.starts_with("gpt-4o")
}

/// Dated snapshots of the speech models cost what the undated name costs, and the book lists only that one.
pub fn price_ref(query: &PriceQuery<'_>) -> PriceRef {
    let model = query.model.to_ascii_lowercase();
    let undated = ["tts-1-hd", "tts-1", "gpt-4o-mini-tts"].into_iter().find(|name| {
        model.strip_prefix(name).and_then(|rest| rest.strip_prefix('-')).is_some_and(is_snapshot_date)
    });
    PriceRef::book("openai", undated.map_or(model, str::to_owned))
}

/// Whether text is a snapshot's date: digits and dashes, such as `1106` or `2025-12-15`.
fn is_snapshot_date(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use vg_core::Status;

    fn facts(modality: Modality, model: &str, reach: Reach) -> Facts<'_> {
        Facts {
            modality,
            model,
            status: Status::Success,
            reach,
            refusal: None,
            wire: Usage::UNKNOWN,
            reported: Usage::UNKNOWN,
            estimated: Usage::UNKNOWN,
        }
    }

    #[test]
    fn transcription_is_charged_in_tokens_or_seconds_never_both() {
        let wire = Usage::UNKNOWN.with(Quantity::SentAudioNanos, 3_000_000_000, Source::WireMeasured);
        let reported = Usage::UNKNOWN.with(Quantity::InputTokens, 14, Source::ProviderReported).with(
            Quantity::OutputTokens,
            5,
            Source::ProviderReported,
        );
        let with_tokens =
            Facts { wire, reported, ..facts(Modality::Stt, "gpt-4o-transcribe", Reach::Answered) };
        assert_eq!(bill(&with_tokens).value(Quantity::InputTokens), Some(14));
        assert_eq!(bill(&with_tokens).get(Quantity::AudioNanos), None);
        let without = Facts { wire, ..facts(Modality::Stt, "gpt-4o-transcribe", Reach::Answered) };
        assert_eq!(bill(&without).get(Quantity::AudioNanos).map(|m| m.source), Some(Source::Estimated));
        assert_eq!(bill(&without).get(Quantity::InputTokens), None);
        let seconds = Facts { wire, ..facts(Modality::Stt, "whisper-1", Reach::Answered) };
        assert_eq!(bill(&seconds).get(Quantity::AudioNanos).map(|m| m.source), Some(Source::WireMeasured));
        let wire = Usage::UNKNOWN.with(Quantity::SentAudioNanos, 1_500_000_000, Source::WireMeasured);
        let rounded = bill(&Facts { wire, ..seconds }).get(Quantity::AudioNanos).unwrap();
        assert_eq!((rounded.value, rounded.source), (2_000_000_000, Source::Estimated));
    }

    #[test]
    fn the_default_speech_model_is_billed_in_tokens_not_characters() {
        let wire = Usage::UNKNOWN.with(Quantity::SentCharacters, 12, Source::WireMeasured);
        let usage = bill(&Facts { wire, ..facts(Modality::Tts, "gpt-4o-mini-tts", Reach::Answered) });
        assert_eq!(usage.get(Quantity::Characters), None);
        let usage = bill(&Facts { wire, ..facts(Modality::Tts, "tts-1", Reach::Answered) });
        assert_eq!(usage.value(Quantity::Characters), Some(12));
    }

    #[test]
    fn a_refused_chat_costs_nothing_and_an_unanswered_one_is_unknown() {
        let refused = bill(&facts(Modality::Llm, "gpt-4.1", Reach::Refused(429)));
        assert_eq!(refused.value(Quantity::InputTokens), Some(0));
        let unanswered = bill(&facts(Modality::Llm, "gpt-4.1", Reach::Sent));
        assert_eq!(unanswered, Usage::UNKNOWN);
    }

    #[test]
    fn dated_speech_models_are_priced_as_the_undated_ones() {
        let reference = |model| price_ref(&PriceQuery { model, ..PriceQuery::default() });
        assert_eq!(reference("tts-1-1106"), PriceRef::book("openai", "tts-1"));
        assert_eq!(reference("tts-1-hd-1106"), PriceRef::book("openai", "tts-1-hd"));
        assert_eq!(reference("tts-1-hd"), PriceRef::book("openai", "tts-1-hd"));
        assert_eq!(reference("gpt-4o-mini-tts-2025-12-15"), PriceRef::book("openai", "gpt-4o-mini-tts"));
        assert_eq!(reference("gpt-4.1"), PriceRef::book("openai", "gpt-4.1"));
    }
}
