//! Providers that answer at once: OpenAI's chat, Deepgram's listening, Cartesia's speaking.
//!
//! Usage: upstream PORT [MILLISECONDS_BETWEEN_CHUNKS]
//!
//! Every listening client stamps its audio frames with the time they were sent, so their delay is known here:
//! `GET /delays` gives and clears it.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use futures_util::stream;
use std::{
    env,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;
use vg_load::{now, percentile};

const CHUNKS: usize = 64;

#[derive(Clone)]
struct Upstream {
    gap: Duration,
    delays: Arc<Mutex<Vec<u32>>>,
}

#[tokio::main]
async fn main() {
    let mut arguments = env::args().skip(1);
    let port: u16 = arguments.next().and_then(|port| port.parse().ok()).expect("a port");
    let gap = Duration::from_millis(arguments.next().and_then(|gap| gap.parse().ok()).unwrap_or(0));
    let upstream = Upstream { gap, delays: Arc::default() };
    let router = Router::new()
        .route("/openai/v1/chat/completions", post(chat))
        .route("/openai/v1/models", get(async || r#"{"object":"list","data":[]}"#))
        .route("/deepgram/v1/listen", get(listen))
        .route("/cartesia/tts/websocket", get(speak))
        .route("/delays", get(delays))
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

async fn chat(State(upstream): State<Upstream>, body: Bytes) -> Response {
    let body = String::from_utf8_lossy(&body);
    if !body.contains("\"stream\":true") && !body.contains("\"stream\": true") {
        let whole = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4.1-mini","choices":[{"index":0,"message":{"role":"assistant","content":"Of course, I can help you with that."},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":9,"total_tokens":29}}"#;
        return ([("content-type", "application/json")], whole).into_response();
    }
    let pieces = (0..CHUNKS).map(|number| match number {
        0 => chunk(r#"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}"#, ""),
        62 => chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#, ""),
        63 => {
            chunk("", r#","usage":{"prompt_tokens":20,"completion_tokens":61,"total_tokens":81}"#) + "data: [DONE]\n\n"
        }
        _ => chunk(r#"{"index":0,"delta":{"content":" dish"},"finish_reason":null}"#, ""),
    });
    let gap = upstream.gap;
    let body = stream::unfold(pieces.collect::<Vec<_>>().into_iter(), move |mut rest| async move {
        let piece = rest.next()?;
        if gap > Duration::ZERO {
            tokio::time::sleep(gap).await;
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
                let last = format!(r#"{{"type":"Metadata","request_id":"r","duration":{seconds},"channels":1}}"#);
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
    let mut delays = std::mem::take(&mut *upstream.delays.lock().expect("not poisoned"));
    delays.sort_unstable();
    let at = |percent| percentile(&delays, percent);
    format!(r#"{{"frames":{},"p50_us":{},"p99_us":{},"max_us":{}}}"#, delays.len(), at(50.0), at(99.0), at(100.0))
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
