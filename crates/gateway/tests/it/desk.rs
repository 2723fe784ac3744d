//! The desk's routes, over a ledger written the way the product writes it.

use crate::server::TestServer;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::{BoxFuture, FutureExt, ready};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use vg_core::{Line, Modality, UnixMicros};
use vg_gateway::{KeysError, Limits, LivekitKey, VirtualKey};
use vg_services::{
    keys::{Keys, NewKey, key_revoke, livekit_key_create, virtual_key_create},
    secrets::SecretPlace,
};
use vg_testkit::{
    http::Answer,
    ledger::{in_session, lasting, line, priced, refused, write},
};

const YAML: &str = "\
auth:
  api_keys:
    - { token: reader, scopes: [read] }
    - { token: writer, scopes: [write] }
projects:
  shop: { name: Shop }
models:
  stt: { ears: { provider: deepgram, model: nova-3 } }
";

const ROUTES: [&str; 8] = [
    "/v1/status",
    "/v1/costs",
    "/v1/latency",
    "/v1/logs",
    "/v1/projects",
    "/v1/routing/observations",
    "/v1/sessions",
    "/v1/sessions/vg-1",
];
const SOURCE: &str = "voice-prices@0.11.0";

/// A server over a folder of its own.
struct Desk {
    server: TestServer,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn start(yaml: &str, lines: Vec<Line>) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        if !lines.is_empty() {
            tokio::task::spawn_blocking(move || write(&path, lines)).await.unwrap();
        }
        let url = folder.path().join("ledger.db").display().to_string();
        let place = SecretPlace::new(&|_| None, Some(folder.path()));
        let keys = Keys::new(Some(&url), place).unwrap();
        let server = TestServer::start_over(Some(url), yaml, Arc::new(keys), Limits::default()).await;
        Desk { server, folder }
    }

    fn url(&self) -> String {
        self.folder.path().join("ledger.db").display().to_string()
    }

    /// Issues a key.
    async fn key(&self, tenant: Option<&str>) -> String {
        let (secrets, _) = SecretPlace::new(&|_| None, Some(self.folder.path())).find_or_make().unwrap();
        let tenant = tenant.map(str::to_owned);
        let new = NewKey { project: "shop".into(), name: "one".into(), tenant, issued_by: None };
        let (key, _) = virtual_key_create(&self.url(), &secrets, new, now()).await.unwrap();
        key.expose().unwrap().to_owned()
    }

    async fn get(&self, path: &str) -> Answer {
        self.server.get(path, Some("reader")).await
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }
}

fn now() -> UnixMicros {
    vg_engine::now()
}

/// Four requests of two tenants, in two conversations and none.
fn lines() -> Vec<Line> {
    let now = now();
    let chat = |number| line(Modality::Llm, "openai/gpt-4.1", now, number);
    let mut first = priced(in_session(chat(1), "vg-1", 0), 2_000_000_000_000, SOURCE);
    first.tenant_id = Some("acme".into());
    let mut second = in_session(line(Modality::Stt, "deepgram/nova-3", now, 2), "vg-1", 0);
    second.tenant_id = Some("acme".into());
    let mut third = in_session(priced(chat(3), 500_000_000_000, SOURCE), "vg-2", 0);
    third.project = "shop".into();
    vec![
        lasting(first, Duration::from_millis(800)),
        second,
        third,
        refused(line(Modality::Tts, "cartesia/sonic-3", now, 4), 500, "no"),
    ]
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn cursor(answer: &Answer) -> Option<&str> {
    answer.head.lines().find_map(|line| line.strip_prefix("x-next-cursor: "))
}

#[tokio::test]
async fn every_route_asks_for_a_key_that_may_read() {
    let desk = Desk::start(YAML, lines()).await;
    for path in ROUTES {
        for token in [None, Some("nobody"), Some("vk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")] {
            let answer = desk.server.get(path, token).await;
            assert_eq!(answer.status, 401, "{path}");
            assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
            let body = answer.json();
            assert_eq!(names(&body), ["detail", "message", "error", "type", "details"], "{path}");
        }
        assert_eq!(desk.server.get(path, Some("writer")).await.status, 403, "{path}");
        assert_eq!(desk.get(path).await.status, 200, "{path}");
    }
    for path in ["/health", "/v1/metrics"] {
        assert_eq!(desk.server.get(path, None).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_first_key_closes_an_open_server_for_good() {
    let desk = Desk::start("", lines()).await;
    let key = desk.key(None).await;
    assert_eq!(desk.server.get("/v1/logs", None).await.status, 401);
    assert_eq!(desk.server.get("/v1/logs", Some(&key)).await.status, 200);
    let revoked = Desk::start("", lines()).await;
    revoked.key(None).await;
    key_revoke(&revoked.url(), "1", now()).await.unwrap();
    assert_eq!(revoked.server.get("/v1/logs", None).await.status, 401);
    let none = Desk::start("", lines()).await;
    assert_eq!(none.server.get("/v1/logs", None).await.status, 200);
}

#[tokio::test]
async fn a_tenants_key_sees_its_own_alone() {
    let desk = Desk::start(YAML, lines()).await;
    let key = desk.key(Some("acme")).await;
    let get = async |path: &str| desk.server.get(path, Some(&key)).await;
    let logs = get("/v1/logs").await.json();
    assert_eq!(logs.as_array().unwrap().len(), 2);
    assert!(logs.as_array().unwrap().iter().all(|row| row["tenant_id"] == "acme"));
    assert_eq!(get("/v1/sessions").await.json()[0]["id"], "vg-1");
    assert_eq!(get("/v1/sessions").await.json().as_array().unwrap().len(), 1);
    let costs = get("/v1/costs").await.json();
    assert_eq!((&costs["total"], names(&costs["by_provider"])), (&json!(2.0), vec!["openai", "deepgram"]));
    assert_eq!(get("/v1/sessions/vg-1").await.status, 200);
    let missing = get("/v1/sessions/vg-2").await;
    assert_eq!((missing.status, missing.json()["type"].clone()), (404, json!("not_found")));
    for path in
        ["/v1/logs", "/v1/costs", "/v1/latency", "/v1/projects", "/v1/routing/observations", "/v1/sessions"]
    {
        assert_eq!(get(&format!("{path}?tenant=acme")).await.status, 200, "{path}");
        for other in ["other", ""] {
            assert_eq!(get(&format!("{path}?tenant={other}")).await.status, 403, "{path}");
        }
    }
}

/// A token as LiveKit's clients mint it: its claims and nothing else.
fn livekit_token(api_key: &str, secret: &str) -> String {
    let seconds = now().0 / 1_000_000;
    let claims = json!({
        "inference": {"perform": true}, "sub": "agent", "iss": api_key, "nbf": seconds, "exp": seconds + 600,
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(&claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_stored_livekit_pair_calls_models_and_reads_no_desk() {
    let desk = Desk::start("", Vec::new()).await;
    let (secrets, _) = SecretPlace::new(&|_| None, Some(desk.folder.path())).find_or_make().unwrap();
    let new = NewKey { project: "default".into(), name: "agents".into(), ..NewKey::default() };
    let (secret, pair) = livekit_key_create(&desk.url(), &secrets, new, now()).await.unwrap();
    let token = livekit_token(&pair.api_key, secret.expose().unwrap());
    assert_eq!(desk.server.get("/v1/models", Some(&token)).await.status, 200);
    assert_eq!(desk.server.get("/v1/logs", Some(&token)).await.status, 403);
    let wrong = livekit_token(&pair.api_key, "another secret");
    assert_eq!(desk.server.get("/v1/models", Some(&wrong)).await.status, 401);
    let nobody = livekit_token("APIaaaaaaaaaaaa", secret.expose().unwrap());
    assert_eq!(desk.server.get("/v1/models", Some(&nobody)).await.status, 401);
}

#[tokio::test]
async fn latency_has_the_percentiles_the_owner_asks_for() {
    let yaml = format!("{YAML}latency: {{percentiles: [50, 99.9]}}\n");
    let desk = Desk::start(&yaml, lines()).await;
    let body = desk.json("/v1/latency").await;
    let chat = &body["openai/gpt-4.1"];
    assert_eq!(
        (&chat["request_count"], names(&chat["latency_percentiles"])),
        (&json!(2), vec!["p50", "p99_9"])
    );
    assert!(chat["latency_percentiles"]["p99_9"].as_f64().unwrap() >= 790.0, "{chat}");
    assert_eq!(desk.json("/v1/latency?project=nobodys").await, json!({}));
    assert_eq!(desk.get("/v1/latency?period=year").await.status, 422);
}

#[tokio::test]
async fn routing_goes_by_the_first_outputs_of_a_day() {
    let desk = Desk::start(YAML, lines()).await;
    let body = desk.json("/v1/routing/observations?project=default").await;
    let seen = &body["observations"][0];
    assert_eq!(
        (body["observations"].as_array().unwrap().len(), &body["filter"]),
        (1, &json!({"project": "default"}))
    );
    assert_eq!((&seen["model_id"], &seen["sample_count"]), (&json!("openai/gpt-4.1"), &json!(1)));
    assert!((seen["p50_ms"].as_f64().unwrap() - 400.0).abs() <= 4.0, "{seen}");
    let fields = ["project_id", "provider", "modality", "model_id", "p50_ms", "p95_ms", "sample_count"];
    assert_eq!(names(seen), [&fields[..], &["window_start", "window_end", "refreshed_at"]].concat());
    // The other project's request was not timed.
    assert_eq!(desk.json("/v1/routing/observations?project=shop").await["observations"], json!([]));
    let key = desk.key(Some("other")).await;
    let own = desk.server.get("/v1/routing/observations", Some(&key)).await.json();
    assert_eq!(own["observations"], json!([]));
}

#[tokio::test]
async fn projects_are_listed_with_what_they_did_today() {
    let yaml = YAML.replace("{ name: Shop }", "{ name: Shop, daily_budget: 0.6, tags: [staging] }");
    let desk = Desk::start(&yaml, lines()).await;
    let body = desk.json("/v1/projects").await;
    let shop = json!({"id": "shop", "name": "Shop", "description": "", "daily_budget": 0.6, "budget_action": "warn",
        "default_stack": "", "tags": ["staging"], "accent": "yellow", "source": "yaml", "budget_status": "warning",
        "today_spend": 0.5});
    assert_eq!(body["projects"][0], shop);
    let stats = &body["stats"]["shop"];
    assert_eq!((&stats["requests_today"], &stats["cost_today"]), (&json!(1), &json!(0.5)));
    let key = desk.key(Some("acme")).await;
    let own = desk.server.get("/v1/projects", Some(&key)).await.json();
    assert_eq!(
        (&own["stats"]["shop"]["requests_today"], &own["projects"][0]["today_spend"]),
        (&json!(0), &json!(0.0))
    );
}

#[tokio::test]
async fn costs_are_summed_by_everything() {
    let desk = Desk::start(YAML, lines()).await;
    let body = desk.json("/v1/costs?per_modality=true").await;
    let fields = [
        "period",
        "project",
        "total",
        "by_provider",
        "by_model",
        "by_project",
        "pricing_sources",
        "by_modality",
        "unpriced_requests",
    ];
    assert_eq!(names(&body), fields);
    assert_eq!(
        (&body["period"], &body["project"], &body["total"]),
        (&json!("today"), &Value::Null, &json!(2.5))
    );
    let model = json!({"cost": 2.5, "requests": 2, "pricing_source": SOURCE});
    assert_eq!(body["by_model"]["openai/gpt-4.1"], model);
    // A request without a price costs an unknown amount.
    assert_eq!(body["by_provider"]["deepgram"], json!({"cost": null, "requests": 1}));
    assert_eq!(body["by_project"]["shop"], json!({"cost": 0.5, "requests": 1}));
    assert_eq!((&body["unpriced_requests"], &body["by_modality"]["llm"]["requests"]), (&json!(2), &json!(2)));
    let body = desk.json("/v1/costs?project=shop&include_pricing_source=false").await;
    assert_eq!((&body["total"], &body["by_project"]), (&json!(0.5), &json!({})));
    assert_eq!(body["by_model"]["openai/gpt-4.1"], json!({"cost": 0.5, "requests": 1}));
    assert_eq!(body.get("pricing_sources"), None);
    assert_eq!(desk.json("/v1/costs?tenant=").await["total"], json!(0.5));
    assert_eq!(desk.json("/v1/costs?agent=nobody").await["total"], json!(0.0));
}

#[tokio::test]
async fn days_win_over_a_period_that_is_told_to_be_out_of_place() {
    let desk = Desk::start(YAML, lines()).await;
    let past = desk.get("/v1/costs?start=2020-01-01&end=2020-01-31").await;
    assert_eq!((&past.json()["period"], &past.json()["total"]), (&json!("custom"), &json!(0.0)));
    assert!(!past.head.contains("deprecation"));
    let both = desk.get("/v1/costs?start=2020-01-01&period=month").await;
    assert_eq!(both.json()["total"], json!(2.5));
    assert!(both.head.contains("\r\ndeprecation: true"), "{}", both.head);
    for query in ["start=2020-1-1", "end=today", "start=2020-01-02&end=2020-01-01"] {
        let answer = desk.get(&format!("/v1/costs?{query}")).await;
        assert_eq!((answer.status, answer.json().get("errors")), (400, None), "{query}");
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let desk = Desk::start(YAML, lines()).await;
    for (path, field) in [
        ("/v1/logs?limit=0", "limit"),
        ("/v1/logs?limit=1001", "limit"),
        ("/v1/logs?limit=ten", "limit"),
        ("/v1/logs?modality=video", "modality"),
        ("/v1/logs?status=ok", "status"),
        ("/v1/logs?cursor=x", "cursor"),
        ("/v1/logs?cursor=dmctMQ", "cursor"),
        ("/v1/sessions?limit=-1", "limit"),
        ("/v1/sessions?order_by=newest", "order_by"),
        ("/v1/costs?period=year", "period"),
        ("/v1/costs?per_modality=maybe", "per_modality"),
    ] {
        let answer = desk.get(path).await;
        assert_eq!(answer.status, 422, "{path}");
        let body = answer.json();
        assert_eq!(body["errors"][0]["field"], field, "{path}");
        assert_eq!(names(&body["errors"][0]), ["field", "message", "type", "input_value"]);
        assert_eq!(body["details"]["path"], path.split('?').next().unwrap());
    }
    assert_eq!(desk.get("/v1/logs?limit=&period=&unknown=1").await.status, 200);
}

#[tokio::test]
async fn rows_are_filtered_and_pages_of_them_join() {
    let desk = Desk::start(YAML, lines()).await;
    let all = desk.json("/v1/logs").await;
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 4);
    assert_eq!((&all[0]["status"], &all[0]["cost_usd"]), (&json!("error"), &Value::Null));
    assert_eq!((&all[3]["cost_usd"], &all[3]["ttfb_ms"]), (&json!(2.0), &json!(400.0)));
    assert!(all[3]["timestamp"].is_f64());
    for (query, count) in [
        ("project=shop", 1),
        ("modality=llm", 2),
        ("status=error", 1),
        ("session=vg-1", 2),
        ("tenant=", 2),
        ("model=cartesia/sonic-3", 1),
        ("limit=3", 3),
    ] {
        let rows = desk.json(&format!("/v1/logs?{query}")).await;
        assert_eq!(rows.as_array().unwrap().len(), count, "{query}");
    }
    let mut joined = Vec::new();
    let mut path = "/v1/logs?limit=1".to_owned();
    for _ in 0..4 {
        let answer = desk.get(&path).await;
        joined.extend(answer.json().as_array().unwrap().clone());
        path = format!("/v1/logs?limit=1&cursor={}", cursor_as_given(&answer));
    }
    assert_eq!(&joined, all);
    let last = desk.get(&path).await;
    assert_eq!((last.body.as_str(), cursor(&last)), ("[]", None));
    assert_eq!(cursor(&desk.get("/v1/logs").await), None);
}

/// The cursor in its own letters.
fn cursor_as_given(answer: &Answer) -> String {
    let head = answer.raw_head.lines().find(|line| line.to_ascii_lowercase().starts_with("x-next-cursor: "));
    head.unwrap()["x-next-cursor: ".len()..].to_owned()
}

#[tokio::test]
async fn conversations_are_ordered_and_pages_of_them_join() {
    let desk = Desk::start(YAML, lines()).await;
    let ids = async |query: &str| {
        let rows = desk.json(&format!("/v1/sessions?{query}")).await;
        rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("order_by=cost_desc").await, ["vg-1", "vg-2"]);
    assert_eq!(ids("order_by=cost_asc").await, ["vg-2", "vg-1"]);
    assert_eq!(ids("project=shop").await, ["vg-2"]);
    let first = desk.get("/v1/sessions?order_by=cost_asc&limit=1").await;
    assert_eq!(first.json()[0]["id"], "vg-2");
    let second = format!("order_by=cost_asc&limit=1&cursor={}", cursor_as_given(&first));
    assert_eq!(ids(&second).await, ["vg-1"]);
}

#[tokio::test]
async fn one_conversation_is_shown_with_its_parts() {
    let desk = Desk::start(YAML, lines()).await;
    let body = desk.json("/v1/sessions/vg-1").await;
    let fields = [
        "id",
        "project",
        "started_at",
        "ended_at",
        "modalities",
        "total_cost_usd",
        "request_count",
        "tenant_id",
        "agent_id",
        "routed_stt",
        "routed_llm",
        "routed_tts",
        "budget_ms",
        "budget_ms_used",
        "budget_overrun",
        "guardrails_active",
        "guardrails_bypassed",
        "guardrail_policy_snapshot",
    ];
    assert_eq!(&names(&body)[..fields.len()], fields);
    assert_eq!(body["modalities"], json!(["stt", "llm"]));
    assert_eq!(body["by_modality"]["stt"], json!({"cost": null, "request_count": 1}));
    assert_eq!((&body["providers"], &body["guardrail_events"]), (&json!(["deepgram", "openai"]), &json!([])));
    assert!(body["started_at"].as_str().unwrap().ends_with("+00:00"));
    let missing = desk.get("/v1/sessions/vg-9").await;
    assert_eq!(
        (missing.status, missing.json()["detail"].clone()),
        (404, json!("there is no session `vg-9`"))
    );
}

#[tokio::test]
async fn status_tells_which_providers_can_be_used() {
    let desk = Desk::start(YAML, Vec::new()).await;
    let body = desk.json("/v1/status").await;
    assert_eq!(names(&body), ["providers", "model_count", "project_count", "pricing"]);
    assert_eq!(body["providers"]["deepgram"], json!({"configured": true, "type": "cloud"}));
    assert_eq!((&body["model_count"], &body["project_count"]), (&json!(1), &json!(2)));
    assert_eq!(names(&body["pricing"]), ["llm", "stt", "tts"]);
}

#[tokio::test]
async fn a_scrape_is_public_text() {
    let desk = Desk::start(YAML, lines()).await;
    let answer = desk.server.get("/v1/metrics", None).await;
    assert!(
        answer.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{}",
        answer.head
    );
    assert!(answer.body.contains("voicegw_cost_usd_total{period=\"today\"} 2.500000\n"), "{}", answer.body);
    assert!(answer.body.contains("voicegw_projects_configured 2\n"));
}

#[tokio::test]
async fn a_ledger_that_begins_later_is_found() {
    let desk = Desk::start(YAML, Vec::new()).await;
    for path in ["/v1/logs", "/v1/sessions"] {
        assert_eq!(desk.get(path).await.body, "[]");
    }
    assert_eq!(desk.json("/v1/costs").await["total"], json!(0.0));
    assert_eq!(desk.get("/v1/sessions/vg-1").await.status, 404);
    assert!(!desk.server.get("/v1/metrics", None).await.body.contains("cost"));
    let path = desk.folder.path().join("ledger.db");
    tokio::task::spawn_blocking(move || write(&path, lines())).await.unwrap();
    assert_eq!(desk.json("/v1/logs").await.as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn without_a_ledger_lists_are_empty() {
    let server = TestServer::open().await;
    for path in ["/v1/logs", "/v1/sessions"] {
        assert_eq!(server.get(path, None).await.body, "[]");
    }
    assert_eq!(server.get("/v1/costs", None).await.json()["total"], json!(0.0));
    assert_eq!(server.get("/v1/sessions/vg-1", None).await.status, 404);
}

#[tokio::test]
async fn a_ledger_that_fails_is_503_and_tells_no_place() {
    let desk = Desk::start(YAML, Vec::new()).await;
    std::fs::write(desk.url(), "model_list:\n  - gpt-4o-mini\n").unwrap();
    for path in ["/v1/costs", "/v1/logs", "/v1/sessions", "/v1/sessions/vg-1", "/v1/metrics"] {
        let answer = desk.get(path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(!answer.body.contains("ledger.db"), "{}", answer.body);
        assert_eq!(answer.json()["details"]["path"], path);
    }
    assert_eq!(desk.get("/v1/status").await.status, 200);
}

/// Keys of a store that can fail.
#[derive(Default)]
struct Flaky {
    fails: AtomicBool,
}

impl vg_gateway::Keys for Flaky {
    fn any(&self) -> BoxFuture<'_, Result<bool, KeysError>> {
        ready(Ok(true)).boxed()
    }

    fn livekit<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<LivekitKey>, KeysError>> {
        ready(Err(KeysError("the disk is gone".into()))).boxed()
    }

    fn virtual_key<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<VirtualKey>, KeysError>> {
        let answer = if self.fails.load(Ordering::SeqCst) {
            Err(KeysError("the disk is gone".into()))
        } else {
            Ok(Some(VirtualKey { id: "1".into(), project: None, tenant: None }))
        };
        ready(answer).boxed()
    }
}

#[tokio::test]
async fn keys_that_cannot_be_looked_up_are_503_and_those_seen_just_before_go_on() {
    let keys = Arc::new(Flaky::default());
    let server = TestServer::start_over(None, YAML, Arc::clone(&keys) as _, Limits::default()).await;
    let get = async |token: &str| server.get("/v1/status", Some(token)).await;
    assert_eq!(get("vk_seen").await.status, 200);
    keys.fails.store(true, Ordering::SeqCst);
    assert_eq!(get("vk_seen").await.status, 200);
    let unseen = get("vk_unseen").await;
    assert_eq!((unseen.status, unseen.json()["type"].clone()), (503, json!("unavailable")));
    assert!(!unseen.body.contains("disk"), "{}", unseen.body);
    assert_eq!(get("reader").await.status, 200);
}
