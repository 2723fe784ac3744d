//! Whatever is asked or answered, it is translated or refused without a panic.

use crate::{
    anthropic::{
        answer::{Answer, Form, whole},
        request::translate,
    },
    shared::recorder::Recorder,
};
use serde_json::{Map, Value};
use vg_core::call::ChatRequest;
use vg_testkit::fuzz::{Mutator, fuzz};

const FORM: Form = Form { created: 7, answers_in_json: false, wants_usage: true };

const EVENTS: [&[u8]; 9] = [
    br#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"claude","content":[],"usage":{"input_tokens":25,"cache_read_input_tokens":3,"cache_creation_input_tokens":2,"output_tokens":1}}}"#,
    br#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    br#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
    br#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}"#,
    br#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
    br#"{"type":"content_block_stop","index":0}"#,
    br#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}"#,
    br#"{"type":"message_stop"}"#,
    br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
];

const MESSAGE: [&[u8]; 1] = [
    br#"{"id":"m","type":"message","role":"assistant","model":"claude","content":[{"type":"text","text":"Hi"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}"#,
];

const ASKED: [&[u8]; 2] = [
    br#"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]},{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c","content":"one"}],"tools":[{"type":"function","function":{"name":"f","description":"x","strict":true,"parameters":{"type":"object","properties":{}}}}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,"stop":["a"],"temperature":1.5,"max_completion_tokens":9}"#,
    br#"{"messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":{"type":"object"}}},"reasoning_effort":"low","user":"u","metadata":{"user_id":"x"}}"#,
];

#[test]
fn fuzzed_events_become_json_or_a_failure() {
    let mut order = Mutator::new(&EVENTS, 11);
    let mut answer = Answer::new(FORM);
    fuzz(&EVENTS, |event| {
        let recorder = Recorder::default();
        // Whole events between the broken ones, so that there are blocks to go on with.
        let sound = EVENTS[order.below(EVENTS.len())];
        let is_sound = answer.take(sound, &recorder).is_ok() & answer.take(event, &recorder).is_ok();
        for piece in answer.pieces.drain(..) {
            serde_json::from_slice::<Value>(&piece.json).unwrap();
        }
        if !is_sound || answer.is_over() {
            drop(answer.end_of_stream());
            answer = Answer::new(FORM);
        }
    });
}

#[test]
fn fuzzed_messages_become_json_or_a_failure() {
    fuzz(&MESSAGE, |body| {
        if let Ok(piece) = whole(&body.to_vec().into(), FORM, &Recorder::default()) {
            serde_json::from_slice::<Value>(&piece.json).unwrap();
        }
    });
}

#[test]
fn fuzzed_requests_are_translated_or_refused() {
    fuzz(&ASKED, |body| {
        if let Ok(body) = serde_json::from_slice::<Map<String, Value>>(body) {
            drop(translate(&ChatRequest { body, stream: true }, "m", &Map::new()));
        }
    });
}
