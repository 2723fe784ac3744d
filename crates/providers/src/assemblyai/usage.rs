//! What AssemblyAI bills: how long the streaming socket was open, whether or not audio flowed.

use vg_core::{
    Quantity, Source, Usage,
    provider::{Facts, PriceQuery, PriceRef, Reach},
};

/// The session's duration as `Termination` reports it, else as we measured the socket.
pub fn bill(facts: &Facts<'_>) -> Usage {
    let billed = match facts.reach {
        Reach::NotSent | Reach::Refused(_) => {
            Usage::UNKNOWN.with(Quantity::AudioNanos, 0, Source::WireMeasured)
        }
        Reach::Sent | Reach::Answered => {
            let session =
                facts.reported.get(Quantity::SessionNanos).or(facts.wire.get(Quantity::SessionNanos));
            session.map_or(Usage::UNKNOWN, |m| Usage::UNKNOWN.with(Quantity::AudioNanos, m.value, m.source))
        }
    };
    billed.or(&facts.reported).or(&facts.wire)
}

/// The API streams under the name of the asynchronous model, at twice its price; the book lists the streaming
/// price under a suffix nobody sends. The English and multilingual streaming models go by their language.
pub fn price_ref(query: &PriceQuery<'_>) -> PriceRef {
    let model = query.model.to_ascii_lowercase();
    let listed = match model.as_str() {
        "universal-3-5-pro" if query.streaming => "universal-3-5-pro-streaming",
        "universal-streaming" if query.language.is_none_or(|l| l.starts_with("en")) => {
            "universal-streaming-english"
        }
        "universal-streaming" => "universal-streaming-multilingual",
        other => other,
    };
    PriceRef::book("assemblyai", listed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vg_core::{Modality, Status};

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

    #[test]
    fn the_open_socket_is_billed_not_the_audio() {
        let wire = Usage::UNKNOWN.with(Quantity::SentAudioNanos, 1, Source::WireMeasured).with(
            Quantity::SessionNanos,
            9,
            Source::WireMeasured,
        );
        let facts = Facts {
            modality: Modality::Stt,
            model: "universal-3-5-pro",
            status: Status::Success,
            reach: Reach::Answered,
            refusal: None,
            wire,
            reported: Usage::UNKNOWN,
            estimated: Usage::UNKNOWN,
        };
        assert_eq!(bill(&facts).value(Quantity::AudioNanos), Some(9));
    }
}
