//! Whatever AssemblyAI sends is read or refused without a panic.

use crate::{
    assemblyai::{listen::Turns, wire},
    shared::listening::Dialect,
};
use serde_json::Map;
use std::collections::VecDeque;
use vg_core::{
    call::{Endpoint, ListenRequest},
    provider::Direction,
};
use vg_testkit::fuzz::{fuzz, fuzz_text};

const MESSAGES: [&str; 6] = [
    r#"{"type":"Begin","id":"uuid","expires_at":1772570132,"configuration":{"model":"m","api_version":"v"}}"#,
    r#"{"type":"SpeechStarted","timestamp":1216,"confidence":0.98}"#,
    r#"{"type":"Turn","turn_order":0,"turn_is_formatted":false,"end_of_turn":false,"transcript":"my name is","utterance":"","end_of_turn_confidence":0.2,"words":[{"text":"my","start":1216,"end":1627,"confidence":0.95,"word_is_final":false,"speaker":"A"}],"language_code":"en","speaker_label":"A"}"#,
    r#"{"type":"Turn","turn_is_formatted":true,"end_of_turn":true,"transcript":"My name is Sonny.","words":null}"#,
    r#"{"type":"Termination","audio_duration_seconds":12,"session_duration_seconds":15}"#,
    r#"{"type":"Error","error_code":3006,"error":"Invalid JSON"}"#,
];

const ANSWERS: [&[u8]; 3] = [
    br#"{"id":"t","status":"completed","text":"Hi.","words":[{"text":"Hi.","start":10,"end":200,"confidence":0.9,"speaker":null}],"audio_duration":3,"language_code":"en_us","error":null}"#,
    br#"{"id":"t","status":"error","error":"Transcoding failed.","text":null,"words":null}"#,
    br#"{"error":"Authentication error"}"#,
];

#[test]
fn fuzzed_messages_are_heard_or_refused() {
    let endpoint = Endpoint {
        model: String::new(),
        api_key: None,
        base_url: None,
        language: None,
        voice: None,
        extra: Map::new(),
    };
    let request = ListenRequest { sample_rate: 16_000, language: None, extra: Map::new() };
    let mut turns = Turns::new(&endpoint, request);
    let mut heard = VecDeque::new();
    fuzz_text(&MESSAGES, |text| {
        let _ = wire::frame(Direction::Received, text);
        let _ = wire::frame(Direction::Sent, text);
        let _ = turns.read(text, 1.0, &mut heard);
        heard.clear();
    });
}

#[test]
fn fuzzed_answers_are_read_or_refused() {
    fuzz(&ANSWERS, |body| {
        let _ = wire::refusal(body);
        if let Ok(recording) = serde_json::from_slice::<wire::Recording<'_>>(body) {
            let _ = recording.transcript();
        }
    });
}
