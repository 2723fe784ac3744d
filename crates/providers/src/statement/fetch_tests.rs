//! Bills fetched from a server that notes what it was asked.

use super::{
    BillingCall, Document, Kind,
    fetch::{pause, retry_after, whole_days, windows},
    read,
};
use crate::{client::Network, registry};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Response},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;
use vg_core::{Kind as Failed, UnixMicros, call::Failure, config::Secret};

const DAY: i64 = 86_400_000_000;
/// 2026-11-01.
const NOVEMBER: i64 = 1_793_491_200_000_000;

/// What a server answers: the status, the seconds to wait, the body.
type Answer = (u16, Option<&'static str>, String);

/// A server whose answers are made of the how manieth question it is and its path; what it was asked, as lines.
async fn server(
    answer: impl Fn(usize, &str) -> Answer + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (notes, answer) = (Arc::clone(&asked), Arc::new(answer));
    let routes = Router::new().fallback(move |request: Request| {
        let (notes, answer) = (Arc::clone(&notes), Arc::clone(&answer));
        async move {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, 1 << 20).await.unwrap();
            let key = ["authorization", "x-api-key", "xi-api-key"]
                .into_iter()
                .find_map(|name| head.headers.get(name));
            let key = key.map(|key| key.to_str().unwrap().to_owned()).unwrap_or_default();
            let versions = ["anthropic-version", "cartesia-version"];
            let version = versions.into_iter().find_map(|name| head.headers.get(name));
            let version =
                version.map(|version| format!(" {}", version.to_str().unwrap())).unwrap_or_default();
            let line =
                format!("{} {} [{key}{version}] {}", head.method, head.uri, String::from_utf8_lossy(&body));
            let count = {
                let mut notes = notes.lock().unwrap();
                notes.push(line.trim_end().to_owned());
                notes.len() - 1
            };
            let (status, wait, body) = answer(count, head.uri.path());
            let mut response = Response::builder().status(status);
            if let Some(wait) = wait {
                response = response.header("retry-after", wait);
            }
            response.body(Body::from(body)).unwrap()
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (origin, asked)
}

fn call(origin: &str, days: i64) -> BillingCall {
    BillingCall {
        network: Arc::new(Network::new().unwrap()),
        base_url: Some(origin.to_owned()),
        admin_key: Secret::from("k-secret-1234567890"),
        account: None,
        since: UnixMicros(NOVEMBER),
        until: UnixMicros(NOVEMBER + days * DAY),
    }
}

async fn fetch(provider: &str, call: BillingCall) -> Result<Vec<Document>, Failure> {
    registry::billing(provider).unwrap().fetch(call).await
}

fn names(documents: &[Document]) -> Vec<String> {
    documents.iter().map(|document| document.name().to_string()).collect()
}

fn bucket(results: &str, has_more: &str) -> String {
    format!(
        r#"{{"object":"page","data":[{{"object":"bucket","start_time":1793491200,"end_time":1793577600,"results":[{results}]}}],"#
    ) + has_more
}

#[tokio::test]
async fn openai_is_asked_for_costs_and_three_kinds_of_usage_page_by_page() {
    let (origin, asked) = server(|count, path| {
        let last = r#""has_more":false,"next_page":null}"#;
        let body = match (count, path) {
            (0, _) => bucket(
                r#"{"amount":{"value":0.5,"currency":"usd"},"line_item":"gpt-4o, input"}"#,
                r#""has_more":true,"next_page":"page 2&"}"#,
            ),
            (1, _) => {
                bucket(r#"{"amount":{"value":0.25,"currency":"usd"},"line_item":"gpt-4o, input"}"#, last)
                    .replace("1793577600", "1793664000")
                    .replace("1793491200", "1793577600")
            }
            (2, _) => bucket(
                r#"{"input_tokens":1,"output_tokens":2,"num_model_requests":1,"model":"gpt-4o"}"#,
                last,
            ),
            _ => bucket("", last),
        };
        (200, None, body)
    })
    .await;
    let documents = fetch("openai", call(&format!("{origin}/openai/v1"), 2)).await.unwrap();
    let days = "start_time=1793491200&end_time=1793664000&bucket_width=1d";
    let costs = format!("{days}&group_by=project_id&group_by=line_item&group_by=api_key_id&limit=180");
    let usage = format!("{days}&group_by=project_id&group_by=api_key_id&group_by=model");
    let key = "[Bearer k-secret-1234567890]";
    let root = "GET /openai/v1/organization";
    assert_eq!(
        *asked.lock().unwrap(),
        [
            format!("{root}/costs?{costs} {key}"),
            format!("{root}/costs?{costs}&page=page%202%26 {key}"),
            format!("{root}/usage/completions?{usage}&group_by=batch&limit=31 {key}"),
            format!("{root}/usage/audio_speeches?{usage}&limit=31 {key}"),
            format!("{root}/usage/audio_transcriptions?{usage}&limit=31 {key}"),
        ]
    );
    assert_eq!(
        names(&documents),
        [
            "openai-costs-1.json",
            "openai-costs-2.json",
            "openai-usage-completions-1.json",
            "openai-usage-audio-speeches-1.json",
            "openai-usage-audio-transcriptions-1.json",
        ]
    );
    let statement = read("openai", &documents).unwrap();
    let kinds: Vec<Kind> = statement.rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, [Kind::Cost, Kind::Cost, Kind::Usage]);
    assert!(statement.notes.is_empty(), "{:?}", statement.notes);
    let project = BillingCall { account: Some("proj_1".into()), ..call(&origin, 1) };
    fetch("openai", project).await.unwrap();
    assert!(asked.lock().unwrap()[5..].iter().all(|asked| asked.contains("&project_ids=proj_1&")));
}

#[tokio::test]
async fn anthropic_is_asked_for_usage_and_costs() {
    let (origin, asked) =
        server(|_, _| (200, None, r#"{"data":[],"has_more":false,"next_page":null}"#.into())).await;
    let documents = fetch("anthropic", call(&format!("{origin}/anthropic"), 1)).await.unwrap();
    let days = "starting_at=2026-11-01T00%3A00%3A00Z&ending_at=2026-11-02T00%3A00%3A00Z&bucket_width=1d";
    let groups = "group_by%5B%5D=model&group_by%5B%5D=api_key_id&group_by%5B%5D=workspace_id&group_by%5B%5D=service_tier";
    let key = "[k-secret-1234567890 2023-06-01]";
    assert_eq!(
        *asked.lock().unwrap(),
        [
            format!("GET /anthropic/v1/organizations/usage_report/messages?{days}&{groups}&limit=31 {key}"),
            format!(
                "GET /anthropic/v1/organizations/cost_report?{days}&group_by%5B%5D=workspace_id&\
                 group_by%5B%5D=description&limit=31 {key}"
            ),
        ]
    );
    assert!(read("anthropic", &documents).unwrap().rows.is_empty());
}

#[tokio::test]
async fn deepgrams_only_project_is_found_and_asked_a_month_at_a_time() {
    let empty = r#"{"start":"a","end":"b","resolution":{"units":"day","amount":1},"results":[]}"#;
    let (origin, asked) = server(move |_, path| {
        let projects = r#"{"projects":[{"project_id":"p-1","name":"Voice"}]}"#;
        (200, None, if path.ends_with("/projects") { projects } else { empty }.to_owned())
    })
    .await;
    let documents = fetch("deepgram", call(&format!("{origin}/deepgram/v1/listen"), 40)).await.unwrap();
    let key = "[Token k-secret-1234567890]";
    let root = "GET /deepgram/v1/projects";
    assert_eq!(
        *asked.lock().unwrap(),
        [
            format!("{root} {key}"),
            format!("{root}/p-1/usage/breakdown?start=2026-11-01&end=2026-12-01&grouping=models {key}"),
            format!("{root}/p-1/usage/breakdown?start=2026-12-02&end=2026-12-10&grouping=models {key}"),
            format!("{root}/p-1/billing/breakdown?start=2026-11-01&end=2026-12-01&grouping=line_item {key}"),
            format!("{root}/p-1/billing/breakdown?start=2026-12-02&end=2026-12-10&grouping=line_item {key}"),
        ]
    );
    assert_eq!(documents.len(), 4);
    let named = BillingCall { account: Some("p-2".into()), ..call(&origin, 1) };
    fetch("deepgram", named).await.unwrap();
    assert!(asked.lock().unwrap()[5].starts_with("GET /v1/projects/p-2/usage/breakdown?"));
    let odd = BillingCall { account: Some("../x".into()), ..call(&origin, 1) };
    assert_eq!(fetch("deepgram", odd).await.unwrap_err().kind, Failed::BadRequest);
}

#[tokio::test]
async fn one_of_several_projects_must_be_named() {
    let several = r#"{"projects":[{"project_id":"p-1"},{"project_id":"p-2"}]}"#;
    let (origin, _) = server(move |_, _| (200, None, several.to_owned())).await;
    let failure = fetch("deepgram", call(&origin, 1)).await.unwrap_err();
    assert_eq!(failure.message, "the key sees several projects, name one: `p-1`, `p-2`");
}

#[tokio::test]
async fn elevenlabs_and_cartesia_are_asked_for_days_by_kind() {
    let (origin, asked) = server(|_, path| {
        let table = r#"{"columns":["model"],"column_types":["String"],"column_units":[null],"rows":[]}"#;
        let credits = r#"{"group_by":"capability","data":[]}"#;
        (200, None, if path.starts_with("/usage") { credits } else { table }.to_owned())
    })
    .await;
    let tables = fetch("elevenlabs", call(&format!("{origin}/v1"), 1)).await.unwrap();
    let credits = fetch("cartesia", call(&origin, 366)).await.unwrap();
    let key = "k-secret-1234567890";
    assert_eq!(
        *asked.lock().unwrap(),
        [
            format!(
                "POST /v1/workspace/analytics/query/usage-by-product-over-time [{key}] {}",
                r#"{"start_time":1793491200000,"end_time":1793577600000,"interval_seconds":86400,"group_by":["product_type","model","hashed_xi_api_key"],"time_zone":"UTC"}"#
            ),
            format!(
                "GET /usage/credits?start_ts=2026-11-01T00%3A00%3A00Z&end_ts=2027-11-01T00%3A00%3A00Z&interval=day&\
                 group_by=capability [Bearer {key} 2026-03-01]"
            ),
            format!(
                "GET /usage/credits?start_ts=2027-11-01T00%3A00%3A00Z&end_ts=2027-11-02T00%3A00%3A00Z&interval=day&\
                 group_by=capability [Bearer {key} 2026-03-01]"
            ),
        ]
    );
    assert!(read("elevenlabs", &tables).unwrap().rows.is_empty());
    assert_eq!(read("cartesia", &credits).unwrap().formats, ["Cartesia credits without any (JSON)"]);
}

#[tokio::test]
async fn a_limit_and_a_failure_are_waited_for_as_long_as_they_ask() {
    let (origin, asked) = server(|count, _| match count {
        0 => (429, Some("0"), r#"{"error":{"message":"slow down"}}"#.into()),
        1 => (503, Some("0"), "upstream".into()),
        _ => (200, None, r#"{"data":[]}"#.into()),
    })
    .await;
    assert_eq!(fetch("cartesia", call(&origin, 1)).await.unwrap().len(), 1);
    assert_eq!(asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn patience_has_an_end() {
    let (origin, asked) =
        server(|_, _| (429, Some("0"), r#"{"err_code":"TOO_MANY","err_msg":"too many"}"#.into())).await;
    let failure = fetch("deepgram", call(&origin, 1)).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Failed::RateLimited, Some("TOO_MANY")));
    assert!(failure.message.ends_with("answered 429: too many (tried 6 times)"), "{failure}");
    assert_eq!(asked.lock().unwrap().len(), 6);
    let (origin, asked) = server(|_, _| (429, Some("3600"), String::new())).await;
    let failure = fetch("openai", call(&origin, 1)).await.unwrap_err();
    assert!(failure.message.ends_with("no reason given; it asks to wait 3600 s"), "{failure}");
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_that_may_not_ask_is_explained_and_never_shown() {
    let wanted = [
        ("openai", "an admin key is needed: `sk-admin-...`"),
        ("anthropic", "an admin key is needed: `sk-ant-admin...`"),
        ("deepgram", "a key with the scopes `usage:read` and `billing:read` is needed"),
        ("elevenlabs", "a key that may read the workspace's usage is needed"),
        ("cartesia", "an admin key is needed: `sk_car_admin_...`"),
    ];
    for (provider, needs) in wanted {
        for status in [401, 403] {
            let (origin, asked) =
                server(move |_, _| (status, None, r#"{"error":{"message":"no"}}"#.into())).await;
            let failure = fetch(provider, call(&origin, 1)).await.unwrap_err();
            assert!(failure.message.contains(&format!("answered {status}: no; {needs}")), "{failure}");
            assert!(!format!("{failure:?}").contains("k-secret"));
            assert_eq!(asked.lock().unwrap().len(), 1, "{provider}");
        }
        let keyless = BillingCall { admin_key: Secret::default(), ..call("http://127.0.0.1:1", 1) };
        let failure = fetch(provider, keyless).await.unwrap_err();
        assert!(failure.message.contains(needs), "{failure}");
    }
    assert!(!format!("{:?}", call("http://127.0.0.1:1", 1)).contains("secret-12345"));
}

#[tokio::test]
async fn what_is_no_answer_is_no_document() {
    let endless = bucket("", r#""has_more":true,"next_page":"same"}"#);
    let (origin, asked) = server(move |_, _| (200, None, endless.clone())).await;
    let failure = fetch("openai", call(&origin, 1)).await.unwrap_err();
    assert_eq!(failure.message, "the pages of openai-costs have no end");
    assert_eq!(asked.lock().unwrap().len(), 2);
    let nameless = bucket("", r#""has_more":true,"next_page":null}"#);
    let (origin, _) = server(move |_, _| (200, None, nameless.clone())).await;
    let failure = fetch("openai", call(&origin, 1)).await.unwrap_err();
    assert_eq!(failure.message, "openai-costs has more pages and does not name the next");
    let (origin, _) = server(|_, _| (200, None, "<html>".to_owned())).await;
    let failure = fetch("cartesia", call(&origin, 1)).await.unwrap_err();
    assert!(
        failure.message.starts_with("cartesia-credits-2026-11-01.json:1:1: this is a web page"),
        "{failure}"
    );
    let timeless = BillingCall { until: UnixMicros(NOVEMBER), ..call(&origin, 1) };
    assert_eq!(fetch("cartesia", timeless).await.unwrap_err().kind, Failed::BadRequest);
}

#[test]
fn waits_double_and_what_is_asked_goes_before() {
    let waits: Vec<u64> =
        (1..9).filter_map(|tries| pause(tries, None)).map(|wait| wait.as_millis() as u64).collect();
    assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000]);
    assert_eq!(pause(1, Some(Duration::from_secs(60))), Some(Duration::from_secs(60)));
    assert_eq!(pause(1, Some(Duration::from_secs(121))), None);
    let asked = |wait: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_str(wait).unwrap());
        headers.insert("date", HeaderValue::from_static("Sun, 01 Nov 2026 08:00:00 GMT"));
        retry_after(&headers)
    };
    assert_eq!(asked("7"), Some(Duration::from_secs(7)));
    assert_eq!(asked("Sun, 01 Nov 2026 08:00:30 GMT"), Some(Duration::from_secs(30)));
    assert_eq!(asked("Sun, 01 Nov 2026 07:00:00 GMT"), Some(Duration::ZERO));
    assert_eq!(asked("soon"), None);
}

#[test]
fn days_that_are_begun_are_whole() {
    let call = BillingCall {
        since: UnixMicros(NOVEMBER + 1),
        until: UnixMicros(NOVEMBER + DAY + 1),
        ..call("http://h", 1)
    };
    assert_eq!(whole_days(&call), (UnixMicros(NOVEMBER), UnixMicros(NOVEMBER + 2 * DAY)));
    assert_eq!(
        windows(&call, 1),
        [
            (UnixMicros(NOVEMBER), UnixMicros(NOVEMBER + DAY)),
            (UnixMicros(NOVEMBER + DAY), UnixMicros(NOVEMBER + 2 * DAY)),
        ]
    );
}
