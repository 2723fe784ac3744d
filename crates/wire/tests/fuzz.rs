//! Whatever a client sends, it is read or refused, in bounded time and without a panic.

use vg_testkit::fuzz::{fuzz, fuzz_text};
use vg_wire::{
    livekit::{hinted_model, stt, tts},
    openai::{chat::ChatBody, speech::SpeechBody},
};

const STT: [&str; 7] = [
    r#"{"settings":{"sample_rate":"16000","encoding":"pcm_s16le","extra":{"keyterm":["foo"],"smart_format":true},"language":"en"},"model":"deepgram/nova-3","fallback":{"models":[{"model":"cartesia/ink-whisper","extra":null},{"model":"assemblyai/universal-streaming","extra":{"format_turns":true}}]},"connection":{"timeout":10.0,"retries":3},"type":"session.create"}"#,
    r#"{"type":"session.create","settings":{"sample_rate":24000,"encoding":"pcm_s16le","extra":{}}}"#,
    r#"{"type":"input_audio","audio":"AAAAAAAA"}"#,
    r#"{"type":"session.update","settings":{"extra":{"endpointing":100,"keyterm":["foo"]}}}"#,
    r#"{"type":"session.update","settings":{"model":"deepgram/nova-2","language":"de"}}"#,
    r#"{"type":"session.finalize"}"#,
    r#"{"type":"session.close"}"#,
];

const TTS: [&str; 4] = [
    r#"{"type":"session.create","sample_rate":"24000","encoding":"pcm_s16le","extra":{"add_timestamps":true},"voice":"voice-abc","model":"cartesia/sonic-3","language":"en","fallback":{"models":[{"model":"inworld/inworld-tts-2","voice":"Ashley","extra":{}},{"model":"rime/coda","voice":"","extra":{}}]},"connection":{"timeout":10.0,"retries":3}}"#,
    r#"{"type":"input_transcript","transcript":"Hello there. ","generation_config":{"voice":"voice-abc","model":"cartesia/sonic-3:x","language":"en"},"extra":{"speed":"fast"}}"#,
    r#"{"type":"session.flush"}"#,
    r#"{"type":"session.close"}"#,
];

const CHAT: [&[u8]; 3] = [
    br#"{"model":"openai/gpt-4.1-mini","stream":true,"messages":[{"role":"system","content":"You are helpful."},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"auto"}},{"type":"text","text":"weather in Paris?"}]}],"stream_options":{"include_usage":true},"tools":[{"type":"function","function":{"name":"get_weather","strict":true,"parameters":{"type":"object","properties":{}}}}],"tool_choice":"auto"}"#,
    br#"{"model":"a/b","messages":[{"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"sunny"}]}"#,
    br#"{"model":"a/b","messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":{}}},"max_completion_tokens":9,"temperature":0.2}"#,
];

const SPEECH: [&[u8]; 2] = [
    br#"{"model":"openai/tts-1","input":"Hello there.","voice":"alloy","response_format":"mp3","speed":1.0,"stream_format":"sse"}"#,
    br#"{"model":"cartesia/sonic-3","input":"Hello","voice":{"id":"x"},"instructions":"softly"}"#,
];

#[test]
fn fuzzed_messages_of_hearing_sockets_are_read_or_refused() {
    fuzz_text(&STT, |text| {
        if let Ok(stt::ClientMessage::Create(create)) = stt::ClientMessage::read(text) {
            assert!(create.sample_rate > 0);
            assert!(create.model.is_none_or(|model| !model.is_empty()));
        }
    });
}

#[test]
fn fuzzed_messages_of_speaking_sockets_are_read_or_refused() {
    fuzz_text(&TTS, |text| {
        if let Ok(tts::ClientMessage::Create(create)) = tts::ClientMessage::read(text) {
            assert!(create.sample_rate > 0);
        }
    });
}

#[test]
fn fuzzed_query_strings_are_read() {
    fuzz_text(&["model=deepgram%2Fnova-3", "model=a/b&x=%ff", "%", "model=NOT_GIVEN"], |text| {
        drop(hinted_model(Some(text)));
    });
}

#[test]
fn fuzzed_chat_bodies_are_read_or_refused() {
    fuzz(&CHAT, |body| drop(ChatBody::read(body)));
}

#[test]
fn fuzzed_speech_bodies_are_read_or_refused() {
    fuzz(&SPEECH, |body| drop(SpeechBody::read(body)));
}
