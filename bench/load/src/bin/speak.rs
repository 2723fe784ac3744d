//! Time from a text to its first audio, one synthesis after the other on one socket.
//!
//! Usage: speak livekit|cartesia URL SYNTHESES [API_KEY SECRET]
//!
//! Prints the percentiles in microseconds.

use futures_util::{SinkExt, StreamExt};
use std::{env, time::Instant};
use tokio_tungstenite::tungstenite::Message;
use vg_load::{connect, livekit_token, percentile};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [wire, url, syntheses, keys @ ..] = &arguments[..] else {
        panic!("usage: speak livekit|cartesia URL SYNTHESES [API_KEY SECRET]")
    };
    let syntheses: usize = syntheses.parse().expect("a number of syntheses");
    let token = match keys {
        [key, secret] => Some(livekit_token(key, secret)),
        _ => None,
    };
    let is_livekit = wire == "livekit";
    let mut socket = connect(url, token.as_deref()).await;
    if is_livekit {
        let create = r#"{"type":"session.create","sample_rate":"24000","encoding":"pcm_s16le","extra":{},"voice":"v","model":"cartesia/sonic-3"}"#;
        socket.send(Message::Text(create.into())).await.expect("sends");
    }
    let mut times = Vec::new();
    for number in 0..syntheses {
        let (texts, audio, done) = if is_livekit {
            let text = r#"{"type":"input_transcript","transcript":"Hello there. ","generation_config":{"voice":"v","model":"cartesia/sonic-3"},"extra":{}}"#;
            (vec![text.to_owned(), r#"{"type":"session.flush"}"#.to_owned()], "output_audio", "\"done\"")
        } else {
            let message = |text: &str, more: bool| {
                format!(
                    r#"{{"model_id":"sonic-3","transcript":"{text}","voice":{{"mode":"id","id":"v"}},"output_format":{{"container":"raw","encoding":"pcm_s16le","sample_rate":24000}},"context_id":"c{number}","continue":{more}}}"#
                )
            };
            (vec![message("Hello there. ", true), message("", false)], "\"chunk\"", "\"type\":\"done\"")
        };
        let begin = Instant::now();
        for text in texts {
            socket.send(Message::Text(text.into())).await.expect("sends");
        }
        let mut first = None;
        loop {
            let message = socket.next().await.expect("a socket that stays open").expect("a message");
            let Message::Text(text) = message else { continue };
            if text.contains(audio) {
                first.get_or_insert_with(|| begin.elapsed());
            } else if text.contains(done) {
                break;
            }
        }
        times.push(first.expect("audio before the end").as_micros() as u32);
    }
    times.sort_unstable();
    let at = |percent| percentile(&times, percent);
    println!(r#"{{"p50_us":{},"p99_us":{}}}"#, at(50.0), at(99.0));
}
