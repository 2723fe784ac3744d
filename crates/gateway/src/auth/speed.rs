//! How long it takes to know a caller again:
//! `cargo test --release -p vg-gateway speed -- --ignored --nocapture`.

#![expect(clippy::print_stdout, reason = "a measurement says what it measured")]

use super::*;
use crate::{LivekitKey, VirtualKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::{BoxFuture, ready};
use hmac::{Hmac, KeyInit, Mac};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};
use vg_core::config::Secret;

const ROUNDS: u32 = 100_000;
const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH";

struct Known;

impl Keys for Known {
    fn any(&self) -> BoxFuture<'_, Result<bool, KeysError>> {
        Box::pin(ready(Ok(true)))
    }

    fn livekit<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<LivekitKey>, KeysError>> {
        let key = LivekitKey { secret: Secret::from(SECRET), project: "shop".into(), tenant: None };
        Box::pin(ready(Ok(Some(key))))
    }

    fn virtual_key<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<VirtualKey>, KeysError>> {
        let key = VirtualKey { id: "1".into(), project: Some("shop".into()), tenant: Some("acme".into()) };
        Box::pin(ready(Ok(Some(key))))
    }
}

async fn each(token: &str) -> Duration {
    let verifier = Verifier::new(Arc::new(Known), &Config::without_file(), &|_| None).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    verifier.caller(&headers).await.unwrap();
    let started = Instant::now();
    for _ in 0..ROUNDS {
        black_box(verifier.caller(black_box(&headers)).await.unwrap());
    }
    started.elapsed() / ROUNDS
}

#[tokio::test]
#[ignore = "a measurement: it means something in a release build only"]
async fn a_virtual_key_seen_before_takes_less_than_2_microseconds() {
    let each = each("vk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").await;
    println!("virtual key: {each:?}");
    assert!(each < Duration::from_micros(2), "{each:?}");
}

#[tokio::test]
#[ignore = "a measurement: it means something in a release build only"]
async fn a_token_of_a_pair_seen_before_takes_less_than_10_microseconds() {
    let seconds = vg_engine::now().0 / 1_000_000;
    let claims = format!(
        r#"{{"inference":{{"perform":true}},"sub":"agent","iss":"APIaaaaaaaaaaaa","nbf":{seconds},"exp":{}}}"#,
        seconds + 600
    );
    let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", encoded(r#"{"alg":"HS256","typ":"JWT"}"#), encoded(&claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    let each = each(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))).await;
    println!("LiveKit token: {each:?}");
    assert!(each < Duration::from_micros(10), "{each:?}");
}
