//! The plainest of HTTP clients: one request a connection, the whole answer read.

use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What a server said.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    /// The same as it came.
    pub raw_head: String,
    /// The body, put together if it came in chunks.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[expect(clippy::expect_used, reason = "a test that cannot read an answer has failed")]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("a body in JSON")
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(given, _)| *given == name)
            .map(|(_, value)| value)
    }
}

/// Asks, and reads the whole answer.
///
/// # Panics
/// When there is no answer, or none in HTTP/1.1. What is not UTF-8 is replaced.
#[expect(clippy::expect_used, reason = "a test that gets no answer has failed")]
pub async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).await.expect("a request that is taken");
    let mut answer = Vec::new();
    // A server that refuses a body before it was read resets the connection after its answer.
    drop(stream.read_to_end(&mut answer).await);
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer with a head");
    let (raw_head, head) = (head.to_owned(), head.to_ascii_lowercase());
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let is_chunked = head.contains("transfer-encoding: chunked");
    let body = if is_chunked { joined(body) } else { body.to_owned() };
    Answer { status, head, raw_head, body }
}

/// A chunked body put together.
fn joined(mut rest: &str) -> String {
    let mut whole = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        let (Some(chunk), Some(next)) = (after.get(..size), after.get(size + 2..)) else { break };
        whole.push_str(chunk);
        rest = next;
    }
    whole
}
