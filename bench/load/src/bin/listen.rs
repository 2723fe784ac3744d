//! Callers by the thousand, each sending 50 ms of audio every 50 ms.
//!
//! Usage: listen livekit|deepgram URL STREAMS SECONDS [API_KEY SECRET | KEY]
//!
//! Every frame begins with the time it was sent, so that the upstream knows how long it took. Prints how many frames were
//! sent and how many events came back.

use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};
use tokio_tungstenite::MaybeTlsStream;
use vg_load::{connect, livekit_token, now};

const FRAME: Duration = Duration::from_millis(50);
const BYTES: usize = 1_600;

#[derive(Default)]
struct Counts {
    frames: AtomicU64,
    events: AtomicU64,
    errors: AtomicU64,
}

#[tokio::main(flavor = "current_thread")]
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
    let MaybeTlsStream::Plain(tcp) = connect(url, token).await.into_inner() else {
        panic!("{url} is not `ws:`")
    };
    let (mut reader, mut writer) = tcp.into_split();
    if is_livekit {
        let create = r#"{"type":"session.create","model":"deepgram/nova-3","settings":{"sample_rate":"16000","encoding":"pcm_s16le","language":"en","extra":{}}}"#;
        writer
            .write_all(&frame(TEXT, create.as_bytes()))
            .await
            .expect("a socket that takes the first message");
    }
    // Of every frame only the time is new. A multiple of three, so that its base64 ends with it.
    let mut audio = vec![0u8; BYTES];
    let mut message = if is_livekit {
        frame(TEXT, format!(r#"{{"type":"input_audio","audio":"{}"}}"#, STANDARD.encode(&audio)).as_bytes())
    } else {
        frame(BINARY, &audio)
    };
    let stamp_at = if is_livekit { HEADER + r#"{"type":"input_audio","audio":""#.len() } else { HEADER };
    let begin = Instant::now() + FRAME * (number % 50) / 50;
    let mut ticks = interval_at(begin, FRAME);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let end = begin + time;
    let mut events = Events::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                audio[..8].copy_from_slice(&now().to_le_bytes());
                if is_livekit {
                    STANDARD.encode_slice(&audio[..9], &mut message[stamp_at..]).expect("a message with room");
                } else {
                    message[stamp_at..][..8].copy_from_slice(&audio[..8]);
                }
                if writer.write_all(&message).await.is_err() {
                    counts.errors.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                counts.frames.fetch_add(1, Ordering::Relaxed);
                if Instant::now() > end {
                    break;
                }
            }
            read = reader.read_buf(&mut events.unread) => match read {
                Ok(1..) => {
                    counts.events.fetch_add(events.count(), Ordering::Relaxed);
                }
                _ => {
                    counts.errors.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            },
        }
    }
    let goodbye = if is_livekit { r#"{"type":"session.finalize"}"# } else { r#"{"type":"CloseStream"}"# };
    let _ = writer.write_all(&frame(TEXT, goodbye.as_bytes())).await;
    let rest = async { while let Ok(1..) = reader.read_buf(&mut events.unread).await {} };
    let _ = tokio::time::timeout(Duration::from_secs(5), rest).await;
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
/// Of a frame with a length of two bytes, and a mask.
const HEADER: usize = 8;

/// A client's frame, whole, under the mask 0: the bytes stay as they are, and the driver has less to do.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a short message").to_be_bytes();
    let head = match payload.len() {
        short @ ..126 => vec![kind, 0x80 | short as u8, 0, 0, 0, 0],
        _ => vec![kind, 0x80 | 126, length[0], length[1], 0, 0, 0, 0],
    };
    [&head, payload].concat()
}

/// What the server says, counted and not read.
#[derive(Default)]
struct Events {
    unread: Vec<u8>,
}

impl Events {
    fn count(&mut self) -> u64 {
        let mut events = 0;
        while let Some(length) = match *self.unread {
            [_, short @ ..126, ..] => Some(2 + usize::from(short)),
            [_, 126, high, low, ..] => Some(4 + usize::from(u16::from_be_bytes([high, low]))),
            _ => None,
        } && length <= self.unread.len()
        {
            self.unread.drain(..length);
            events += 1;
        }
        events
    }
}
