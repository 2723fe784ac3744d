//! Tests of how parts become utterances, with messages as <https://developers.deepgram.com/docs/endpointing> and
//! <https://developers.deepgram.com/docs/understand-endpointing-interim-results> show them, read 2026-11.

use crate::{deepgram::listen::Utterances, shared::listening::Dialect};
use serde_json::{Value, json};
use std::collections::VecDeque;
use vg_core::call::{Heard, ListenRequest, Transcript};

fn dialect() -> Utterances {
    Utterances::new(
        "nova-3",
        ListenRequest { sample_rate: 16_000, language: None, extra: serde_json::Map::new() },
    )
}

fn results(words: &[(&str, f64, f64)], is_final: bool, speech_final: bool) -> Value {
    let text: Vec<&str> = words.iter().map(|word| word.0).collect();
    let words: Vec<Value> = words
        .iter()
        .map(|(word, start, end)| {
            json!({"word": word.to_lowercase(), "punctuated_word": word, "start": start, "end": end,
                   "confidence": 0.9, "speaker": 1})
        })
        .collect();
    json!({
        "type": "Results", "channel_index": [0, 1], "start": 0.0, "duration": 3.0, "is_final": is_final,
        "speech_final": speech_final, "from_finalize": false,
        "channel": {"alternatives": [{"transcript": text.join(" "), "confidence": 0.5, "words": words,
                                      "languages": ["es", "en"]}]},
        "metadata": {"request_id": "r", "model_info": {"name": "m"}, "model_uuid": "u"},
    })
}

fn read(dialect: &mut Utterances, messages: &[Value]) -> Vec<Heard> {
    let mut heard = VecDeque::new();
    for message in messages {
        dialect.read(&message.to_string(), 0.0, &mut heard).unwrap();
    }
    heard.into()
}

fn only(heard: &[Heard]) -> &Transcript {
    let [Heard::SpeechStarted, .., Heard::Final(last)] = heard else { panic!("{heard:?}") };
    last
}

#[test]
fn parts_are_joined_until_speech_is_final() {
    let heard = read(
        &mut dialect(),
        &[
            json!({"type": "SpeechStarted", "channel": [0, 1], "timestamp": 0.4}),
            results(&[("Another", 0.5, 0.8)], false, false),
            results(&[("Another", 0.5, 0.8), ("big", 0.9, 1.1)], true, false),
            results(&[("problem", 1.2, 1.6)], false, false),
            results(&[("problem.", 1.2, 1.7)], true, true),
            json!({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 1.7}),
        ],
    );
    let texts: Vec<&str> = heard
        .iter()
        .filter_map(|heard| if let Heard::Interim(guess) = heard { Some(guess.text.as_str()) } else { None })
        .collect();
    assert_eq!(texts, ["Another", "Another big problem"]);
    let last = only(&heard);
    assert_eq!((last.text.as_str(), last.start, last.words.len()), ("Another big problem.", 0.5, 3));
    assert!((last.duration - 1.2).abs() < 1e-9);
    assert_eq!((last.confidence, last.speaker.as_deref()), (Some(0.5), Some("S1")));
    assert_eq!((last.language.as_deref(), heard.len()), (Some("es"), 4));
}

#[test]
fn the_pause_ends_what_endpointing_missed() {
    let mut dialect = dialect();
    let heard = read(
        &mut dialect,
        &[
            results(&[("Hello", 0.5, 0.8)], true, false),
            results(&[], true, false),
            json!({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 0.8}),
            json!({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 0.8}),
            results(&[], true, true),
        ],
    );
    assert_eq!((only(&heard).text.as_str(), heard.len()), ("Hello", 2));
    // The next utterance begins anew.
    assert_eq!(only(&read(&mut dialect, &[results(&[("Bye", 5.0, 5.5)], true, true)])).text, "Bye");
}

#[test]
fn speech_without_a_word_is_closed_and_silence_says_nothing() {
    let mut dialect = dialect();
    assert_eq!(read(&mut dialect, &[results(&[], false, false), results(&[], true, true)]), []);
    let started = json!({"type": "SpeechStarted", "channel": [0, 1], "timestamp": 0.4});
    let heard = read(&mut dialect, &[started.clone(), started, results(&[], true, true)]);
    assert_eq!((only(&heard).text.as_str(), heard.len()), ("", 2));
}

#[test]
fn fields_that_are_missing_or_null_are_no_failure() {
    let heard = read(
        &mut dialect(),
        &[
            json!({"type": "Results", "is_final": true, "speech_final": true}),
            json!({"type": "Results", "channel": {"alternatives": null}, "start": null}),
            json!({"type": "Results", "is_final": true, "speech_final": true, "start": 1.0, "duration": 2.0,
                   "channel": {"alternatives": [{"transcript": "yes", "words": null, "confidence": null}]}}),
            json!({"type": "Later", "channel": 7}),
        ],
    );
    let last = only(&heard);
    assert_eq!((last.text.as_str(), last.start, last.duration), ("yes", 1.0, 2.0));
}

#[test]
fn key_terms_change_in_mid_stream_where_the_model_knows_them() {
    let extra = json!({"keyterm": ["tea"], "endpointing": 100}).as_object().cloned().unwrap();
    let message: Value = serde_json::from_str(&dialect().update(None, extra.clone()).unwrap()).unwrap();
    assert_eq!(message, json!({"type": "Configure", "keyterms": ["tea"]}));
    let request = ListenRequest { sample_rate: 16_000, language: None, extra: serde_json::Map::new() };
    assert_eq!(Utterances::new("nova-2", request).update(None, extra), None);
}
