//! Whatever Cartesia sends is read or refused without a panic.

use crate::{
    cartesia::{
        listen::{Pieces, Turns},
        tts::Contexts,
        wire,
    },
    shared::{listening::Dialect, speaking::Tongue},
    sim::rig::Rig,
};
use serde_json::Map;
use std::collections::VecDeque;
use tokio_tungstenite::tungstenite::Message;
use vg_core::{
    call::{ListenRequest, SpeakRequest},
    provider::Direction,
};
use vg_testkit::fuzz::{fuzz, fuzz_text};

const SPOKEN: [&str; 6] = [
    r#"{"type":"chunk","data":"AAAA","done":false,"status_code":206,"step_time":12.5,"flush_id":1}"#,
    r#"{"type":"timestamps","done":false,"status_code":206,"word_timestamps":{"words":["Hi"],"start":[0.0],"end":[0.2]}}"#,
    r#"{"type":"flush_done","done":false,"flush_done":true,"flush_id":1,"status_code":206}"#,
    r#"{"type":"done","done":true,"status_code":200}"#,
    r#"{"type":"error","done":true,"status_code":429,"error":"busy"}"#,
    r#"{"type":"error","context_id":"c1","done":true,"status_code":429,"error_code":"concurrency_limited","title":"t","message":"m"}"#,
];

const HEARD: [&str; 8] = [
    r#"{"type":"turn.start","request_id":"r"}"#,
    r#"{"type":"turn.update","request_id":"r","transcript":"book a"}"#,
    r#"{"type":"turn.eager_end","request_id":"r","transcript":"book a table"}"#,
    r#"{"type":"turn.resume","request_id":"r"}"#,
    r#"{"type":"turn.end","request_id":"r","transcript":"book a table"}"#,
    r#"{"type":"transcript","is_final":true,"request_id":"r","text":"hi","duration":0.7,"language":"en","words":[{"word":"hi","start":0.1,"end":0.4}]}"#,
    r#"{"type":"flush_done","request_id":"r"}"#,
    r#"{"type":"error","request_id":"r","code":500,"message":"m"}"#,
];

#[tokio::test]
async fn fuzzed_messages_are_spoken_or_refused() {
    let rig = Rig::start().await;
    let request = SpeakRequest { sample_rate: 24_000, voice: None, language: None, extra: Map::new() };
    let mut contexts = Contexts::new(&rig.call("/cartesia", "sonic-3"), &request, 24_000);
    let (mut orders, mut spoken) = (VecDeque::new(), VecDeque::new());
    fuzz_text(&SPOKEN, |text| {
        let _ = wire::frame(Direction::Received, text);
        contexts.say("Hi you. ", &mut orders);
        let _ = contexts.read(Message::text(text), &mut spoken);
        orders.clear();
        spoken.clear();
    });
}

#[test]
fn fuzzed_messages_are_heard_or_refused() {
    let request = ListenRequest { sample_rate: 16_000, language: None, extra: Map::new() };
    let (mut pieces, mut turns) = (Pieces::new(request.clone()), Turns::new(request));
    let mut heard = VecDeque::new();
    fuzz_text(&HEARD, |text| {
        let _ = pieces.read(text, 1.0, &mut heard);
        let _ = turns.read(text, 1.0, &mut heard);
        heard.clear();
    });
    fuzz(
        &[br#"{"error_code":null,"title":"t","message":"m","request_id":"r"}"#, b"Title: message"],
        |body| {
            let _ = wire::refusal(body);
        },
    );
}
