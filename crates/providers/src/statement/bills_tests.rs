//! The simulators' bills, which know nothing of these readers, against what was written into their books.

use super::{BillingCall, Document, Kind, Row, Statement, read};
use crate::{
    client::full,
    registry,
    shared::http::whole,
    sim::{base_urls, rig::Rig},
};
use http::Request;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use vg_core::{Money, Quantity, UnixMicros, call::Failure, config::Secret};

const DAY: i64 = 86_400_000_000;
/// 2026-10-30: the days that follow are of two months.
const FIRST: i64 = 1_793_318_400_000_000;
const DAYS: i64 = 40;

/// Of each model, what there is of each quantity.
type Sums = BTreeMap<(String, &'static str), u64>;

/// One kind of request in the books: so many of it, each with these counts, on this day of the time.
fn past(provider: &str, modality: &str, model: &str, day: i64, n: u64, counts: Value) -> Value {
    let started_at = super::fetch::rfc_3339(UnixMicros(FIRST + day * DAY + DAY / 2));
    json!({"provider": provider, "modality": modality, "model": model, "started_at": started_at, "n": n, "counts": counts})
}

fn history() -> Vec<Value> {
    let tokens = |input: u64, cached: u64, written: u64, output: u64| json!({"input_tokens": input, "cached_input_tokens": cached, "cache_write_tokens": written, "output_tokens": output});
    vec![
        past("openai", "llm", "gpt-4o-mini", 0, 3, tokens(1_000, 400, 0, 51)),
        past("openai", "llm", "gpt-4o-mini", 39, 2, tokens(77, 0, 0, 13)),
        past("openai", "llm", "gpt-4.1", 12, 1, tokens(9, 0, 0, 1)),
        past("openai", "stt", "whisper-1", 5, 4, json!({"audio_seconds": 12.0})),
        past("openai", "tts", "tts-1", 6, 5, json!({"characters": 501})),
        past("anthropic", "llm", "claude-haiku-4-5", 0, 3, tokens(1_000, 300, 200, 77)),
        past("anthropic", "llm", "claude-haiku-4-5", 38, 1, tokens(10, 0, 0, 1)),
        past("anthropic", "llm", "claude-sonnet-4-5", 9, 2, tokens(500, 100, 0, 20)),
        past("deepgram", "stt", "nova-3", 1, 4, json!({"audio_seconds": 7.25})),
        past("deepgram", "stt", "nova-3", 35, 1, json!({"audio_seconds": 3_601.0})),
        past("deepgram", "tts", "aura-2-thalia-en", 2, 3, json!({"characters": 333})),
        past("elevenlabs", "tts", "eleven_flash_v2_5", 2, 2, json!({"characters": 1_000})),
        past("elevenlabs", "tts", "eleven_multilingual_v2", 33, 1, json!({"characters": 77})),
        past("cartesia", "tts", "sonic-3", 4, 7, json!({"characters": 120})),
        past("cartesia", "tts", "sonic-3", 39, 1, json!({"characters": 5})),
        past("groq", "llm", "llama-3.3-70b-versatile", 8, 2, tokens(40, 0, 0, 4)),
        past("assemblyai", "stt", "universal-streaming", 8, 2, json!({"audio_seconds": 30.5})),
    ]
}

/// What the books say of a provider's models, in the ledger's units.
fn booked(provider: &str) -> Sums {
    let mut sums = Sums::new();
    for given in history().iter().filter(|given| given["provider"] == provider) {
        let model = given["model"].as_str().unwrap();
        for (name, count) in given["counts"].as_object().unwrap() {
            let n = given["n"].as_u64().unwrap();
            let quantity = Quantity::ALL.into_iter().find(|quantity| quantity.as_str() == name);
            let (name, count) = match quantity {
                Some(quantity) => (quantity.as_str(), count.as_u64().unwrap() * n),
                None => ("audio_nanos", (count.as_f64().unwrap() * 1e9) as u64 * n),
            };
            *sums.entry((model.to_owned(), name)).or_default() += count;
        }
    }
    sums.retain(|_, count| *count > 0);
    sums
}

fn told(rows: &[Row], is_of_it: impl Fn(&Row) -> bool) -> Sums {
    let mut sums = Sums::new();
    for row in rows.iter().filter(|row| is_of_it(row)) {
        for (quantity, measured) in row.usage.iter() {
            *sums.entry((row.model.clone(), quantity.as_str())).or_default() += measured.value;
        }
    }
    sums.retain(|_, count| *count > 0);
    sums
}

fn charged(rows: &[Row]) -> Money {
    rows.iter().filter_map(|row| row.amount).sum()
}

async fn ask(rig: &Rig, method: &str, path: &str, body: &Value) -> Vec<u8> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request =
        Request::builder().method(method).uri(format!("{}{path}", rig.origin)).body(full(body)).unwrap();
    let response = rig.network.answer(request, Duration::from_secs(60)).await.unwrap();
    let status = response.status();
    let bytes = whole(response).await.unwrap().to_vec();
    assert!(status.is_success(), "{path} {status} {}", String::from_utf8_lossy(&bytes));
    bytes
}

async fn books() -> Rig {
    let rig = Rig::start().await;
    ask(&rig, "POST", "/__history", &json!(history())).await;
    rig
}

async fn fetched(rig: &Rig, provider: &str, key: &str) -> Result<Vec<Document>, Failure> {
    let base_url = base_urls(&rig.origin).into_iter().find(|(id, _)| *id == provider).map(|(_, url)| url);
    let call = BillingCall {
        network: Arc::clone(&rig.network),
        base_url,
        admin_key: Secret::from(key),
        account: None,
        since: UnixMicros(FIRST),
        until: UnixMicros(FIRST + DAYS * DAY),
    };
    registry::billing(provider).unwrap().fetch(call).await
}

async fn downloaded(rig: &Rig, provider: &str, query: &str) -> Statement {
    let bytes = ask(rig, "GET", &format!("/__bill/{provider}?{query}"), &Value::Null).await;
    read(provider, &[Document::open(query, bytes).unwrap()]).unwrap()
}

/// Whether two amounts are the same but for what a double or a last digit may hide.
fn are_alike(left: Money, right: Money) -> bool {
    left.0.abs_diff(right.0) <= 1_000 && left > Money::ZERO
}

const KEYS: [(&str, &str); 5] = [
    ("openai", "sk-admin-1"),
    ("anthropic", "sk-ant-admin01-1"),
    ("deepgram", "owner-1"),
    ("elevenlabs", "owner-1"),
    ("cartesia", "sk_car_admin_1"),
];

#[tokio::test]
async fn what_is_fetched_of_each_provider_is_what_its_books_have() {
    let (rig, mut wrong) = (books().await, Vec::new());
    let mut expect = |is_so: bool, what: String| {
        if !is_so {
            wrong.push(what)
        }
    };
    for (provider, key) in KEYS {
        let documents = fetched(&rig, provider, key).await.unwrap();
        let statement = read(provider, &documents).unwrap();
        let notes: Vec<&String> =
            statement.notes.iter().filter(|note| !note.contains("counts credits")).collect();
        expect(notes.is_empty(), format!("{provider} {notes:?}"));
        if provider == "cartesia" {
            let credits: Vec<String> = statement
                .rows
                .iter()
                .filter_map(|row| row.credits.as_ref().filter(|credits| !credits.is_zero()))
                .map(ToString::to_string)
                .collect();
            expect(credits == ["840", "5"], format!("{credits:?}"));
            continue;
        }
        let usage = told(&statement.rows, |row| row.kind != Kind::Cost);
        expect(usage == booked(provider), format!("{provider} {usage:?}"));
        let requests: u64 = statement.rows.iter().filter_map(|row| row.requests).sum();
        let made: u64 = history()
            .iter()
            .filter(|given| given["provider"] == provider)
            .map(|given| given["n"].as_u64().unwrap())
            .sum();
        if !["anthropic", "elevenlabs"].contains(&provider) {
            expect(requests == made, format!("{provider} {requests} requests"));
        }
        if provider != "elevenlabs" {
            // The canonical bill is of one modality.
            let canonical = downloaded(&rig, provider, "").await.rows;
            let is_of_it = |row: &&Row| canonical.iter().any(|other| other.modality == row.modality);
            let one = statement.rows.iter().filter(is_of_it).filter_map(|row| row.amount).sum();
            let other = charged(&canonical);
            expect(are_alike(one, other), format!("{provider} ${one} and ${other}"));
        }
        if provider == "openai" {
            let costs = told(&statement.rows, |row| row.kind == Kind::Cost);
            expect(costs == booked(provider), format!("costs {costs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn what_is_downloaded_of_each_provider_is_what_its_books_have() {
    let (rig, mut wrong) = (books().await, Vec::new());
    for (provider, query) in [
        ("openai", "kind=usage&format=csv&endpoint=completions"),
        ("openai", "kind=usage&format=json&endpoint=audio_speeches"),
        ("openai", "kind=usage&format=csv&endpoint=audio_transcriptions"),
        ("openai", "kind=cost&format=csv"),
        ("openai", "kind=cost&format=json"),
        ("anthropic", "kind=usage&format=csv"),
        ("anthropic", "kind=usage&format=json"),
        ("deepgram", "kind=usage&format=json"),
        ("deepgram", "kind=requests&format=json"),
        ("elevenlabs", "kind=usage&format=json"),
        ("openai", ""),
        ("anthropic", ""),
        ("groq", ""),
        ("assemblyai", ""),
        ("cartesia", ""),
        ("deepgram", ""),
        ("elevenlabs", ""),
    ] {
        let statement = downloaded(&rig, provider, query).await;
        let (found, booked) = (told(&statement.rows, |_| true), booked(provider));
        // One set of columns has no place for the parts of the input, so not all of the books is on each bill.
        if found.is_empty() || found.iter().any(|(what, count)| booked.get(what) != Some(count)) {
            wrong.push(format!("{provider} {query} {found:?}"));
        }
    }
    let totals = [
        ("openai", "kind=cost&format=csv", "kind=cost&format=json"),
        ("anthropic", "kind=cost&format=json", ""),
    ];
    for (provider, one, other) in totals {
        let (one, other) = (downloaded(&rig, provider, one).await, downloaded(&rig, provider, other).await);
        let (one, other) = (charged(&one.rows), charged(&other.rows));
        if !are_alike(one, other) {
            wrong.push(format!("{provider} ${one} and ${other}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let console = downloaded(&rig, "anthropic", "kind=cost&format=csv").await;
    assert!(console.rows.iter().all(|row| row.amount_places == 2 && row.model.starts_with("claude-")));
}

#[tokio::test]
async fn a_billing_api_that_fails_once_is_asked_again_and_an_ordinary_key_is_explained() {
    let rig = books().await;
    rig.fault("cartesia", "billing", "status", 0, Some(429));
    let documents = fetched(&rig, "cartesia", "sk_car_admin_1").await.unwrap();
    assert!(!read("cartesia", &documents).unwrap().rows.is_empty());
    for (provider, key) in [
        ("openai", "sk-proj-1"),
        ("anthropic", "sk-ant-api03-1"),
        ("deepgram", "member-1"),
        ("elevenlabs", "member-1"),
        ("cartesia", "sk_car_1"),
    ] {
        let failure = fetched(&rig, provider, key).await.unwrap_err();
        assert!(failure.message.contains("is needed"), "{provider} {failure}");
    }
}
