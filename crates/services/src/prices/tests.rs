//! Lines priced again.

use super::*;
use vg_core::{AttemptId, Modality, Quantity, Source, UnixMicros, config};
use vg_testkit::ledger::{line, using};

/// 2026-03-01T00:00:00Z.
const MARCH: UnixMicros = UnixMicros(1_772_323_200_000_000);

fn minute(model_id: &str, metadata: &str) -> Line {
    let line = line(Modality::Stt, model_id, MARCH, 1);
    let line = using(line, Quantity::AudioNanos, 60_000_000_000, Source::ProviderReported);
    Line { metadata: (!metadata.is_empty()).then(|| metadata.into()), ..line }
}

fn spoken(model_id: &str, metadata: &str) -> Line {
    let line =
        using(line(Modality::Tts, model_id, MARCH, 2), Quantity::Characters, 1_000, Source::WireMeasured);
    Line { metadata: (!metadata.is_empty()).then(|| metadata.into()), ..line }
}

#[test]
fn a_line_is_priced_by_what_its_metadata_says() {
    for (line, picos) in [
        (minute("deepgram/nova-3", ""), Some(4_800_000_000)),
        (minute("deepgram/nova-3", r#"{"language":"multi"}"#), Some(5_800_200_000)),
        (minute("deepgram/nova-3", r#"{"mode":"batch"}"#), Some(4_300_020_000)),
        (minute("deepgram/nova-3", r#"{"mode":"batch","language":"multi"}"#), Some(5_200_020_000)),
        (minute("deepgram/enhanced", r#"{"mode":"batch"}"#), None),
        (minute("deepgram/nova-3", "no object"), Some(4_800_000_000)),
        (spoken("cartesia/sonic-3", ""), Some(50_000_000_000)),
        (spoken("cartesia/sonic-3", r#"{"voice":"v","voice_class":"pvc"}"#), Some(75_000_000_000)),
        (spoken("piper/en", ""), Some(0)),
        (spoken("acme/voice", ""), None),
        (minute("acme.example/whisper", ""), None),
    ] {
        assert_eq!(reprice(&line, Book::embedded()), picos.map(Money), "{line:?}");
    }
}

#[test]
fn what_has_no_usage_of_its_own_is_not_priced_again() {
    let correction = Line { corrects: Some(AttemptId::new(MARCH, [9; 10])), ..minute("deepgram/nova-3", "") };
    assert_eq!(reprice(&correction, Book::embedded()), None);
    assert_eq!(reprice(&line(Modality::Llm, "openai/gpt-4.1", MARCH, 1), Book::embedded()), None);
}

#[test]
fn the_current_prices_are_those_of_the_lines_project() {
    let text = "
prices: { overrides: [{ model: deepgram/*, discount: 50% }] }
projects: { shop: { name: Shop, prices: { overrides: [{ model: deepgram/nova-3, input_audio_kseconds: 0.02 }] } } }";
    let config = config::load(text, "f", &|_| None, registry::ALL).unwrap().config;
    let ours = minute("deepgram/nova-3", "");
    let theirs = Line { project: "shop".into(), ..ours.clone() };
    assert_eq!(reprice_by(&ours, &config), Some(Money(2_400_000_000)));
    assert_eq!(reprice_by(&theirs, &config), Some(Money(1_200_000_000)));
    // Of the book alone, nothing of this is true.
    assert_eq!(reprice(&theirs, Book::embedded()), Some(Money(4_800_000_000)));
    let filled = minute("elevenlabs/scribe_v1", r#"{"mode":"batch"}"#);
    assert_eq!(
        (reprice(&filled, Book::embedded()), reprice_by(&filled, &config)),
        (None, Some(Money(3_666_660_000)))
    );
}
