//! Callers by the thousand, each sending 50 ms of audio every 50 ms.
//!
//! Usage: listen livekit|deepgram URL STREAMS SECONDS [API_KEY SECRET | KEY]
//!
//! Every frame begins with the time it was sent, so that the upstream knows how long it took. Prints how many frames were
//! sent and how many events came back.

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_tungstenite::tungstenite::Message;
use vg_load::{connect, livekit_token, now};

const FRAME: Duration = Duration::from_millis(50);
const BYTES: usize = 1_600;

#[derive(Default)]
struct Counts {
    frames: AtomicU64,
    events: AtomicU64,
    errors: AtomicU64,
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [wire, url, streams, seconds, keys @ ..] = &arguments[..] else {
        panic!("usage: listen livekit|deepgram URL STREAMS SECONDS [API_KEY SECRET]")
    };
    let streams: u32 = streams.parse().expect("a number of streams");
    let time = Duration::from_secs(seconds.parse().expect("a number of seconds"));
    let token = match keys {
        [key, secret] => Some(livekit_token(key, secret)),
        [key] => Some(key.clone()),
        _ => None,
    };
    let counts = Arc::new(Counts::default());
    let is_livekit = wire == "livekit";
    let mut callers = Vec::new();
    for number in 0..streams {
        let (url, token, counts) = (url.clone(), token.clone(), Arc::clone(&counts));
        // Callers begin one after the other, and so their frames are spread.
        sleep(Duration::from_micros(2_500)).await;
        callers.push(tokio::spawn(async move {
            call(&url, token.as_deref(), is_livekit, number, time, &counts).await;
        }));
    }
    for caller in callers {
        if caller.await.is_err() {
            counts.errors.fetch_add(1, Ordering::Relaxed);
        }
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        r#"{{"frames":{},"events":{},"errors":{}}}"#,
        count(&counts.frames),
        count(&counts.events),
        count(&counts.errors)
    );
}

async fn call(
    url: &str,
    token: Option<&str>,
    is_livekit: bool,
    number: u32,
    time: Duration,
    counts: &Counts,
) {
    let (mut sink, mut stream) = connect(url, token).await.split();
    if is_livekit {
        let create = r#"{"type":"session.create","model":"deepgram/nova-3","settings":{"sample_rate":"16000","encoding":"pcm_s16le","language":"en","extra":{}}}"#;
        sink.send(Message::Text(create.into())).await.expect("a socket that takes the first message");
    }
    let tail = STANDARD.encode(vec![0u8; BYTES - 9]);
    let begin = Instant::now() + FRAME * (number % 50) / 50;
    let mut ticks = interval_at(begin, FRAME);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let end = begin + time;
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let stamp = now().to_le_bytes();
                let message = if is_livekit {
                    let mut head = [0u8; 9];
                    head[..8].copy_from_slice(&stamp);
                    Message::Text(format!(r#"{{"type":"input_audio","audio":"{}{tail}"}}"#, STANDARD.encode(head)).into())
                } else {
                    let mut audio = vec![0u8; BYTES];
                    audio[..8].copy_from_slice(&stamp);
                    Message::Binary(audio.into())
                };
                if sink.send(message).await.is_err() {
                    counts.errors.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                counts.frames.fetch_add(1, Ordering::Relaxed);
                if Instant::now() > end {
                    break;
                }
            }
            event = stream.next() => match event {
                Some(Ok(_)) => {
                    counts.events.fetch_add(1, Ordering::Relaxed);
                }
                _ => {
                    counts.errors.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            },
        }
    }
    let goodbye = if is_livekit { r#"{"type":"session.finalize"}"# } else { r#"{"type":"CloseStream"}"# };
    let _ = sink.send(Message::Text(goodbye.into())).await;
    let rest = async { while let Some(Ok(_)) = stream.next().await {} };
    let _ = tokio::time::timeout(Duration::from_secs(5), rest).await;
}
