//! Tests of speaking on kept sockets.

use crate::{
    client::{Speaking, TtsClient},
    elevenlabs::{
        options::Manner,
        tts::{Contexts, Tts},
    },
    shared::speaking::Tongue,
    sim::rig::{Rig, audio_bytes, say, spoken},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use tokio_tungstenite::tungstenite::Message;
use vg_core::{
    Kind,
    call::{Failure, Letter, SpeakRequest, Spoken},
};

const BASE: &str = "/elevenlabs/v1";
/// One of each family of models.
const MODELS: [&str; 2] = ["eleven_turbo_v2_5", "eleven_v3"];

fn request() -> SpeakRequest {
    SpeakRequest { sample_rate: 24_000, voice: Some("v".to_owned()), language: None, extra: Map::new() }
}

async fn open(rig: &Rig, model: &str) -> Result<Box<dyn Speaking>, Failure> {
    Tts.speak(rig.call(BASE, model), request()).await
}

async fn speak(rig: &Rig, model: &str, texts: &[&str]) -> (Vec<Spoken>, Option<Failure>) {
    say(open(rig, model).await.unwrap(), texts).await
}

fn words(all: &[Spoken]) -> Vec<(String, f64, f64)> {
    let words =
        all.iter().filter_map(|spoken| if let Spoken::Words(words) = spoken { Some(words) } else { None });
    words.flatten().map(|word| (word.text.clone(), word.start, word.end)).collect()
}

#[tokio::test]
async fn a_synthesis_is_metered_as_the_provider_bills_it_and_its_socket_is_kept() {
    for model in MODELS {
        let rig = Rig::start().await;
        let (all, failure) = speak(&rig, model, &["Hi there. ", "How are you? "]).await;
        assert_eq!(failure, None);
        // 23 characters of 60 ms each.
        assert_eq!(audio_bytes(&all), 23 * 60 * 48);
        assert_eq!(rig.notes().received_nanos, 23 * 60 * 1_000_000);
        assert_eq!((rig.notes().characters, rig.billed("characters")), (23, 23));
        assert!(all.contains(&Spoken::TextsDone(2)));
        assert_eq!(rig.notes().sockets, 1);
        let (all, _) = speak(&rig, model, &["Again. "]).await;
        assert_eq!(audio_bytes(&all), 7 * 60 * 48);
        assert_eq!((rig.notes().sockets, rig.notes().characters, rig.billed("requests")), (1, 30, 2));
    }
}

#[tokio::test]
async fn words_come_with_their_times() {
    for model in MODELS {
        let rig = Rig::start().await;
        let (all, _) = speak(&rig, model, &["Hi there. ", "Bye. "]).await;
        let words: Vec<_> = words(&all)
            .into_iter()
            .map(|(text, start, end)| (text, (start * 1e3).round() as u64, (end * 1e3).round() as u64))
            .collect();
        let wanted = [("Hi ", 0, 120), ("there.", 180, 540), ("Bye.", 600, 840)];
        assert_eq!(words, wanted.map(|(text, start, end)| (text.to_owned(), start, end)), "{model}");
        // The first text is done before the last of the audio.
        let done = all.iter().position(|spoken| *spoken == Spoken::TextsDone(1)).unwrap();
        let last = all.iter().rposition(|spoken| matches!(spoken, Spoken::Audio(_))).unwrap();
        assert!(done < last);
    }
}

#[tokio::test]
async fn a_synthesis_without_text_is_no_request() {
    let rig = Rig::start().await;
    assert_eq!(speak(&rig, MODELS[0], &[]).await, (Vec::new(), None));
    assert_eq!((rig.notes().characters, rig.notes().sockets), (0, 1));
    speak(&rig, MODELS[0], &["Hi. "]).await;
    assert_eq!((rig.billed("requests"), rig.notes().sockets), (1, 1));
}

#[tokio::test]
async fn a_cancelled_synthesis_is_metered_as_billed_and_its_socket_is_kept() {
    for model in MODELS {
        let rig = Rig::paced(0.2).await;
        let mut stream = open(&rig, model).await.unwrap();
        stream.say("A long sentence that nobody wants to hear to its end. ".to_owned()).await.unwrap();
        assert!(matches!(stream.next().await, Some(Ok(Spoken::Audio(_)))));
        drop(stream);
        assert_eq!((rig.notes().characters, rig.billed("characters")), (54, 54));
        // Nothing of the first is heard in the second.
        let (all, failure) = speak(&rig, model, &["Sorry. "]).await;
        assert_eq!((audio_bytes(&all), failure), (7 * 60 * 48, None));
        assert_eq!((rig.notes().sockets, rig.notes().characters, rig.billed("characters")), (1, 61, 61));
    }
}

#[tokio::test]
async fn a_context_that_fails_before_it_sounds_is_free_and_after_that_billed() {
    for (after, characters) in [(0, 0), (3, 30)] {
        let rig = Rig::start().await;
        rig.fault("elevenlabs", "tts", "error_frame", after, None);
        let (all, failure) = speak(&rig, MODELS[0], &["Hi there, you who are listening. "]).await;
        let failure = failure.unwrap();
        assert_eq!((failure.status, failure.code.as_deref()), (Some(500), Some("internal_error")));
        assert_eq!((rig.notes().refused, rig.notes().characters), (Some(500), 33));
        assert_eq!(audio_bytes(&all) > 0, characters > 0);
        assert_eq!((rig.billed("characters") > 0, rig.billed("sent_characters")), (characters > 0, 33));
    }
}

#[tokio::test]
async fn a_refused_context_says_why() {
    for (status, kind, code) in [
        (429, Kind::RateLimited, "rate_limited"),
        (402, Kind::Forbidden, "quota_exceeded"),
        (500, Kind::UpstreamFailed, "internal_error"),
    ] {
        let rig = Rig::start().await;
        speak(&rig, MODELS[0], &["Hi. "]).await;
        rig.fault("elevenlabs", "tts", "status", 0, Some(status));
        let (_, failure) = speak(&rig, MODELS[0], &["Hi there. "]).await;
        let failure = failure.unwrap();
        assert_eq!((failure.kind, failure.code.as_deref()), (kind, Some(code)));
        assert_eq!(rig.notes().refused, u16::try_from(status).ok());
        assert_eq!(rig.billed("characters"), 4);
    }
}

#[tokio::test]
async fn a_refused_handshake_says_why() {
    let rig = Rig::start().await;
    let failure =
        Tts.speak(rig.call_with(BASE, MODELS[0], "invalid", Value::Null), request()).await.err().unwrap();
    assert_eq!((failure.kind, failure.status), (Kind::Unauthenticated, Some(401)));
    assert!(failure.message.contains("Invalid API key"), "{}", failure.message);
    assert_eq!((rig.notes().refused, rig.notes().sockets), (Some(401), 0));
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_failure_and_is_not_kept() {
    let rig = Rig::start().await;
    for kind in ["drop", "malformed"] {
        rig.fault("elevenlabs", "tts", kind, 3, None);
        let (_, failure) = speak(&rig, MODELS[0], &["Hi there. "]).await;
        assert_eq!(failure.unwrap().kind, Kind::UpstreamFailed, "{kind}");
    }
    assert_eq!((rig.notes().sockets, rig.notes().characters, rig.billed("characters")), (2, 20, 20));
}

#[tokio::test]
async fn another_voice_language_or_option_of_the_address_gets_another_socket() {
    let rig = Rig::start().await;
    for change in [
        request(),
        SpeakRequest { voice: Some("w".to_owned()), ..request() },
        SpeakRequest { language: Some("de".to_owned()), ..request() },
        SpeakRequest { sample_rate: 16_000, ..request() },
        SpeakRequest {
            extra: json!({"apply_text_normalization": "off"}).as_object().cloned().unwrap(),
            ..request()
        },
        // What a context says itself needs none.
        SpeakRequest { extra: json!({"stability": 0.5}).as_object().cloned().unwrap(), ..request() },
    ] {
        let stream = Tts.speak(rig.call(BASE, MODELS[0]), change).await.unwrap();
        assert_eq!(say(stream, &["Hi. "]).await.1, None);
    }
    assert_eq!(rig.notes().sockets, 5);
}

#[tokio::test]
async fn a_rate_elevenlabs_lacks_is_made_from_the_next_one_above() {
    let rig = Rig::start().await;
    let odd = SpeakRequest { sample_rate: 11_025, ..request() };
    let stream = Tts.speak(rig.call(BASE, MODELS[0]), odd).await.unwrap();
    let (all, failure) = say(stream, &["Hi there. "]).await;
    assert_eq!((audio_bytes(&all), failure), (6_615 * 2, None));
    assert_eq!(rig.notes().received_nanos, 600_000_000);
}

#[tokio::test]
async fn times_that_begin_anew_with_each_message_are_put_after_one_another() {
    let rig = Rig::start().await;
    let manner = Manner::new(&rig.call(BASE, MODELS[0]).endpoint, (None, None), &Map::new());
    let mut contexts = Contexts::<false>::new(manner, 24_000);
    let (mut orders, mut all) = (VecDeque::new(), VecDeque::new());
    contexts.say("Hi you. ", &mut orders);
    let context: Value = serde_json::from_str(&orders[0].text).unwrap();
    let audio = STANDARD.encode(vec![0; 48 * 200]);
    for (chars, more) in [(["H", "i", " ", "y"], json!({})), (["o", "u", ".", " "], json!({"isFinal": true}))]
    {
        let mut message = json!({
            "audio": audio, "contextId": context["context_id"],
            "alignment": {"chars": chars, "charsStartTimesMs": [0, 50, 100, 150], "charsDurationsMs": [50, 50, 50, 50]},
        });
        message.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        contexts.read(Message::text(message.to_string()), &mut all).unwrap();
    }
    let all: Vec<Spoken> = all.into();
    let word = |text: &str, start, end| Letter { text: text.to_owned(), start, end };
    assert!(all.contains(&Spoken::Words(vec![word("Hi ", 0.0, 0.1)])));
    assert!(all.contains(&Spoken::Words(vec![word("you.", 0.15, 0.35)])), "{all:?}");
    assert_eq!(all.last(), Some(&Spoken::TextsDone(1)));
    assert!(contexts.is_silent());
}

#[tokio::test]
async fn a_context_opens_with_what_the_voice_is_to_sound_like() {
    let rig = Rig::start().await;
    let extra = json!({"voice_settings": {"stability": 0.4, "speed": 1.1}, "style": 0.2, "chunk_length_schedule": [50],
        "pronunciation_dictionary_locators": [{"pronunciation_dictionary_id": "p", "version_id": "1"}]});
    let endpoint = rig.call_with(BASE, MODELS[0], "k", extra.clone()).endpoint;
    let opening = Manner::new(&endpoint, (None, Some("en-US")), &Map::new()).opening();
    let wanted = json!({
        "text": " ", "generation_config": {"chunk_length_schedule": [50]},
        "pronunciation_dictionary_locators": [{"pronunciation_dictionary_id": "p", "version_id": "1"}],
        "voice_settings": {"stability": 0.4, "speed": 1.1, "style": 0.2},
    });
    assert_eq!(Value::Object(opening), wanted);
    let endpoint = rig.call_with(BASE, "eleven_v4_turbo", "k", extra).endpoint;
    let opening = Manner::new(&endpoint, (Some("v"), None), &Map::new()).opening();
    let wanted = json!({
        "voices": ["v"], "voice_settings": {"stability": 0.4},
        "pronunciation_dictionary_locators": [{"pronunciation_dictionary_id": "p", "version_id": "1"}],
    });
    assert_eq!(Value::Object(opening), wanted);
}

#[tokio::test]
async fn a_pause_long_enough_to_end_a_context_begins_another() {
    let rig = Rig::start().await;
    let manner = Manner::new(&rig.call(BASE, MODELS[0]).endpoint, (None, None), &Map::new());
    let mut contexts = Contexts::<false>::new(manner, 24_000);
    let (mut orders, mut all) = (VecDeque::new(), VecDeque::new());
    contexts.say("Hi. ", &mut orders);
    let first: Value = serde_json::from_str(&orders[0].text).unwrap();
    let last = json!({"isFinal": true, "context_id": first["context_id"]}).to_string();
    contexts.read(Message::text(last), &mut all).unwrap();
    contexts.say("Bye. ", &mut orders);
    let second: Value = serde_json::from_str(&orders[2].text).unwrap();
    assert_eq!(orders.len(), 4);
    assert_ne!(first["context_id"], second["context_id"]);
}

#[tokio::test]
async fn speech_goes_on_while_the_rest_of_a_cancelled_one_still_comes() {
    let rig = Rig::paced(0.5).await;
    let mut stream = open(&rig, MODELS[0]).await.unwrap();
    stream.say("A sentence of a reply that is interrupted at once. ".to_owned()).await.unwrap();
    assert!(stream.next().await.is_some());
    drop(stream);
    let mut next = open(&rig, MODELS[0]).await.unwrap();
    next.say("Yes? ".to_owned()).await.unwrap();
    next.finish().await.unwrap();
    let (all, failure) = spoken(&mut next).await;
    assert_eq!((audio_bytes(&all), failure), (5 * 60 * 48, None));
    assert_eq!(words(&all).len(), 1);
}
