//! Whatever a provider sends, what all of them share reads or refuses it without a panic.

use super::{api_error, openai_compat::chat_wire, recorder::Recorder, sse::Decoder};
use vg_testkit::fuzz::{Mutator, fuzz};

const STREAM: [&[u8]; 3] = [
    b"data: {\"a\":1}\n\n: keepalive\n\ndata: [DONE]\n\n",
    b"\xef\xbb\xbfevent: message_start\r\ndata: {\"type\":\r\ndata: \"x\"}\r\n\r\nid: 7\rretry: 1\rdata:y\r\r",
    b"event:ping\ndata\n\ndata: \xf0\x9f\x98\x80\n\nfield without colon\n\n",
];

const CHUNKS: [&[u8]; 6] = [
    br#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]}"#,
    br#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\""}}]},"finish_reason":"tool_calls"}]}"#,
    br#"{"id":"c","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":5,"total_tokens":25,"prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":3}}}"#,
    br#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#,
    br#"{"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}"#,
    br#"{"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":2},"error":"x"},"choices":[{"delta":{"reasoning":"hm"}}]}"#,
];

const ERRORS: [&[u8]; 4] = [
    br#"{"error":{"message":"Rate limit reached","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
    br#"{"error":{"message":"Overloaded","type":"overloaded_error","code":529}}"#,
    br#"{"error":"model not found"}"#,
    br#"{"type":"error","error":{"type":"invalid_request_error","message":"x"}}"#,
];

/// What a stream is decoded to, pushed in pieces of these lengths in turn.
fn decoded(stream: &[u8], lengths: &[usize]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (mut decoder, mut rest, mut events) = (Decoder::default(), stream, Vec::new());
    for length in lengths.iter().cycle().take(stream.len() + 1) {
        let (piece, after) = rest.split_at((*length).min(rest.len()));
        decoder.push(piece);
        rest = after;
        while let Ok(Some(event)) = decoder.next() {
            events.push((event.name.to_vec(), event.data.to_vec()));
        }
    }
    events.extend(decoder.finish().map(|event| (event.name.to_vec(), event.data.to_vec())));
    events
}

#[test]
fn fuzzed_streams_say_the_same_however_they_are_cut() {
    let mut dice = Mutator::new(&STREAM, 5);
    fuzz(&STREAM, |stream| {
        let whole = decoded(stream, &[stream.len().max(1)]);
        let lengths: Vec<usize> = (0..3).map(|_| 1 + dice.below(9)).collect();
        assert_eq!(whole, decoded(stream, &lengths), "cut into {lengths:?}");
    });
}

#[test]
fn fuzzed_chat_pieces_are_read_or_refused() {
    fuzz(&CHUNKS, |json| {
        if let Ok(Some(chunk)) = chat_wire::read(json) {
            let recorder = Recorder::default();
            chunk.tell(&recorder);
            let _ = (chunk.usage().map(|usage| usage.quantities()), chunk.is_finish(), chunk.is_usage_only());
            if let Some(error) = chunk.failure() {
                assert!((400..600).contains(&error.status()));
                drop(error.failure());
            }
        }
    });
}

#[test]
fn fuzzed_refusals_have_words_of_bounded_length() {
    fuzz(&ERRORS, |body| assert!(api_error::words(body).message.len() < 4_096));
}
