//! Requests into Anthropic's words, events into OpenAI's.

use crate::{
    anthropic::{
        answer::{Answer, Form, whole},
        request::translate,
    },
    shared::recorder::Recorder,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use vg_core::{
    Quantity,
    call::{ChatRequest, Failure, Retry},
};

fn said(body: Value, extra: Value) -> Result<Value, Failure> {
    let request = ChatRequest { body: body.as_object().unwrap().clone(), stream: true };
    let extra = extra.as_object().cloned().unwrap_or_default();
    translate(&request, "m", &extra).map(|translated| Value::Object(translated.body))
}

fn messages(messages: Value) -> Value {
    said(json!({"messages": messages}), Value::Null).unwrap()
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": [{"type": "text", "text": text}]})
}

#[test]
fn a_conversation_with_tools_keeps_its_order_and_its_roles() {
    let body = messages(json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "there"}]},
        {"role": "assistant", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}},
            {"id": "c3", "type": "function", "function": {"name": "h", "arguments": "{\"a\""}},
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "user", "content": "Well?"},
        {"role": "tool", "tool_call_id": "c2", "content": ""},
        {"role": "tool", "tool_call_id": "c3", "content": [{"type": "text", "text": "three"}]},
        {"role": "developer", "content": "Be kind."},
    ]));
    let wanted = json!({
        "model": "m", "max_tokens": 4096,
        "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
                {"type": "tool_use", "id": "c3", "name": "h", "input": {"invalid_arguments": "{\"a\""}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "one"}]},
                {"type": "tool_result", "tool_use_id": "c2"},
                {"type": "tool_result", "tool_use_id": "c3", "content": [{"type": "text", "text": "three"}]},
                {"type": "text", "text": "Well?"},
            ]},
        ],
        "stream": true,
    });
    assert_eq!(body, wanted);
}

#[test]
fn a_conversation_begins_and_ends_with_the_user() {
    let empty = user("(empty)");
    let assistant = json!({"role": "assistant", "content": [{"type": "text", "text": "Hello!"}]});
    assert_eq!(messages(json!([{"role": "system", "content": "Greet."}]))["messages"], json!([empty]));
    let greeted = messages(json!([{"role": "assistant", "content": "Hello!"}]));
    assert_eq!(greeted["messages"], json!([empty, assistant, empty]));
    let silent = messages(json!([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": ""}]));
    assert_eq!(silent["messages"], json!([user("Hi")]));
}

#[test]
fn pictures_are_taken_as_data_and_as_addresses() {
    let part =
        |url: &str| json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]);
    let source = |url: &str| messages(part(url))["messages"][0]["content"][0]["source"].clone();
    assert_eq!(
        source("data:image/png;base64,AAAA"),
        json!({"type": "base64", "media_type": "image/png", "data": "AAAA"})
    );
    assert_eq!(source("https://x/y.jpg"), json!({"type": "url", "url": "https://x/y.jpg"}));
    for wrong in ["data:image/png,AAAA", "file:///etc/passwd", ""] {
        let failure = said(json!({"messages": part(wrong)}), Value::Null).unwrap_err();
        assert_eq!(failure.retry, Retry::Never, "{wrong}");
    }
}

#[test]
fn options_are_translated_dropped_or_passed_on() {
    let asked = json!({
        "messages": [{"role": "user", "content": "Hi"}], "model": "anthropic/m",
        "max_completion_tokens": 50, "max_tokens": 7, "temperature": 1.5, "top_p": 0.9, "stop": "END", "n": 1,
        "seed": 1, "user": "u", "service_tier": "auto", "reasoning_effort": "low", "store": false,
        "metadata": {"a": "b"}, "logprobs": false, "modalities": ["text"], "top_k": 5,
        "stream_options": {"include_usage": true}, "parallel_tool_calls": true, "tool_choice": "auto",
    });
    let extra = json!({"max_tokens": 9, "temperature": 0.1, "top_k": 1, "thinking": {"type": "disabled"}, "service_tier": "standard_only", "metadata": {"user_id": "x"}});
    let wanted = json!({
        "model": "m", "max_tokens": 50, "messages": [user("Hi")], "temperature": 1, "top_p": 0.9,
        "stop_sequences": ["END"], "top_k": 5, "thinking": {"type": "disabled"}, "stream": true,
    });
    assert_eq!(said(asked, extra.clone()).unwrap(), wanted);
    let plain = json!({"messages": [{"role": "user", "content": "Hi"}]});
    let wanted = json!({
        "model": "m", "max_tokens": 9, "messages": [user("Hi")], "temperature": 0.1, "top_k": 1,
        "thinking": {"type": "disabled"}, "service_tier": "standard_only", "metadata": {"user_id": "x"},
        "stream": true,
    });
    assert_eq!(said(plain, extra).unwrap(), wanted);
}

#[test]
fn what_would_lose_its_meaning_is_refused_so_that_another_provider_may_take_it() {
    for asked in [
        json!({"n": 2}),
        json!({"logprobs": true}),
        json!({"audio": {"voice": "ash"}}),
        json!({"modalities": ["text", "audio"]}),
        json!({"functions": []}),
        json!({"logit_bias": {"50256": -100}}),
        json!({"tools": [{"type": "custom", "custom": {"name": "x"}}]}),
        json!({"response_format": {"type": "grammar"}}),
        json!({"messages": [{"role": "function", "name": "f", "content": "x"}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}),
    ] {
        let failure = said(asked.clone(), Value::Null).unwrap_err();
        assert_eq!(failure.retry, Retry::Elsewhere, "{asked}");
    }
}

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "description": "d", "parameters": {"type": "object"}, "strict": true}})
}

#[test]
fn tools_and_the_choice_among_them_are_translated() {
    let ask = |more: Value| {
        let mut body =
            json!({"messages": [], "tools": [tool("f"), {"type": "function", "function": {"name": "g"}}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        said(body, Value::Null).unwrap()
    };
    let wanted = json!([
        {"name": "f", "input_schema": {"type": "object"}, "description": "d", "strict": true},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]);
    assert_eq!(ask(json!({}))["tools"], wanted);
    for (asked, wanted) in [
        (json!({}), Value::Null),
        (json!({"tool_choice": "auto"}), Value::Null),
        (json!({"tool_choice": "none", "parallel_tool_calls": false}), json!({"type": "none"})),
        (json!({"tool_choice": "required"}), json!({"type": "any"})),
        (json!({"parallel_tool_calls": false}), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (
            json!({"tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": false}),
            json!({"type": "tool", "name": "f", "disable_parallel_tool_use": true}),
        ),
    ] {
        assert_eq!(ask(asked.clone())["tool_choice"], wanted, "{asked}");
    }
}

#[test]
fn an_answer_in_json_is_asked_for_as_a_call() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    let body = said(json!({"messages": [], "response_format": format}), Value::Null).unwrap();
    assert_eq!(body["tools"][0]["input_schema"], schema);
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": "answer_in_json"}));
    let body =
        said(json!({"messages": [], "response_format": format, "tools": [tool("f")]}), Value::Null).unwrap();
    assert_eq!(
        (&body["tools"][0]["name"], &body["tools"][1]["name"]),
        (&json!("f"), &json!("answer_in_json"))
    );
    assert_eq!(body["tool_choice"], json!({"type": "any"}));
}

// --- answers ---

const FORM: Form = Form { created: 7, answers_in_json: false, wants_usage: true };

fn chunks(form: Form, events: &[Value]) -> (Vec<Value>, Recorder, Answer) {
    let (recorder, mut answer) = (Recorder::default(), Answer::new(form));
    for event in events {
        answer.take(event.to_string().as_bytes(), &recorder).unwrap();
    }
    let pieces = answer.pieces.iter().map(|piece| serde_json::from_slice(&piece.json).unwrap()).collect();
    (pieces, recorder, answer)
}

fn start() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "model": "claude", "content": [], "usage": {
        "input_tokens": 25, "cache_read_input_tokens": 1024, "cache_creation_input_tokens": 300, "output_tokens": 3}}})
}

fn end(reason: &str) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 20, "output_tokens_details": {"thinking_tokens": 4}}}),
        json!({"type": "message_stop"}),
    ]
}

fn open(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn add(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn close(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

#[test]
fn usage_is_the_last_cumulative_count_and_the_prompt_includes_the_cache() {
    let mut events = vec![start()];
    let (_, recorder, _) = chunks(FORM, &events);
    // What is known when an answer is cut here.
    assert_eq!(recorder.notes().reported.value(Quantity::InputTokens), Some(1349));
    assert_eq!(recorder.notes().reported.value(Quantity::OutputTokens), None);
    events.extend([
        open(0, json!({"type": "text", "text": ""})),
        add(0, json!({"type": "text_delta", "text": "Hi"})),
        close(0),
    ]);
    events.extend(end("end_turn"));
    let (chunks, recorder, answer) = chunks(FORM, &events);
    assert!(answer.is_over());
    let notes = recorder.notes();
    for (quantity, value) in [
        (Quantity::InputTokens, 1349),
        (Quantity::CachedInputTokens, 1024),
        (Quantity::CacheWriteTokens, 300),
        (Quantity::OutputTokens, 20),
        (Quantity::ReasoningTokens, 4),
    ] {
        assert_eq!(notes.reported.value(quantity), Some(value), "{quantity:?}");
    }
    let choice = |delta: Value, reason: Value| json!([{"index": 0, "delta": delta, "finish_reason": reason}]);
    let chunk = |choices: Value| json!({"id": "msg_1", "object": "chat.completion.chunk", "created": 7, "model": "claude", "choices": choices});
    let mut last = chunk(json!([]));
    last["usage"] = json!({"prompt_tokens": 1349, "completion_tokens": 20, "total_tokens": 1369,
        "prompt_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 300},
        "completion_tokens_details": {"reasoning_tokens": 4}});
    let wanted = [
        chunk(choice(json!({"role": "assistant", "content": ""}), Value::Null)),
        chunk(choice(json!({"content": "Hi"}), Value::Null)),
        chunk(choice(json!({}), json!("stop"))),
        last,
    ];
    assert_eq!(chunks, wanted);
}

#[test]
fn parallel_calls_are_numbered_and_a_call_without_arguments_has_an_empty_object() {
    let mut events = vec![start(), json!({"type": "ping"}), json!({"type": "something_new", "index": 4})];
    events.extend([
        open(0, json!({"type": "thinking", "thinking": ""})),
        add(0, json!({"type": "thinking_delta", "thinking": "hm"})),
        add(0, json!({"type": "signature_delta", "signature": "x"})),
        close(0),
    ]);
    events.extend([
        open(1, json!({"type": "tool_use", "id": "t1", "name": "f", "input": {}})),
        add(1, json!({"type": "input_json_delta", "partial_json": "{\"a\":"})),
        add(1, json!({"type": "input_json_delta", "partial_json": "1}"})),
        close(1),
    ]);
    events.extend([
        open(2, json!({"type": "tool_use", "id": "t2", "name": "g", "input": {}})),
        add(2, json!({"type": "input_json_delta", "partial_json": ""})),
        close(2),
    ]);
    events.extend(end("tool_use"));
    let (chunks, recorder, _) = chunks(FORM, &events);
    let deltas: Vec<&Value> =
        chunks.iter().filter_map(|chunk| chunk["choices"].get(0)).map(|choice| &choice["delta"]).collect();
    let wanted = [
        json!({"role": "assistant", "content": ""}),
        json!({"reasoning_content": "hm"}),
        json!({"tool_calls": [{"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"a\":"}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
        json!({"tool_calls": [{"index": 1, "id": "t2", "type": "function", "function": {"name": "g", "arguments": ""}}]}),
        json!({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}),
        json!({}),
    ];
    assert_eq!(deltas, wanted.iter().collect::<Vec<_>>());
    assert_eq!(chunks[7]["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(recorder.notes().text, "hmf{\"a\":1}g");
}

#[test]
fn every_end_has_its_word() {
    for (reason, wanted) in [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("pause_turn", "stop"),
    ] {
        let events = [[start()].as_slice(), &end(reason)].concat();
        assert_eq!(chunks(FORM, &events).0[1]["choices"][0]["finish_reason"], wanted, "{reason}");
    }
}

#[test]
fn an_answer_in_json_comes_as_text() {
    let form = Form { answers_in_json: true, wants_usage: false, ..FORM };
    let mut events =
        vec![start(), open(0, json!({"type": "tool_use", "id": "t", "name": "answer_in_json", "input": {}}))];
    events.extend([add(0, json!({"type": "input_json_delta", "partial_json": "{\"a\":1}"})), close(0)]);
    events.extend(end("tool_use"));
    let (streamed, recorder, _) = chunks(form, &events);
    assert_eq!(streamed[1]["choices"][0]["delta"], json!({"content": "{\"a\":1}"}));
    assert_eq!(streamed.last().unwrap()["choices"][0]["finish_reason"], "stop");
    assert_eq!(recorder.notes().text, "{\"a\":1}");
    let body = json!({"id": "m", "model": "c", "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 2},
        "content": [{"type": "tool_use", "id": "t", "name": "answer_in_json", "input": {"a": 1}}]});
    let piece = whole(&body.to_string().into(), form, &recorder).unwrap();
    let answer: Value = serde_json::from_slice(&piece.json).unwrap();
    assert_eq!(
        answer["choices"][0],
        json!({"index": 0, "message": {"role": "assistant", "content": "{\"a\":1}"}, "finish_reason": "stop"})
    );
}

#[test]
fn a_connection_that_ends_early_is_a_failure_only_before_the_end_of_the_answer() {
    assert!(chunks(FORM, &[start()]).2.end_of_stream().is_err());
    let events = [[start()].as_slice(), &end("end_turn")[..1]].concat();
    let (_, _, mut answer) = chunks(FORM, &events);
    answer.end_of_stream().unwrap();
    let last: Value = serde_json::from_slice(&answer.pieces.back().unwrap().json).unwrap();
    assert_eq!(last["usage"]["completion_tokens"], 20);
}

#[test]
fn an_error_in_the_middle_is_told_with_its_word_and_status() {
    let recorder = Recorder::default();
    let error =
        br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#;
    let failure = Answer::new(FORM).take(error, &recorder).unwrap_err();
    assert_eq!(
        (failure.status, failure.code.as_deref(), failure.retry),
        (Some(529), Some("overloaded_error"), Retry::Again)
    );
    assert_eq!(recorder.notes().refused, Some(529));
    assert!(Answer::new(FORM).take(b"{\"type\":\"error\"}", &recorder).is_err());
}

proptest! {
    #[test]
    fn no_bytes_can_make_it_panic(bytes: Vec<u8>) {
        let recorder = Recorder::default();
        let _ = Answer::new(FORM).take(&bytes, &recorder);
        let _ = whole(&bytes.into(), FORM, &recorder);
    }

    #[test]
    fn no_order_of_events_can_make_it_panic(order in proptest::collection::vec(0_usize..9, 0..20)) {
        let events = [
            start(), open(0, json!({"type": "text"})), open(1, json!({"type": "tool_use"})), add(0, json!({"text": "a"})),
            add(1, json!({"partial_json": "b"})), close(0), close(1), end("tool_use")[0].clone(), end("")[1].clone(),
        ];
        let events: Vec<Value> = order.into_iter().map(|place| events[place].clone()).collect();
        let _ = chunks(FORM, &events).2.end_of_stream();
    }

    #[test]
    fn any_request_is_translated_or_refused(content: String, role in "system|user|assistant|tool|other", count in 0_usize..5) {
        let message = json!({"role": role, "content": content, "tool_call_id": "x"});
        let body = json!({"messages": vec![message; count]});
        let request = ChatRequest { body: body.as_object().unwrap().clone(), stream: false };
        if let Ok(translated) = translate(&request, "m", &Map::new()) {
            let turns = translated.body["messages"].as_array().unwrap().clone();
            prop_assert!(turns.windows(2).all(|pair| pair[0]["role"] != pair[1]["role"]));
            prop_assert_eq!(&turns[0]["role"], "user");
        }
    }
}
