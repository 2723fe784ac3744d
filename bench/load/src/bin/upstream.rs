//! Providers that answer at once: OpenAI's chat, Deepgram's listening, Cartesia's speaking.
//!
//! Usage: upstream PORT
//!
//! Every listening client stamps its audio frames with the time they were sent, so their delay is known here:
//! `GET /delays` gives and clears it. Under `/mute` are the same providers saying nothing, under `/down` failing:
//! chat with 503, sockets by hanging up. `GET /gaps` gives the times from such an end of a listening socket to the
//! first audio on another one.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use futures_util::stream;
use std::{
    env,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::net::TcpListener;
use vg_load::{now, percentile};

const CHUNKS: usize = 64;

#[derive(Clone, Default)]
struct Upstream {
    delays: Arc<Mutex<Vec<u32>>>,
    hung_up: Arc<Mutex<Option<Instant>>>,
    gaps: Arc<Mutex<Vec<u32>>>,
}

#[tokio::main]
async fn main() {
    let port: u16 = env::args().nth(1).and_then(|port| port.parse().ok()).expect("a port");
    let upstream = Upstream::default();
    let router = Router::new()
        .route("/openai/v1/chat/completions", post(chat))
        .route("/openai/v1/models", get(async || r#"{"object":"list","data":[]}"#))
        .route("/deepgram/v1/listen", get(listen))
        .route("/cartesia/tts/websocket", get(speak))
        .route("/delays", get(delays))
        .route("/mute/v1/chat/completions", post(async || std::future::pending::<()>().await))
        .route("/mute/tts/websocket", get(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(ignored)))
        .route("/down/v1/chat/completions", post(async || (StatusCode::SERVICE_UNAVAILABLE, "down")))
        .route("/down/v1/listen", get(hang_up))
        .route("/down/tts/websocket", get(hang_up))
        .route("/gaps", get(gaps))
        .with_state(upstream);
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    axum::serve(listener, router).await.expect("serves until killed");
}

fn chunk(delta: &str, rest: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4.1-mini\",\
         \"choices\":[{delta}]{rest}}}\n\n"
    )
}

async fn chat(body: Bytes) -> Response {
    let body = String::from_utf8_lossy(&body);
    if !body.contains("\"stream\":true") && !body.contains("\"stream\": true") {
        let whole = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4.1-mini","choices":[{"index":0,"message":{"role":"assistant","content":"Of course, I can help you with that."},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":9,"total_tokens":29}}"#;
        return ([("content-type", "application/json")], whole).into_response();
    }
    let is_paced = body.contains("\"paced\"");
    let numbers = if is_paced { (0..14).chain(CHUNKS - 2..CHUNKS) } else { (0..CHUNKS).chain(0..0) };
    let pieces = numbers.map(|number| match number {
        0 => chunk(r#"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}"#, ""),
        62 => chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#, ""),
        63 => {
            chunk("", r#","usage":{"prompt_tokens":20,"completion_tokens":61,"total_tokens":81}"#)
                + "data: [DONE]\n\n"
        }
        _ => chunk(r#"{"index":0,"delta":{"content":" dish"},"finish_reason":null}"#, ""),
    });
    let body =
        stream::unfold(pieces.collect::<Vec<_>>().into_iter().enumerate(), move |mut rest| async move {
            let (number, piece) = rest.next()?;
            // The first piece has no token yet.
            if is_paced && number > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            } else {
                tokio::task::yield_now().await;
            }
            Some((Ok::<_, std::convert::Infallible>(piece), rest))
        });
    ([("content-type", "text/event-stream")], Body::from_stream(body)).into_response()
}

async fn listen(State(upstream): State<Upstream>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.read_buffer_size(4 << 10).write_buffer_size(0).on_upgrade(move |socket| heard(socket, upstream))
}

/// An interim every ten frames, a final every sixty: as often as the real one, more or less.
async fn heard(mut socket: WebSocket, upstream: Upstream) {
    let mut frames = 0u64;
    let mut bytes = 0usize;
    let mut delays = Vec::with_capacity(64);
    while let Some(Ok(message)) = socket.recv().await {
        let answer = match message {
            Message::Binary(audio) => {
                if let Some(stamp) = audio.first_chunk::<8>() {
                    delays.push(now().saturating_sub(u64::from_le_bytes(*stamp)) as u32);
                }
                if frames == 0
                    && let Some(since) = upstream.hung_up.lock().expect("not poisoned").take()
                {
                    upstream.gaps.lock().expect("not poisoned").push(since.elapsed().as_micros() as u32);
                }
                frames += 1;
                bytes += audio.len();
                if !frames.is_multiple_of(10) {
                    continue;
                }
                upstream.delays.lock().expect("not poisoned").append(&mut delays);
                let is_final = frames.is_multiple_of(60);
                let start = (frames / 60 * 60) as f64 * 0.05;
                format!(
                    r#"{{"type":"Results","channel_index":[0,1],"start":{start},"duration":0.5,"is_final":{is_final},"speech_final":{is_final},"channel":{{"alternatives":[{{"transcript":"one two","confidence":0.98,"words":[{{"word":"one","start":{start},"end":{start},"confidence":0.9}}]}}]}},"metadata":{{"request_id":"r"}}}}"#
                )
            }
            Message::Text(text) if text.contains("CloseStream") => {
                let seconds = bytes as f64 / 32_000.0;
                let last =
                    format!(r#"{{"type":"Metadata","request_id":"r","duration":{seconds},"channels":1}}"#);
                let _ = socket.send(Message::Text(last.into())).await;
                break;
            }
            _ => continue,
        };
        if socket.send(Message::Text(answer.into())).await.is_err() {
            break;
        }
    }
    upstream.delays.lock().expect("not poisoned").append(&mut delays);
}

async fn delays(State(upstream): State<Upstream>) -> String {
    told(&upstream.delays)
}

async fn gaps(State(upstream): State<Upstream>) -> String {
    told(&upstream.gaps)
}

fn told(times: &Mutex<Vec<u32>>) -> String {
    let mut times = std::mem::take(&mut *times.lock().expect("not poisoned"));
    times.sort_unstable();
    let at = |percent| percentile(&times, percent);
    format!(
        r#"{{"count":{},"p50_us":{},"p99_us":{},"max_us":{}}}"#,
        times.len(),
        at(50.0),
        at(99.0),
        at(100.0)
    )
}

/// A provider that takes everything and says nothing.
async fn ignored(mut socket: WebSocket) {
    while let Some(Ok(_)) = socket.recv().await {}
}

/// A provider that breaks off after a while: a text, or half a second of audio.
async fn hang_up(State(upstream): State<Upstream>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        for _ in 0..10 {
            if !matches!(socket.recv().await, Some(Ok(Message::Binary(_)))) {
                break;
            }
        }
        drop(socket);
        *upstream.hung_up.lock().expect("not poisoned") = Some(Instant::now());
    })
}

async fn speak(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(spoken)
}

/// Audio for every text at once; `done` when the context ends.
async fn spoken(mut socket: WebSocket) {
    let audio = "AAAA".repeat(800);
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(text) = message else { continue };
        let context = text
            .split("\"context_id\":\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap_or_default()
            .to_owned();
        let has_text = !text.contains("\"transcript\":\"\"");
        if has_text && !text.contains("\"cancel\"") {
            let chunk = format!(
                r#"{{"type":"chunk","status_code":206,"done":false,"context_id":"{context}","data":"{audio}","step_time":1.0}}"#
            );
            let _ = socket.send(Message::Text(chunk.into())).await;
        }
        if text.contains("\"continue\":false") {
            let done = format!(r#"{{"type":"done","status_code":200,"done":true,"context_id":"{context}"}}"#);
            let _ = socket.send(Message::Text(done.into())).await;
        }
    }
}
