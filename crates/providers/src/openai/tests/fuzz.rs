//! Whatever OpenAI sends, it is read or refused without a panic.

use crate::openai::wire::{frame, told};
use vg_core::provider::Direction;
use vg_testkit::fuzz::fuzz_text;

const MESSAGES: [&str; 6] = [
    r#"{"type":"session.updated","event_id":"e","session":{"type":"transcription","audio":{"input":{"format":{"type":"audio/pcm","rate":24000}}}}}"#,
    r#"{"type":"input_audio_buffer.speech_started","event_id":"e","audio_start_ms":120,"item_id":"i"}"#,
    r#"{"type":"conversation.item.input_audio_transcription.delta","item_id":"i","content_index":0,"delta":"Hel"}"#,
    r#"{"type":"conversation.item.input_audio_transcription.completed","item_id":"i","content_index":0,"transcript":"Hello","usage":{"type":"tokens","total_tokens":19,"input_tokens":14,"input_token_details":{"text_tokens":10,"audio_tokens":4},"output_tokens":5}}"#,
    r#"{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"invalid_value","message":"m","param":"p"}}"#,
    r#"{"type":"input_audio_buffer.append","audio":"AAAAAAAA"}"#,
];

#[test]
fn fuzzed_messages_are_read_or_refused() {
    fuzz_text(&MESSAGES, |text| {
        let _ = frame(Direction::Sent, text);
        let _ = frame(Direction::Received, text);
        if let Ok(told) = told(text) {
            let _ = told.usage.map(|usage| usage.quantities());
        }
    });
}
