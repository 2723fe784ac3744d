//! Chats: time to the first event and to the end, or as many as go through.
//!
//! Usage: chat URL stream|paced|whole CONNECTIONS SECONDS MODEL [KEY [HEADER...]]
//!
//! `paced` is a stream whose first token comes at once and 15 more with a millisecond between them, so that a server has
//! time to pass each on, as it has in life. Prints requests a second, and percentiles in microseconds.

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use vg_load::percentile;

#[derive(Default)]
struct Times {
    first: Vec<u32>,
    whole: Vec<u32>,
    errors: u64,
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, kind, connections, seconds, model, keys @ ..] = &arguments[..] else {
        panic!("usage: chat URL stream|paced|whole CONNECTIONS SECONDS MODEL [KEY [HEADER...]]")
    };
    let rest = url.strip_prefix("http://").expect("an http URL");
    let (host, path) = rest.split_once('/').expect("a path");
    let is_stream = kind != "whole";
    let paced = if kind == "paced" { r#","user":"paced""# } else { "" };
    let body = format!(
        r#"{{"model":"{model}","messages":[{{"role":"system","content":"You are a waiter. Be brief."}},{{"role":"user","content":"What is on the menu today?"}}],"stream":{is_stream}{paced}{}}}"#,
        if is_stream { r#","stream_options":{"include_usage":true}"# } else { "" }
    );
    let mut headers = String::new();
    for (number, value) in keys.iter().enumerate() {
        let name = if number == 0 { "Authorization: Bearer " } else { "" };
        headers += &format!("{name}{value}\r\n");
    }
    let request: Arc<str> = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into();
    let token: &[u8] = if is_stream { b"dish" } else { b"content" };
    let begin = Instant::now();
    let end = begin + Duration::from_secs_f64(seconds.parse().expect("a number of seconds"));
    let mut clients = Vec::new();
    for _ in 0..connections.parse::<u32>().expect("a number of connections") {
        let (host, request) = (host.to_owned(), Arc::clone(&request));
        clients.push(tokio::spawn(async move { client(&host, &request, end, token).await }));
    }
    let mut all = Times::default();
    for client in clients {
        let mut times = client.await.expect("a client that does not break");
        all.first.append(&mut times.first);
        all.whole.append(&mut times.whole);
        all.errors += times.errors;
    }
    let rate = all.whole.len() as f64 / begin.elapsed().as_secs_f64();
    all.first.sort_unstable();
    all.whole.sort_unstable();
    println!(
        r#"{{"per_second":{rate:.1},"first_p50_us":{},"first_p99_us":{},"whole_p50_us":{},"whole_p99_us":{},"errors":{}}}"#,
        percentile(&all.first, 50.0),
        percentile(&all.first, 99.0),
        percentile(&all.whole, 50.0),
        percentile(&all.whole, 99.0),
        all.errors
    );
}

async fn client(host: &str, request: &str, end: Instant, token: &[u8]) -> Times {
    let mut times = Times::default();
    let mut tcp = connect(host).await;
    let mut answer = Vec::with_capacity(64 << 10);
    while Instant::now() < end {
        answer.clear();
        let begin = Instant::now();
        let asked = tcp.write_all(request.as_bytes()).await;
        let first = if asked.is_ok() { read(&mut tcp, &mut answer, begin, token).await } else { None };
        match first {
            Some(first) if answer.starts_with(b"HTTP/1.1 200") => {
                times.first.push(first.as_micros() as u32);
                times.whole.push(begin.elapsed().as_micros() as u32);
            }
            _ => {
                times.errors += 1;
                tcp = connect(host).await;
            }
        }
    }
    times
}

async fn connect(host: &str) -> TcpStream {
    let tcp = TcpStream::connect(host).await.expect("a server");
    tcp.set_nodelay(true).expect("a socket");
    tcp
}

/// Reads one answer. Gives the time until `token` is in its body.
async fn read(tcp: &mut TcpStream, answer: &mut Vec<u8>, begin: Instant, token: &[u8]) -> Option<Duration> {
    let mut first = None;
    let mut head = None;
    loop {
        if tcp.read_buf(answer).await.ok()? == 0 {
            return None;
        }
        if head.is_none() {
            head = answer.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
        }
        let Some(head) = head else { continue };
        if first.is_none() && answer.get(head..)?.windows(token.len()).any(|window| window == token) {
            first = Some(begin.elapsed());
        }
        let headers = String::from_utf8_lossy(answer.get(..head)?).to_ascii_lowercase();
        let is_whole = match headers.split("content-length: ").nth(1) {
            Some(length) => {
                let length: usize = length.split("\r\n").next()?.trim().parse().ok()?;
                answer.len() >= head + length
            }
            None => answer.ends_with(b"\r\n0\r\n\r\n"),
        };
        if is_whole {
            return first;
        }
    }
}
