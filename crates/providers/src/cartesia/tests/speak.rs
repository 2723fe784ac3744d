//! Tests of speaking on kept sockets.

use crate::{
    cartesia::tts::Tts,
    client::{Speaking, TtsClient},
    sim::rig::{Rig, audio_bytes, say, spoken},
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};
use vg_core::{
    Kind,
    call::{Failure, SpeakRequest, Spoken},
};

fn request(extra: Value) -> SpeakRequest {
    let extra = extra.as_object().cloned().unwrap_or_default();
    SpeakRequest { sample_rate: 24_000, voice: Some("v".to_owned()), language: None, extra }
}

async fn open(rig: &Rig) -> Result<Box<dyn Speaking>, Failure> {
    open_at(rig, "/cartesia").await
}

async fn open_at(rig: &Rig, base: &str) -> Result<Box<dyn Speaking>, Failure> {
    Tts.speak(rig.call(base, "sonic-3"), request(Value::Object(Map::new()))).await
}

async fn speak(rig: &Rig, base: &str, texts: &[&str]) -> (Vec<Spoken>, Option<Failure>) {
    say(open_at(rig, base).await.unwrap(), texts).await
}

#[tokio::test]
async fn a_synthesis_is_metered_as_the_provider_bills_it_and_its_socket_is_kept() {
    let rig = Rig::start().await;
    let (all, failure) = speak(&rig, "/cartesia", &["Hi there. ", "How are you? "]).await;
    assert_eq!(failure, None);
    // 23 characters of 60 ms each.
    assert_eq!(audio_bytes(&all), 23 * 60 * 48);
    assert_eq!(rig.notes().received_nanos, 23 * 60 * 1_000_000);
    assert_eq!((rig.notes().characters, rig.billed("characters")), (23, 23));
    assert!(all.contains(&Spoken::TextsDone(2)));
    assert!(!all.iter().any(|spoken| matches!(spoken, Spoken::Words(_))));
    assert_eq!(rig.notes().sockets, 1);
    let (all, _) = speak(&rig, "/cartesia", &["Again. "]).await;
    assert_eq!(audio_bytes(&all), 7 * 60 * 48);
    assert_eq!((rig.notes().sockets, rig.notes().characters, rig.billed("requests")), (1, 30, 2));
}

#[tokio::test]
async fn words_come_with_their_times_when_they_are_asked_for() {
    let rig = Rig::start().await;
    let mut stream =
        Tts.speak(rig.call("/cartesia", "sonic-3"), request(json!({"add_timestamps": true}))).await.unwrap();
    stream.say("Hi there. ".to_owned()).await.unwrap();
    stream.say("Bye. ".to_owned()).await.unwrap();
    stream.finish().await.unwrap();
    let (all, _) = spoken(&mut stream).await;
    let words: Vec<_> = all
        .iter()
        .flat_map(|spoken| if let Spoken::Words(words) = spoken { words.clone() } else { Vec::new() })
        .map(|word| (word.text, word.start, word.end))
        .collect();
    assert_eq!(
        words,
        [("Hi".to_owned(), 0.0, 0.12), ("there.".to_owned(), 0.18, 0.54), ("Bye.".to_owned(), 0.6, 0.84)]
    );
    // The first text is done before the last of the audio.
    let done = all.iter().position(|spoken| *spoken == Spoken::TextsDone(1)).unwrap();
    let last = all.iter().rposition(|spoken| matches!(spoken, Spoken::Audio(_))).unwrap();
    assert!(done < last);
}

#[tokio::test]
async fn a_synthesis_without_text_is_no_request() {
    let rig = Rig::start().await;
    assert_eq!(speak(&rig, "/cartesia", &[]).await, (Vec::new(), None));
    assert_eq!((rig.notes().characters, rig.notes().sockets), (0, 1));
    speak(&rig, "/cartesia", &["Hi. "]).await;
    assert_eq!((rig.billed("requests"), rig.notes().sockets), (1, 1));
}

#[tokio::test]
async fn a_cancelled_synthesis_is_metered_as_billed_and_its_socket_is_kept() {
    let rig = Rig::paced(0.2).await;
    let mut stream = open(&rig).await.unwrap();
    stream.say("A long sentence that nobody wants to hear to its end. ".to_owned()).await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(Spoken::Audio(_)))));
    drop(stream);
    assert_eq!(rig.outcome().await, "cut");
    assert_eq!((rig.notes().characters, rig.billed("characters")), (54, 54));
    let (all, failure) = speak(&rig, "/cartesia", &["Sorry. "]).await;
    assert_eq!((audio_bytes(&all), failure), (7 * 60 * 48, None));
    assert_eq!((rig.notes().sockets, rig.notes().characters, rig.billed("characters")), (1, 61, 61));
}

#[tokio::test]
async fn a_context_that_fails_is_a_refusal_and_free() {
    let rig = Rig::start().await;
    rig.fault("cartesia", "tts", "error_frame", 3, None);
    let (_, failure) = speak(&rig, "/cartesia", &["Hi there. "]).await;
    let failure = failure.unwrap();
    assert_eq!((failure.status, failure.code.as_deref()), (Some(500), Some("internal_error")));
    assert_eq!((rig.notes().refused, rig.notes().characters), (Some(500), 10));
    assert_eq!((rig.billed("characters"), rig.billed("sent_characters")), (0, 10));
}

#[tokio::test]
async fn texts_on_their_way_to_a_context_that_failed_are_free() {
    let rig = Rig::start().await;
    for kind in ["error_frame", "status"] {
        // A socket to keep, so that the fault finds a context and not a handshake.
        speak(&rig, "/cartesia", &["Hi. "]).await;
        let billed = rig.billed("characters");
        rig.fault("cartesia", "tts", kind, 0, Some(500));
        let mut stream = open(&rig).await.unwrap();
        for text in ["One sentence. ", "Another one. ", "And a third. "] {
            // Until the failure is known.
            if stream.say(text.to_owned()).await.is_err() {
                break;
            }
        }
        while let Some(Ok(_)) = stream.next().await {}
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert_eq!(rig.notes().refused, Some(500));
        assert_eq!(rig.billed("characters"), billed, "{kind}");
    }
}

#[tokio::test]
async fn a_refused_context_says_why() {
    let rig = Rig::start().await;
    speak(&rig, "/cartesia", &["Hi. "]).await;
    rig.fault("cartesia", "tts", "status", 0, Some(429));
    let (_, failure) = speak(&rig, "/cartesia", &["Hi there. "]).await;
    let failure = failure.unwrap();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::RateLimited, Some("concurrency_limited")));
    assert_eq!(rig.notes().refused, Some(429));
}

#[tokio::test]
async fn a_refused_handshake_says_why() {
    let rig = Rig::start().await;
    let failure = Tts
        .speak(rig.call_with("/cartesia", "sonic-3", "invalid", Value::Null), request(Value::Null))
        .await
        .err()
        .unwrap();
    assert_eq!((failure.kind, failure.status), (Kind::Unauthenticated, Some(401)));
    assert!(failure.message.contains("Invalid API key"), "{}", failure.message);
    assert_eq!((rig.notes().refused, rig.notes().sockets), (Some(401), 0));
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_failure_and_is_not_kept() {
    let rig = Rig::start().await;
    for kind in ["drop", "malformed"] {
        rig.fault("cartesia", "tts", kind, 3, None);
        let (_, failure) = speak(&rig, "/cartesia", &["Hi there. "]).await;
        assert_eq!(failure.unwrap().kind, Kind::UpstreamFailed, "{kind}");
    }
    assert_eq!((rig.notes().sockets, rig.notes().characters, rig.billed("characters")), (2, 20, 20));
}

#[tokio::test]
async fn a_rate_cartesia_lacks_is_made_from_the_next_one_above() {
    let rig = Rig::start().await;
    let odd = SpeakRequest { sample_rate: 11_025, ..request(Value::Null) };
    let mut stream = Tts.speak(rig.call("/cartesia", "sonic-3"), odd).await.unwrap();
    stream.say("Hi there. ".to_owned()).await.unwrap();
    stream.finish().await.unwrap();
    let (all, failure) = spoken(&mut stream).await;
    // 600 ms, which is what Cartesia made at 16 kHz.
    assert_eq!((audio_bytes(&all), failure), (6_615 * 2, None));
    assert_eq!(rig.notes().received_nanos, 600_000_000);
    assert_eq!(speak(&rig, "/cartesia", &["Hi. "]).await.1, None);
    assert_eq!(rig.notes().sockets, 1);
}

/// What a hand-made server does with an order.
enum Then {
    /// Answers it, and waits for the next.
    Answer,
    /// Answers it, and closes.
    AnswerAndClose,
    /// Closes in good order.
    Close,
    /// Cuts the connection.
    Cut,
}

/// A server that does so with each connection; gives its address.
async fn server(connections: Vec<Vec<Then>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for orders in connections {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = accept_async(stream).await.unwrap();
            for then in orders {
                let order = loop {
                    let Some(Ok(Message::Text(text))) = socket.next().await else { panic!("no order") };
                    let order: Value = serde_json::from_str(&text).unwrap();
                    if order["continue"] == true {
                        break order;
                    }
                };
                match then {
                    Then::Answer => answer(&mut socket, &order).await,
                    Then::AnswerAndClose => {
                        answer(&mut socket, &order).await;
                        socket.close(None).await.unwrap();
                    }
                    Then::Close => socket.close(None).await.unwrap(),
                    Then::Cut => break,
                }
            }
        }
    });
    origin
}

async fn answer(socket: &mut WebSocketStream<tokio::net::TcpStream>, order: &Value) {
    let context = &order["context_id"];
    for message in [
        json!({"type": "chunk", "context_id": context, "data": "AAAA", "done": false, "status_code": 206}),
        json!({"type": "done", "context_id": context, "done": true, "status_code": 200}),
    ] {
        socket.send(Message::text(message.to_string())).await.unwrap();
    }
}

#[tokio::test]
async fn a_kept_socket_that_was_closed_is_not_used() {
    let rig = Rig::start().await;
    let base = server(vec![vec![Then::AnswerAndClose], vec![Then::Answer]]).await;
    for _ in 0..2 {
        assert_eq!(speak(&rig, &base, &["Hi. "]).await.1, None);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!((rig.notes().sockets, rig.notes().characters), (2, 8));
}

#[tokio::test]
async fn a_kept_socket_that_closes_as_it_is_used_is_replaced_and_the_text_counted_once() {
    let rig = Rig::start().await;
    let base = server(vec![vec![Then::Answer, Then::Close], vec![Then::Answer]]).await;
    assert_eq!(speak(&rig, &base, &["Hi. "]).await.1, None);
    let (all, failure) = speak(&rig, &base, &["Again. "]).await;
    assert_eq!((audio_bytes(&all), failure), (2, None));
    assert_eq!((rig.notes().sockets, rig.notes().characters), (2, 11));
}

#[tokio::test]
async fn a_kept_socket_that_breaks_as_it_is_used_is_a_failure() {
    let rig = Rig::start().await;
    let base = server(vec![vec![Then::Answer, Then::Cut]]).await;
    assert_eq!(speak(&rig, &base, &["Hi. "]).await.1, None);
    let mut stream = open_at(&rig, &base).await.unwrap();
    stream.say("Again. ".to_owned()).await.unwrap();
    let (_, failure) = spoken(&mut stream).await;
    assert_eq!(failure.unwrap().kind, Kind::UpstreamFailed);
    assert_eq!((rig.notes().sockets, rig.notes().characters), (1, 11));
}

#[tokio::test]
async fn another_key_gets_another_socket() {
    let rig = Rig::start().await;
    speak(&rig, "/cartesia", &["Hi. "]).await;
    let other = rig.call_with("/cartesia", "sonic-3", "other", Value::Null);
    let mut stream = Tts.speak(other, request(Value::Null)).await.unwrap();
    stream.finish().await.unwrap();
    spoken(&mut stream).await;
    assert_eq!(rig.notes().sockets, 2);
}

#[tokio::test]
async fn a_socket_is_not_kept_for_longer_than_the_provider_does() {
    let rig = Rig::start().await;
    speak(&rig, "/cartesia", &["Hi. "]).await;
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(241)).await;
    tokio::time::resume();
    speak(&rig, "/cartesia", &["Hi. "]).await;
    assert_eq!(rig.notes().sockets, 2);
}

#[tokio::test]
async fn the_simulator_tells_when_a_flush_is_done() {
    let rig = Rig::start().await;
    let address = format!("{}/cartesia/tts/websocket?api_key=k", rig.origin.replace("http", "ws"));
    let (mut socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
    for (text, flush) in [("Hi there. ", false), ("", true)] {
        let order = json!({"model_id": "sonic-3", "context_id": "c", "transcript": text, "continue": true,
                           "flush": flush, "output_format": {"sample_rate": 24_000}});
        socket.send(Message::text(order.to_string())).await.unwrap();
    }
    let mut kinds = Vec::new();
    while kinds.last().is_none_or(|kind| kind != "flush_done") {
        let Some(Ok(Message::Text(text))) = socket.next().await else { panic!("closed") };
        let message: Value = serde_json::from_str(&text).unwrap();
        kinds.push(message["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds.iter().filter(|kind| *kind == "chunk").count(), 5);
}
