//! Whatever Deepgram sends is read or refused without a panic.

use crate::{
    deepgram::{flux::Turns, listen::Utterances, wire},
    shared::listening::Dialect,
};
use std::collections::VecDeque;
use vg_core::{call::ListenRequest, provider::Direction};
use vg_testkit::fuzz::{fuzz, fuzz_text};

const MESSAGES: [&str; 9] = [
    r#"{"type":"SpeechStarted","channel":[0,1],"timestamp":0.42}"#,
    r#"{"type":"Results","channel_index":[0,1],"start":0.0,"duration":1.3,"is_final":true,"speech_final":true,"from_finalize":false,"channel":{"alternatives":[{"transcript":"hi there","confidence":0.98,"words":[{"word":"hi","start":0.1,"end":0.3,"confidence":0.99,"punctuated_word":"Hi","speaker":0,"language":"en"}],"languages":["en"]}]},"metadata":{"request_id":"r"}}"#,
    r#"{"type":"Results","start":1.0,"duration":0.5,"is_final":false,"channel":{"alternatives":[{"transcript":"and","confidence":0.5,"words":[]}]}}"#,
    r#"{"type":"UtteranceEnd","channel":[0,1],"last_word_end":2.4}"#,
    r#"{"type":"Metadata","transaction_key":"deprecated","request_id":"r","duration":12.34,"channels":1}"#,
    r#"{"type":"Error","variant":"v","description":"d","message":"m"}"#,
    r#"{"type":"TurnInfo","sequence_id":7,"event":"Update","turn_index":0,"audio_window_start":0.0,"audio_window_end":1.25,"transcript":"book a","words":[{"word":"book","confidence":0.97,"start":0.2,"end":0.5}],"end_of_turn_confidence":0.11,"languages":["en"]}"#,
    r#"{"type":"TurnInfo","event":"EndOfTurn","transcript":"book a","words":[]}"#,
    r#"{"type":"Speak","text":"Hi \ud83d\ude00"}"#,
];

const ANSWERS: [&[u8]; 3] = [
    br#"{"metadata":{"request_id":"r","duration":25.9,"channels":1,"models":["u"]},"results":{"channels":[{"detected_language":"en","alternatives":[{"transcript":"t","confidence":1.0,"words":[{"word":"t","start":0.1,"end":0.2,"confidence":1}]}]}]}}"#,
    br#"{"err_code":"INVALID_AUTH","err_msg":"Invalid credentials.","request_id":"r"}"#,
    br#"{"category":"c","message":"m","details":"d","request_id":"r"}"#,
];

#[test]
fn fuzzed_messages_are_heard_or_refused() {
    let request = ListenRequest { sample_rate: 16_000, language: None, extra: serde_json::Map::new() };
    let (mut utterances, mut turns) = (Utterances::new("nova-3", request.clone()), Turns::new(request));
    let mut heard = VecDeque::new();
    fuzz_text(&MESSAGES, |text| {
        let _ = wire::frame(Direction::Received, text);
        let _ = wire::frame(Direction::Sent, text);
        let _ = utterances.read(text, 1.0, &mut heard);
        let _ = turns.read(text, 1.0, &mut heard);
        heard.clear();
    });
}

#[test]
fn fuzzed_answers_are_read_or_refused() {
    fuzz(&ANSWERS, |body| {
        let _ = wire::refusal(body);
        if let Ok(recording) = serde_json::from_slice::<wire::Recording<'_>>(body) {
            let _ = recording.billed_nanos();
        }
    });
}
