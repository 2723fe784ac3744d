//! Whatever a local server sends, it is read or refused without a panic.

use crate::shared::{api_error, openai_compat::transcription_wire, wav};
use vg_testkit::fuzz::fuzz;

const REFUSALS: [&[u8]; 4] = [
    br#"{"detail":"Model 'x' is not installed locally. You can download the model using `POST /v1/models`"}"#,
    br#"{"detail":[{"type":"missing","loc":["body","model"],"msg":"Field required"}]}"#,
    br#"{"detail":{"error":"validation_error","message":"no such voice","type":"invalid_request_error"}}"#,
    br#"{"error":{"message":"model 'x' not found","type":"not_found_error","param":null,"code":null}}"#,
];

const TRANSCRIPTS: [&[u8]; 2] = [
    br#"{"task":"transcribe","language":"en","duration":1.2,"text":" hi","segments":[{"id":1,"start":0.0,"end":1.2,"text":" hi"}],"words":null}"#,
    br#"{"text":" hi"}"#,
];

#[test]
fn fuzzed_refusals_are_read() {
    fuzz(&REFUSALS, |body| assert!(api_error::words(body).message.len() < 4_096));
}

#[test]
fn fuzzed_transcripts_are_read_or_refused() {
    fuzz(&TRANSCRIPTS, |body| {
        if let Ok(read) = transcription_wire::read("application/json", body) {
            assert!(read.transcript.duration >= 0.0);
        }
    });
}

#[test]
fn fuzzed_files_hold_no_more_audio_than_they_are_long() {
    let file = wav::file(22_050, &[7; 400]);
    fuzz(&[&file], |file| {
        if let Some(wav) = wav::Wav::parse(file) {
            assert!(wav.data.len() <= file.len());
            let _ = wav.nanos();
        }
    });
}
