//! A LiveKit client's socket, without its client.

use crate::server::TestServer;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// An open socket.
pub struct Socket {
    ws: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Every message that came, so far.
    pub seen: Vec<Value>,
}

/// Dials; a refusal is its status.
pub async fn dial(server: &TestServer, path: &str, token: Option<&str>) -> Result<Socket, u16> {
    let mut request = format!("ws://{}{path}", server.address).into_client_request().unwrap();
    if let Some(token) = token {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    for (name, value) in [("x-livekit-room-id", "RM_1"), ("x-livekit-job-id", "AJ_1")] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((ws, _)) => Ok(Socket { ws, seen: Vec::new() }),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

impl Socket {
    pub async fn send(&mut self, message: Value) {
        self.ws.send(Message::text(message.to_string())).await.unwrap();
    }

    /// Sends what may meet a closed door.
    pub async fn try_send(&mut self, text: String) -> bool {
        self.ws.send(Message::text(text)).await.is_ok()
    }

    /// Sends audio: so many milliseconds at 16 kHz, loud or silent.
    pub async fn audio(&mut self, millis: usize, is_loud: bool) {
        for _ in 0..millis / 50 {
            let sample: [u8; 4] = if is_loud { [0x40, 0x1f, 0xc0, 0xe0] } else { [0; 4] };
            let audio = STANDARD.encode(sample.repeat(400));
            self.send(json!({"audio": audio, "type": "input_audio"})).await;
        }
    }

    /// The next message; the close code as an error, 1006 when there was no close frame.
    pub async fn next(&mut self) -> Result<Value, u16> {
        loop {
            match timeout(PATIENCE, self.ws.next())
                .await
                .unwrap_or_else(|_| panic!("silence after {:?}", self.seen))
            {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    assert!(!has_null(&message), "{text}");
                    self.seen.push(message.clone());
                    return Ok(message);
                }
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// Messages up to and with the first of this type.
    pub async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            let message =
                self.next().await.unwrap_or_else(|code| panic!("closed with {code} after {messages:?}"));
            let is_it = message["type"] == kind;
            messages.push(message);
            if is_it {
                return messages;
            }
        }
    }

    /// Messages up to the close, and its code.
    pub async fn rest(&mut self) -> (Vec<Value>, u16) {
        let mut messages = Vec::new();
        loop {
            match self.next().await {
                Ok(message) => messages.push(message),
                Err(code) => return (messages, code),
            }
        }
    }

    /// Whether nothing comes for so long.
    pub async fn is_silent_for(&mut self, wait: Duration) -> bool {
        timeout(wait, self.ws.next()).await.is_err()
    }

    /// Sends a close frame and waits for the answer.
    pub async fn close(mut self) {
        self.ws.send(Message::Close(None)).await.unwrap();
        while let Some(Ok(_)) = self.ws.next().await {}
    }
}

/// Whether there is a null in it, which kills a stream of Python's client.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

/// The types of messages.
pub fn kinds(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["type"].as_str().unwrap()).collect()
}
