//! Who is let in, and what those who are not are told.

use crate::{
    dial::dial,
    server::{TestKeys, TestServer},
};
use futures_util::future::{BoxFuture, FutureExt, ready};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use vg_core::Status;
use vg_gateway::{Keys, KeysError, Limits, LivekitKey, VirtualKey};
use vg_testkit::sim::Sim;

#[tokio::test]
async fn health_is_public() {
    let server = TestServer::open().await;
    let answer = server.get("/health", None).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        (answer.json()["status"].as_str(), answer.json()["version"].as_str()),
        (Some("ok"), Some("1.2.3"))
    );
}

#[tokio::test]
async fn endpoints_not_offered_are_told_promptly() {
    let server = TestServer::open().await;
    for path in ["/v1/bargein", "/v1/eot", "/v1/realtime?model=x", "/v1/live/sessions", "/v1//eot"] {
        let answer = server.get(path, None).await;
        assert_eq!(answer.status, 404, "{path}");
        let body = answer.json();
        assert_eq!(body["type"], "not_found");
        assert_eq!(body["details"]["method"], "GET");
    }
    for path in ["/v1/decisions", "/v1/avatar/sessions", "/v1/avatar/sessions/terminate"] {
        assert_eq!(server.ask("POST", path, &[], "{}").await.status, 404, "{path}");
    }
    assert_eq!(server.ask("POST", "/health", &[], "").await.status, 405);
}

#[tokio::test]
async fn a_server_that_drains_says_so_and_ends() {
    let mut server = TestServer::open().await;
    assert!(server.gateway.is_open().await.unwrap());
    server.stop.take();
    (&mut server.served).await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_recording_that_is_being_heard_when_the_server_stops_is_booked_and_its_caller_told() {
    let sim = Sim::start(0.0).await;
    sim.faults(json!([{"provider": "deepgram", "modality": "stt", "kind": "stall", "after_units": 0}])).await;
    let limits = Limits { grace: Duration::from_millis(300), ..Limits::default() };
    let mut server = TestServer::start(&sim.providers(), TestKeys::default(), limits).await;
    // 8192 samples a second: all bytes of the head are ASCII.
    let wav = format!(
        "RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\0\x20\0\0\0\x40\0\0\x02\0\x10\0data\x40\0\0\0{}",
        "\0".repeat(64)
    );
    let part = |name: &str, value: &str| {
        format!("--x\r\ncontent-disposition: form-data; name={name}\r\n\r\n{value}\r\n")
    };
    let (model, file) = (part("model", "deepgram/nova-3"), part("file; filename=a.wav", &wav));
    let body = &format!("{model}{file}--x--\r\n");
    let headers = [("content-type", "multipart/form-data; boundary=x")];
    let stop = server.stop.take();
    let asked = server.ask("POST", "/v1/audio/transcriptions", &headers, body);
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(stop);
    };
    let (answer, ()) = tokio::join!(asked, stopping);
    assert_eq!(answer.status, 503, "{}", answer.body);
    (&mut server.served).await.unwrap().unwrap();
    assert_eq!(server.lines(1).await[0].status, Status::Cancelled);
}

fn signed(claims: &serde_json::Value, secret: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use hmac::{Hmac, KeyInit, Mac};
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(&claims.to_string()));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn claims(api_key: &str, perform: bool) -> serde_json::Value {
    let now = vg_engine::now().0 / 1_000_000;
    serde_json::json!({"inference": {"perform": perform}, "sub": "agent", "iss": api_key, "nbf": now, "exp": now + 600})
}

#[tokio::test]
async fn a_handshake_needs_a_token_of_a_known_key_with_the_grant() {
    let sim = Sim::start(0.0).await;
    let keys = TestKeys { livekit: [("APIkey", ("secret", "shop"))].into(), ..TestKeys::default() };
    let yaml = format!("{}projects: {{ shop: {{ name: Shop }} }}\n", sim.providers());
    let server = TestServer::start(&yaml, keys, Limits::default()).await;
    let path = "/v1/tts?model=cartesia/sonic-3";
    let dial_with = async |token: Option<&str>| dial(&server, path, token).await.err();
    assert_eq!(dial_with(None).await, Some(401));
    assert_eq!(dial_with(Some("nonsense")).await, Some(401));
    assert_eq!(dial_with(Some("vk_unknown")).await, Some(401));
    assert_eq!(dial_with(Some(&signed(&claims("APIkey", true), "other"))).await, Some(401));
    assert_eq!(dial_with(Some(&signed(&claims("nobody", true), "secret"))).await, Some(401));
    assert_eq!(dial_with(Some(&signed(&claims("APIkey", false), "secret"))).await, Some(403));
    let token = signed(&claims("APIkey", true), "secret");
    assert_eq!(dial_with(Some(&token)).await, None);
    // An agent's key calls models, lists them, and does nothing else.
    assert_eq!(server.get("/v1/models", Some(&token)).await.status, 200);
    assert_eq!(server.get("/v1/costs", Some(&token)).await.status, 403);
    let refused = server.get("/v1/models", None).await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("bearer")));
    assert_eq!(server.get("/v1/bargein", None).await.status, 404);
}

/// Keys that are made while the server runs.
#[derive(Default)]
struct LateKeys {
    are_made: AtomicBool,
    keys: TestKeys,
}

impl Keys for LateKeys {
    fn any(&self) -> BoxFuture<'_, Result<bool, KeysError>> {
        ready(Ok(self.are_made.load(Ordering::Relaxed))).boxed()
    }

    fn livekit<'a>(&'a self, api_key: &'a str) -> BoxFuture<'a, Result<Option<LivekitKey>, KeysError>> {
        if self.are_made.load(Ordering::Relaxed) {
            self.keys.livekit(api_key)
        } else {
            ready(Ok(None)).boxed()
        }
    }

    fn virtual_key<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<VirtualKey>, KeysError>> {
        self.keys.virtual_key(token)
    }
}

#[tokio::test]
async fn the_first_key_is_itself_from_its_first_moment_though_the_server_was_open_until_then() {
    let keys = TestKeys { livekit: [("APIkey", ("secret", "default"))].into(), ..TestKeys::default() };
    let keys = Arc::new(LateKeys { keys, ..LateKeys::default() });
    let server =
        TestServer::start_over(None, "", Arc::clone(&keys) as Arc<dyn Keys>, Limits::default()).await;
    assert_eq!(server.get("/v1/costs", None).await.status, 200);
    keys.are_made.store(true, Ordering::Relaxed);
    let token = signed(&claims("APIkey", true), "secret");
    // Anybody might read the costs of an open server; the key of an agent may not.
    assert_eq!(server.get("/v1/costs", Some(&token)).await.status, 403);
    assert_eq!(server.get("/v1/models", Some(&token)).await.status, 200);
}
