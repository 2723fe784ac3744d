//! What the drivers share: a clock, percentiles, tokens, sockets.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{client::IntoClientRequest, protocol::WebSocketConfig},
};

/// What the drivers and the upstream use is not the gateway's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A client's socket.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Microseconds since the epoch: processes of one machine share it.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}

/// A percentile of sorted values.
pub fn percentile(sorted: &[u32], percent: f64) -> u32 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * percent / 100.0).round() as usize).copied().unwrap_or(0)
}

/// The token a LiveKit agent would send, signed with `secret`.
pub fn livekit_token(api_key: &str, secret: &str) -> String {
    let seconds = now() / 1_000_000;
    let claims = format!(
        r#"{{"inference":{{"perform":true}},"sub":"agent","iss":"{api_key}","nbf":{seconds},"exp":{}}}"#,
        seconds + 600
    );
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// Opens a socket with small buffers and no delay.
pub async fn connect(url: &str, token: Option<&str>) -> Socket {
    let mut request = url.into_client_request().expect("a URL");
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().expect("a header");
        request.headers_mut().insert("Authorization", value);
    }
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = 4 << 10;
    config.write_buffer_size = 0;
    let connecting = connect_async_with_config(request, Some(config), true);
    let (socket, _) = tokio::time::timeout(Duration::from_secs(20), connecting)
        .await
        .expect("a socket in time")
        .unwrap_or_else(|error| panic!("{url}: {error}"));
    socket
}
