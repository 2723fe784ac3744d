//! What AssemblyAI bills: how long the streaming session was open, whether or not audio flowed; of a recording, its
//! length.

use super::options;
use crate::shared::billing;
use vg_core::{
    Quantity, Usage,
    provider::{Facts, PriceQuery, PriceRef, Reach},
};

/// The session's duration as `Termination` reports it, else as we measured the socket; a session that was never
/// admitted costs nothing, though its socket was open for a moment.
pub fn bill(facts: &Facts<'_>) -> Usage {
    if facts.refusal.is_some_and(|status| matches!(status, 401..=403 | 429)) {
        return billing::audio(&Facts { reach: Reach::Refused(facts.refusal.unwrap_or(401)), ..*facts });
    }
    let session = facts.reported.get(Quantity::SessionNanos).or(facts.wire.get(Quantity::SessionNanos));
    match (facts.reach, session) {
        (Reach::Sent | Reach::Answered, Some(m)) => {
            Usage::UNKNOWN.with(Quantity::AudioNanos, m.value, m.source).or(&facts.reported).or(&facts.wire)
        }
        _ => billing::audio(facts),
    }
}

/// The API streams under the name of the asynchronous model, at twice its price; the book lists the streaming
/// price under a suffix nobody sends. The English and multilingual streaming models go by their language.
pub fn price_ref(query: &PriceQuery<'_>) -> PriceRef {
    let model = query.model.to_ascii_lowercase();
    let listed = match options::model(&model, query.language) {
        "universal-3-5-pro" if query.streaming => "universal-3-5-pro-streaming",
        other => other,
    };
    PriceRef::book("assemblyai", listed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vg_core::{Modality, Source, Status};

    #[test]
    fn streaming_costs_the_streaming_price() {
        let reference = |model, language, streaming| {
            price_ref(&PriceQuery { model, language, streaming, ..PriceQuery::default() })
        };
        assert_eq!(
            reference("universal-3-5-pro", None, true),
            PriceRef::book("assemblyai", "universal-3-5-pro-streaming")
        );
        assert_eq!(
            reference("universal-3-5-pro", None, false),
            PriceRef::book("assemblyai", "universal-3-5-pro")
        );
        assert_eq!(
            reference("universal-streaming", Some("es"), true),
            PriceRef::book("assemblyai", "universal-streaming-multilingual")
        );
    }

    fn facts(reach: Reach, refusal: Option<u16>, wire: Usage, reported: Usage) -> Facts<'static> {
        Facts {
            modality: Modality::Stt,
            model: "universal-3-5-pro",
            status: Status::Success,
            reach,
            refusal,
            wire,
            reported,
            estimated: Usage::UNKNOWN,
        }
    }

    fn session(nanos: u64) -> Usage {
        Usage::UNKNOWN.with(Quantity::SentAudioNanos, 1, Source::WireMeasured).with(
            Quantity::SessionNanos,
            nanos,
            Source::WireMeasured,
        )
    }

    #[test]
    fn the_open_socket_is_billed_not_the_audio() {
        let usage = bill(&facts(Reach::Answered, None, session(9), Usage::UNKNOWN));
        assert_eq!(
            usage.get(Quantity::AudioNanos).map(|m| (m.value, m.source)),
            Some((9, Source::WireMeasured))
        );
        assert_eq!(usage.value(Quantity::SentAudioNanos), Some(1));
    }

    #[test]
    fn the_providers_own_count_of_the_session_goes_before_ours() {
        let told = Usage::UNKNOWN.with(Quantity::SessionNanos, 15, Source::ProviderReported);
        let usage = bill(&facts(Reach::Answered, Some(500), session(9), told));
        assert_eq!(
            usage.get(Quantity::AudioNanos).map(|m| (m.value, m.source)),
            Some((15, Source::ProviderReported))
        );
        assert_eq!(usage.value(Quantity::SessionNanos), Some(15));
    }

    #[test]
    fn a_session_that_was_not_admitted_costs_nothing() {
        let usage = bill(&facts(Reach::Answered, Some(401), session(9), Usage::UNKNOWN));
        assert_eq!(usage.value(Quantity::AudioNanos), Some(0));
        let usage = bill(&facts(Reach::NotSent, None, Usage::UNKNOWN, Usage::UNKNOWN));
        assert_eq!(usage.value(Quantity::AudioNanos), Some(0));
    }

    #[test]
    fn a_recording_costs_its_length() {
        let wire = Usage::UNKNOWN.with(Quantity::SentAudioNanos, 3, Source::WireMeasured);
        assert_eq!(
            bill(&facts(Reach::Sent, None, wire, Usage::UNKNOWN)).value(Quantity::AudioNanos),
            Some(3)
        );
        let told = Usage::UNKNOWN.with(Quantity::AudioNanos, 4, Source::ProviderReported);
        assert_eq!(bill(&facts(Reach::Answered, None, wire, told)).value(Quantity::AudioNanos), Some(4));
    }
}
