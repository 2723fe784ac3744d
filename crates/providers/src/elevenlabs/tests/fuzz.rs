//! Whatever ElevenLabs sends is read or refused without a panic.

use crate::{
    elevenlabs::{listen::Commits, options::Manner, tts::Contexts, wire},
    shared::{listening::Dialect, speaking::Tongue},
    sim::rig::Rig,
};
use serde_json::Map;
use std::collections::VecDeque;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use vg_core::{Modality, call::ListenRequest, provider::Direction};
use vg_testkit::fuzz::{fuzz, fuzz_text};

const SPOKEN: [&str; 6] = [
    r#"{"audio":"AAAA","alignment":{"chars":["H","i"," "],"charStartTimesMs":[0,40,80],"charDurationsMs":[40,40,20]},"normalizedAlignment":null}"#,
    r#"{"audio":"AAAA","alignment":{"chars":["y"],"charsStartTimesMs":[0],"charsDurationsMs":[1e300]}}"#,
    r#"{"audio":"AAAA","alignment":{"chars":["y","ou"],"char_start_times_ms":[0,-5],"char_durations_ms":[40,null]},"is_final":false}"#,
    r#"{"isFinal":true,"audio":null}"#,
    r#"{"error":"quota_exceeded","message":"m","code":1008}"#,
    r#"{"error":{"a":1},"contextId":"c1"}"#,
];

const HEARD: [&str; 5] = [
    r#"{"message_type":"session_started","session_id":"s","config":{"sample_rate":16000}}"#,
    r#"{"message_type":"partial_transcript","text":"book a"}"#,
    r#"{"message_type":"committed_transcript","text":"book a table"}"#,
    r#"{"message_type":"committed_transcript_with_timestamps","text":"hi","language_code":"en","words":[{"text":"hi","start":0.1,"end":0.4,"type":"word","logprob":-0.1,"speaker_id":null},{"text":" ","start":0.4,"end":0.5,"type":"spacing"}]}"#,
    r#"{"message_type":"quota_exceeded","error":"e"}"#,
];

const SENT: [&str; 3] = [
    r#"{"text":"Hi. ","context_id":"c1","flush":true,"voice_settings":{"stability":0.5}}"#,
    r#"{"context_id":"c1","inputs":[{"text":"Hi. ","voice_id":"v"}]}"#,
    r#"{"message_type":"input_audio_chunk","audio_base_64":"AAAA","commit":false,"sample_rate":16000}"#,
];

#[tokio::test]
async fn fuzzed_messages_are_spoken_or_refused() {
    let rig = Rig::start().await;
    let manner = |model| Manner::new(&rig.call("/elevenlabs/v1", model).endpoint, (None, None), &Map::new());
    let mut texts = Contexts::<false>::new(manner("eleven_turbo_v2_5"), 24_000);
    let mut lines = Contexts::<true>::new(manner("eleven_v3"), 24_000);
    let (mut orders, mut spoken) = (VecDeque::new(), VecDeque::new());
    fuzz_text(&SPOKEN, |text| {
        let _ = wire::frame(Modality::Tts, Direction::Received, text);
        texts.say("Hi you. ", &mut orders);
        let _ = texts.read(Message::text(text), &mut spoken);
        lines.say("Hi you. ", &mut orders);
        let _ = lines.read(Message::text(text), &mut spoken);
        orders.clear();
        spoken.clear();
    });
}

#[test]
fn fuzzed_messages_are_heard_or_refused() {
    let request = ListenRequest { sample_rate: 16_000, language: None, extra: Map::new() };
    let mut commits = Commits::new(request);
    let mut heard = VecDeque::new();
    fuzz_text(&HEARD, |text| {
        let _ = wire::frame(Modality::Stt, Direction::Received, text);
        commits.audio(Bytes::from_static(&[0; 64]));
        let _ = commits.padding();
        let _ = commits.finalize();
        let _ = commits.read(text, 1.0, &mut heard);
        commits.opened();
        heard.clear();
    });
    fuzz(
        &[br#"{"detail":{"status":"s","message":"m"}}"#, br#"{"detail":[{"msg":"m","type":"t"}]}"#, b"text"],
        |body| {
            let _ = wire::refusal(body);
        },
    );
}

#[test]
fn fuzzed_orders_are_counted_or_left_out() {
    fuzz_text(&SENT, |text| {
        for modality in [Modality::Tts, Modality::Stt] {
            let _ = wire::frame(modality, Direction::Sent, text);
        }
    });
}
