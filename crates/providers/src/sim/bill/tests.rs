//! Tests of the bills against what the providers' pages show, written by hand.

use crate::{
    registry,
    sim::rig::{Rig, send, silence, speech},
};
use serde_json::{Value, json};
use vg_core::call::ListenRequest;
use vg_testkit::http::{Answer, ask};

const OPENAI: &str = "/openai/v1/organization";
const ADMIN: [(&str, &str); 1] = [("authorization", "Bearer sk-admin-1")];
const ANTHROPIC_ADMIN: [(&str, &str); 2] =
    [("x-api-key", "sk-ant-admin01-1"), ("anthropic-version", "2023-06-01")];
const DEEPGRAM: [(&str, &str); 1] = [("authorization", "Token dg-good")];
const CARTESIA_ADMIN: [(&str, &str); 1] = [("authorization", "Bearer sk_car_admin_1")];
const ELEVENLABS: [(&str, &str); 1] = [("xi-api-key", "el-good")];

/// A simulator with a past of three days, asked over the wire.
struct Desk(Rig);

impl Desk {
    async fn open() -> Desk {
        let desk = Desk(Rig::start().await);
        desk.remember(json!([
            {"provider": "openai", "model": "gpt-4.1-mini", "modality": "llm", "api_key_id": "key_a", "n": 3,
             "started_at": "2026-11-01T09:30:00Z",
             "counts": {"input_tokens": 1000, "cached_input_tokens": 200, "output_tokens": 100}},
            {"provider": "openai", "model": "whisper-1", "modality": "stt", "api_key_id": "key_a",
             "started_at": "2026-11-03T10:00:00Z", "counts": {"audio_seconds": 90}},
            {"provider": "openai", "model": "tts-1", "modality": "tts", "api_key_id": "key_a",
             "started_at": "2026-11-03T11:00:00Z", "counts": {"characters": 1000}},
            {"provider": "anthropic", "model": "claude-haiku-4-5-20251001", "modality": "llm", "n": 2,
             "api_key_id": "key_a", "started_at": "2026-11-01T23:30:00Z",
             "counts": {"input_tokens": 100000, "cached_input_tokens": 30000, "cache_write_tokens": 20000,
                        "output_tokens": 15000}},
            {"provider": "deepgram", "model": "nova-3", "modality": "stt", "api_key_id": "key_a",
             "started_at": "2026-11-01T09:30:00Z", "ended_at": "2026-11-01T09:31:30Z", "request_id": "one",
             "counts": {"audio_seconds": 90}},
            {"provider": "deepgram", "model": "nova-3", "modality": "stt", "api_key_id": "key_b",
             "product": "nova-3-batch", "batch": true, "started_at": "2026-11-02T09:30:00Z", "request_id": "two",
             "counts": {"audio_seconds": 600}},
            {"provider": "deepgram", "model": "aura-2-thalia-en", "modality": "tts", "api_key_id": "key_a",
             "started_at": "2026-11-02T09:40:00Z", "request_id": "three", "counts": {"characters": 1000}},
            {"provider": "cartesia", "model": "sonic-3", "modality": "tts", "n": 2,
             "started_at": "2026-11-01T23:30:00Z", "counts": {"characters": 500}},
            {"provider": "cartesia", "model": "ink-2", "modality": "stt", "started_at": "2026-11-03T09:30:00Z",
             "counts": {"audio_seconds": 10.5}},
            {"provider": "elevenlabs", "model": "eleven_flash_v2_5", "modality": "tts", "n": 3,
             "api_key_id": "key_a", "started_at": "2026-11-01T10:00:00Z", "counts": {"characters": 101}},
            {"provider": "groq", "model": "llama-3.3-70b-versatile", "modality": "llm",
             "started_at": "2026-11-01T10:00:00Z", "counts": {"input_tokens": 1000, "output_tokens": 100}},
            {"provider": "assemblyai", "model": "universal-streaming-english", "modality": "stt",
             "started_at": "2026-11-01T10:00:00Z", "counts": {"audio_seconds": 3600}},
        ]))
        .await;
        desk
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let address = self.0.origin.strip_prefix("http://").unwrap().parse().unwrap();
        ask(address, method, path, headers, body).await
    }

    async fn remember(&self, requests: Value) {
        let answer = self.ask("POST", "/__history", &[], &requests.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    async fn tariff(&self, tariff: Value) {
        let answer = self.ask("PUT", "/__tariff", &[], &tariff.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// The body of a good answer.
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Value {
        let answer = self.ask("GET", path, headers, "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    async fn refused(&self, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
        let answer = self.ask("GET", path, headers, "").await;
        (answer.status, answer.json())
    }

    async fn bill(&self, provider: &str, query: &str) -> String {
        let answer = self.ask("GET", &format!("/__bill/{provider}?{query}"), &[], "").await;
        assert_eq!(answer.status, 200, "{provider} {query}: {}", answer.body);
        answer.body
    }

    async fn project(&self) -> String {
        let projects = self.get("/deepgram/v1/projects", &DEEPGRAM).await;
        format!("/deepgram/v1/projects/{}", projects["projects"][0]["project_id"].as_str().unwrap())
    }
}

// --- files as they are downloaded ---

#[tokio::test]
async fn openai_prints_the_dashboards_files() {
    let desk = Desk::open().await;
    assert_eq!(desk.bill("openai", "kind=cost").await, include_str!("golden/openai_cost.csv"));
    assert_eq!(desk.bill("openai", "kind=usage").await, include_str!("golden/openai_usage.csv"));
    let speech = desk.bill("openai", "kind=usage&endpoint=audio_speeches&start=2026-11-03").await;
    assert!(speech.ends_with("proj_simulated,1.0,user-simulated,key_a,tts-1,1000.0\n"), "{speech}");
    let heard = desk.bill("openai", "kind=usage&endpoint=audio_transcriptions&start=2026-11-03").await;
    assert!(heard.ends_with("proj_simulated,1.0,user-simulated,key_a,whisper-1,90.0\n"), "{heard}");
}

#[tokio::test]
async fn a_file_of_openai_about_nothing_has_only_the_times() {
    let desk = Desk::open().await;
    let file = desk.bill("openai", "kind=usage&start=2026-10-01&end=2026-10-02").await;
    let expected = "start_time,end_time,start_time_iso,end_time_iso\n\
        1790812800,1790899200,2026-10-01T00:00:00+00:00,2026-10-02T00:00:00+00:00\n\
        1790899200,1790985600,2026-10-02T00:00:00+00:00,2026-10-03T00:00:00+00:00\n";
    assert_eq!(file, expected);
}

#[tokio::test]
async fn anthropic_prints_the_consoles_files() {
    let desk = Desk::open().await;
    assert_eq!(desk.bill("anthropic", "kind=usage").await, include_str!("golden/anthropic_usage.csv"));
    assert_eq!(desk.bill("anthropic", "kind=cost").await, include_str!("golden/anthropic_cost.csv"));
}

#[tokio::test]
async fn those_without_an_export_print_the_columns_of_reconcile() {
    let desk = Desk::open().await;
    for (provider, expected) in [
        (
            "groq",
            "model,input_tokens,output_tokens,n_requests,cost_usd\r\n\
             llama-3.3-70b-versatile,1000,100,1,0.000669\r\n",
        ),
        (
            "assemblyai",
            "model,session_seconds,n_requests,cost_usd\r\nuniversal-streaming-english,3600.0,1,0.15\r\n",
        ),
        ("cartesia", "model,characters,credits,n_requests,cost_usd\r\nsonic-3,1000,1000,2,0.05\r\n"),
        ("deepgram", "model,audio_seconds,n_requests,cost_usd\r\nnova-3,690.0,2,0.0502\r\n"),
        (
            "elevenlabs",
            "model,characters,credits,n_requests,cost_usd\r\neleven_flash_v2_5,303,151.5,3,0.01515\r\n",
        ),
        (
            "openai",
            "model,input_tokens,output_tokens,n_requests,cost_usd\r\ngpt-4.1-mini,3000,300,3,0.0015\r\n",
        ),
    ] {
        assert_eq!(desk.bill(provider, "").await, expected);
    }
    let json: Value = serde_json::from_str(&desk.bill("groq", "format=json&kind=cost").await).unwrap();
    assert_eq!(
        json,
        json!([{"model": "llama-3.3-70b-versatile", "input_tokens": 1000, "output_tokens": 100, "n_requests": 1,
                "cost_usd": 0.000669}])
    );
}

#[tokio::test]
async fn an_order_for_a_bill_that_makes_no_sense_says_what_is_offered() {
    let desk = Desk::open().await;
    for (order, says) in [
        ("acme", "no provider `acme` is simulated"),
        ("openai?kind=poem", "`kind` is summary, usage, cost or requests"),
        ("openai?format=pdf", "`format` is csv or json"),
        ("openai?start=yesterday", "`yesterday` is no day"),
        ("openai?start=2026-11-03&end=2026-11-01", "is before"),
        ("deepgram?kind=usage&format=csv", "deepgram has no usage export as csv"),
        ("openai?kind=usage&endpoint=images", "`endpoint` is one of `completions`"),
    ] {
        let (status, body) = desk.refused(&format!("/__bill/{order}"), &[]).await;
        assert_eq!(status, 400);
        assert!(body["error"].as_str().unwrap().contains(says), "{body}");
    }
}

// --- the billing APIs ---

#[tokio::test]
async fn openais_costs_come_in_pages_of_days() {
    let desk = Desk::open().await;
    let path = format!(
        "{OPENAI}/costs?start_time=1793491200&end_time=1793750400&group_by=line_item&group_by=api_key_id&limit=2"
    );
    let first = desk.get(&path, &ADMIN).await;
    let item = |value: f64, name: &str, quantity: f64, unit: &str| {
        json!({
            "object": "organization.costs.result", "amount": {"value": value, "currency": "usd"},
            "line_item": name, "project_id": null, "api_key_id": "key_a", "user_id": null,
            "quantity": quantity, "quantity_unit": unit, "api_source": null,
        })
    };
    let token = first["next_page"].as_str().unwrap();
    assert_eq!(
        first,
        json!({
            "object": "page",
            "data": [
                {"object": "bucket", "start_time": 1_793_491_200, "end_time": 1_793_577_600, "results": [
                    item(0.00006, "gpt-4.1-mini, cached input", 600.0, "tokens"),
                    item(0.00096, "gpt-4.1-mini, input", 2400.0, "tokens"),
                    item(0.00048, "gpt-4.1-mini, output", 300.0, "tokens"),
                ]},
                {"object": "bucket", "start_time": 1_793_577_600, "end_time": 1_793_664_000, "results": []},
            ],
            "has_more": true,
            "next_page": token,
        })
    );
    let last = desk.get(&format!("{path}&page={token}"), &ADMIN).await;
    assert_eq!((&last["has_more"], &last["next_page"]), (&json!(false), &Value::Null));
    assert_eq!(
        last["data"],
        json!([{"object": "bucket", "start_time": 1_793_664_000, "end_time": 1_793_750_400, "results": [
            item(0.015, "tts-1, input", 1000.0, "characters"),
            item(0.009, "whisper-1, input", 90.0, "duration_seconds"),
        ]}])
    );
}

#[tokio::test]
async fn openais_costs_without_groups_are_one_amount_a_day() {
    let desk = Desk::open().await;
    let path = format!("{OPENAI}/costs?start_time=1793491200&end_time=1793577600");
    let costs = desk.get(&path, &ADMIN).await;
    let result = &costs["data"][0]["results"][0];
    assert_eq!(result["amount"], json!({"value": 0.0015, "currency": "usd"}));
    for name in ["line_item", "project_id", "api_key_id", "quantity", "quantity_unit"] {
        assert_eq!(result[name], Value::Null, "{name}");
    }
}

#[tokio::test]
async fn openais_usage_is_told_by_the_hour_and_model() {
    let desk = Desk::open().await;
    let path = format!(
        "{OPENAI}/usage/completions?start_time=1793491200&end_time=1793577600&bucket_width=1h&group_by=model&limit=10"
    );
    let usage = desk.get(&path, &ADMIN).await;
    let buckets = usage["data"].as_array().unwrap();
    assert_eq!(buckets.len(), 10);
    assert_eq!(usage["has_more"], true);
    let nine = &buckets[9];
    assert_eq!((&nine["start_time"], &nine["end_time"]), (&json!(1_793_523_600), &json!(1_793_527_200)));
    let result = &nine["results"][0];
    for (name, value) in [
        ("object", json!("organization.usage.completions.result")),
        ("input_tokens", json!(3000)),
        ("input_cached_tokens", json!(600)),
        ("input_uncached_tokens", json!(2400)),
        ("output_tokens", json!(300)),
        ("num_model_requests", json!(3)),
        ("model", json!("gpt-4.1-mini")),
        ("api_key_id", Value::Null),
    ] {
        assert_eq!(result[name], value, "{name}");
    }
    let path = format!("{OPENAI}/usage/audio_transcriptions?start_time=1793664000&end_time=1793750400");
    assert_eq!(desk.get(&path, &ADMIN).await["data"][0]["results"][0]["seconds"], 90);
}

#[tokio::test]
async fn anthropics_reports_give_tokens_apart_and_amounts_in_cents() {
    let desk = Desk::open().await;
    let path = "/anthropic/v1/organizations/usage_report/messages?starting_at=2026-11-01T00:00:00Z\
        &ending_at=2026-11-03T00:00:00Z&group_by[]=model&limit=1";
    let usage = desk.get(path, &ANTHROPIC_ADMIN).await;
    assert_eq!(
        usage,
        json!({
            "data": [{
                "starting_at": "2026-11-01T00:00:00Z", "ending_at": "2026-11-02T00:00:00Z",
                "results": [{
                    "uncached_input_tokens": 100_000,
                    "cache_creation": {"ephemeral_5m_input_tokens": 40_000, "ephemeral_1h_input_tokens": 0},
                    "cache_read_input_tokens": 60_000,
                    "output_tokens": 30_000,
                    "server_tool_use": {"web_search_requests": 0},
                    "model": "claude-haiku-4-5-20251001",
                    "api_key_id": null, "workspace_id": null, "service_tier": null, "context_window": null,
                    "inference_geo": null,
                }],
            }],
            "has_more": true,
            "next_page": "page_MjAyNi0xMS0wMlQwMDowMDowMFo=",
        })
    );
    let next = desk.get(&format!("{path}&page=page_MjAyNi0xMS0wMlQwMDowMDowMFo="), &ANTHROPIC_ADMIN).await;
    assert_eq!(next["data"][0]["starting_at"], "2026-11-02T00:00:00Z");
    assert_eq!(next["has_more"], false);

    let path = "/anthropic/v1/organizations/cost_report?starting_at=2026-11-01T00:00:00Z\
        &ending_at=2026-11-02T00:00:00Z";
    let costs = desk.get(path, &ANTHROPIC_ADMIN).await;
    assert_eq!(costs["data"][0]["results"][0]["amount"], "30.6");
    let costs = desk.get(&format!("{path}&group_by[]=description"), &ANTHROPIC_ADMIN).await;
    let results = costs["data"][0]["results"].as_array().unwrap();
    let told: Vec<(&str, &str)> = results
        .iter()
        .map(|result| (result["token_type"].as_str().unwrap(), result["amount"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("uncached_input_tokens", "10"),
            ("cache_read_input_tokens", "0.6"),
            ("cache_creation.ephemeral_5m_input_tokens", "5"),
            ("output_tokens", "15"),
        ]
    );
    assert_eq!(results[0]["description"], "Claude Haiku 4.5 Usage - Input Tokens");
}

#[tokio::test]
async fn deepgram_breaks_usage_and_billing_down_by_day() {
    let desk = Desk::open().await;
    let project = desk.project().await;
    let dates = "start=2026-11-01&end=2026-11-02";
    let usage = desk
        .get(&format!("{project}/usage/breakdown?{dates}&grouping=models&grouping=method"), &DEEPGRAM)
        .await;
    let row = |hours: f64, characters: u64, day: &str, model: &str, method: &str| {
        json!({
            "hours": hours, "total_hours": hours, "agent_hours": 0.0, "tokens_in": 0, "tokens_out": 0,
            "tts_characters": characters, "requests": 1,
            "grouping": {"start": day, "end": day, "models": [model], "method": method},
        })
    };
    assert_eq!(
        usage,
        json!({
            "start": "2026-11-01", "end": "2026-11-02", "resolution": {"units": "day", "amount": 1},
            "results": [
                row(0.025, 0, "2026-11-01", "nova-3", "streaming"),
                row(0.0, 1000, "2026-11-02", "aura-2-thalia-en", "streaming"),
                row(600.0 / 3600.0, 0, "2026-11-02", "nova-3", "sync"),
            ],
        })
    );
    let billing = desk
        .get(&format!("{project}/billing/breakdown?{dates}&grouping=%5B%22line_item%22%5D"), &DEEPGRAM)
        .await;
    let row = |dollars: f64, day: &str, item: &str| json!({"dollars": dollars, "grouping": {"start": day, "end": day, "line_item": item}});
    assert_eq!(
        billing["results"],
        json!([
            row(0.0072, "2026-11-01", "streaming::nova-3"),
            row(0.043, "2026-11-02", "pre-recorded::nova-3"),
            row(0.03, "2026-11-02", "tts::aura-2-thalia-en"),
        ])
    );
}

#[tokio::test]
async fn deepgrams_requests_come_latest_first_and_in_pages() {
    let desk = Desk::open().await;
    let project = desk.project().await;
    let mut ids = Vec::new();
    for page in 0..3 {
        let path = format!("{project}/requests?start=2026-11-01&end=2026-11-30&limit=2&page={page}");
        let requests = desk.get(&path, &DEEPGRAM).await;
        assert_eq!((&requests["page"], &requests["limit"]), (&json!(page), &json!(2)));
        for request in requests["requests"].as_array().unwrap() {
            ids.push(request["request_id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(ids, ["three", "two", "one"]);
    let one = desk.get(&format!("{project}/requests?request_id=one"), &DEEPGRAM).await;
    let mut request = one["requests"][0].clone();
    request.as_object_mut().unwrap().remove("project_uuid");
    assert_eq!(
        request,
        json!({
            "request_id": "one", "created": "2026-11-01T09:30:00.000Z", "path": "/v1/listen?model=nova-3",
            "api_key_id": "key_a", "code": 200, "deployment": "hosted", "callback": null,
            "response": {
                "code": 200, "completed": "2026-11-01T09:31:30.000Z",
                "details": {
                    "usd": 0.0072, "duration": 90.0, "total_audio": 90.0, "channels": 1, "streams": 1,
                    "models": ["nova-3"], "method": "streaming", "tags": [], "features": [], "config": {},
                },
            },
        })
    );
    let speaking = desk.get(&format!("{project}/requests?endpoint=speak"), &DEEPGRAM).await;
    assert_eq!(speaking["requests"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn cartesia_tells_credits_and_nothing_else() {
    let desk = Desk::open().await;
    let path = "/cartesia/usage/credits?start_ts=2026-11-01T12:00:00Z&end_ts=2026-11-03T12:00:00Z";
    let bucket = |from: &str, to: &str, credits: Value| {
        json!({"start_ts": format!("2026-11-{from}T00:00:00Z"), "end_ts": format!("2026-11-{to}T00:00:00Z"),
               "credits": credits})
    };
    assert_eq!(
        desk.get(path, &CARTESIA_ADMIN).await,
        json!({"data": [
            bucket("01", "02", json!(1000)), bucket("02", "03", json!(0)), bucket("03", "04", json!(31.5)),
        ]})
    );
    assert_eq!(
        desk.get(&format!("{path}&group_by=capability&interval=month"), &CARTESIA_ADMIN).await,
        json!({"group_by": "capability", "data": [
            {"id": "tts", "label": "Text to Speech", "buckets": [bucket("01", "04", json!(1000))]},
            {"id": "stt", "label": "Speech to Text", "buckets": [bucket("01", "04", json!(31.5))]},
        ]})
    );
    let (status, _) = desk
        .refused(
            "/cartesia/usage/credits?start_ts=2025-01-01T00:00:00Z&end_ts=2026-01-03T00:00:00Z",
            &CARTESIA_ADMIN,
        )
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn elevenlabs_gives_a_table_of_credits() {
    let desk = Desk::open().await;
    let path = "/elevenlabs/v1/workspace/analytics/query/usage-by-product-over-time";
    let asked = json!({"start_time": 1_793_491_200_000_u64, "end_time": 1_793_664_000_000_u64,
                       "interval_seconds": 86_400, "group_by": ["product_type", "model"]});
    let table = desk.ask("POST", path, &ELEVENLABS, &asked.to_string()).await.json();
    assert_eq!(
        table,
        json!({
            "columns": ["timestamp", "product_type", "model", "credits_used"],
            "column_types": ["DateTime", "String", "String", "Float"],
            "rows": [["2026-11-01T00:00:00Z", "text-to-speech", "eleven_flash_v2_5", 151.5]],
            "column_units": [null, null, null, "credits"],
        })
    );
    let early = json!({"start_time": 1, "end_time": 2});
    assert_eq!(desk.ask("POST", path, &ELEVENLABS, &early.to_string()).await.status, 422);
    let now = chrono::Utc::now().to_rfc3339();
    desk.remember(
        json!([{"provider": "elevenlabs", "model": "eleven_v3", "modality": "tts", "started_at": now,
                          "counts": {"characters": 7}}]),
    )
    .await;
    let plan = desk.get("/elevenlabs/v1/user/subscription", &ELEVENLABS).await;
    assert!(plan["character_count"].as_u64().unwrap() >= 7, "{plan}");
    assert_eq!(plan["currency"], "usd");
}

#[tokio::test]
async fn ordinary_keys_are_refused_in_the_providers_words() {
    let desk = Desk::open().await;
    let project = desk.project().await;
    let costs = format!("{OPENAI}/costs?start_time=1793491200");
    let (status, body) = desk.refused(&costs, &[("authorization", "Bearer sk-proj-1")]).await;
    assert_eq!(status, 403);
    assert!(body["error"]["message"].as_str().unwrap().contains("Missing scopes: api.usage.read"), "{body}");
    assert_eq!(desk.refused(&costs, &[]).await.0, 401);
    let report = "/anthropic/v1/organizations/cost_report?starting_at=2026-11-01T00:00:00Z";
    let (status, body) =
        desk.refused(report, &[("x-api-key", "sk-ant-api03-1"), ("anthropic-version", "2023-06-01")]).await;
    assert_eq!((status, &body["error"]["type"]), (401, &json!("authentication_error")));
    assert_eq!(desk.refused(report, &ANTHROPIC_ADMIN[..1]).await.0, 400);
    let (status, body) =
        desk.refused(&format!("{project}/billing/breakdown"), &[("authorization", "Token member-1")]).await;
    assert_eq!((status, &body["err_code"]), (403, &json!("INSUFFICIENT_PERMISSIONS")));
    assert_eq!(desk.refused("/deepgram/v1/projects/other/requests", &DEEPGRAM).await.0, 404);
    let (status, body) =
        desk.refused("/cartesia/usage/credits", &[("authorization", "Bearer sk_car_1")]).await;
    assert_eq!((status, &body["error_code"]), (403, &json!("forbidden")));
    let (status, body) = desk.refused("/elevenlabs/v1/user/subscription", &[("xi-api-key", "member")]).await;
    assert_eq!((status, &body["detail"]["status"]), (401, &json!("missing_permissions")));
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused() {
    let desk = Desk::open().await;
    let project = desk.project().await;
    for path in [
        "costs",
        "costs?start_time=soon",
        "costs?start_time=1&limit=181",
        "costs?start_time=1&page=x!",
        "costs?start_time=1&group_by=mood",
        "costs?start_time=1&bucket_width=1h",
        "usage/completions?start_time=1&limit=32",
    ] {
        assert_eq!(desk.refused(&format!("{OPENAI}/{path}"), &ADMIN).await.0, 400, "{path}");
    }
    for path in ["requests?limit=1001", "usage/breakdown?start=1.11.", "billing/breakdown?grouping=models"] {
        assert_eq!(desk.refused(&format!("{project}/{path}"), &DEEPGRAM).await.0, 400, "{path}");
    }
    assert_eq!(desk.refused(&format!("{OPENAI}/usage/images?start_time=1"), &ADMIN).await.0, 404);
}

#[tokio::test]
async fn a_billing_api_fails_as_ordered_and_then_goes_on() {
    let desk = Desk::open().await;
    desk.0.fault("openai", "billing", "status", 0, Some(429));
    let path = format!("{OPENAI}/costs?start_time=1793491200&end_time=1793577600");
    let answer = desk.ask("GET", &path, &ADMIN, "").await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    desk.0.fault("openai", "billing", "malformed", 0, None);
    assert_eq!(desk.ask("GET", &path, &ADMIN, "").await.body, "{\"broken");
    desk.get(&path, &ADMIN).await;
    for (provider, kind) in [("groq", "status"), ("openai", "no_usage")] {
        let order = json!([{"provider": provider, "modality": "billing", "kind": kind}]).to_string();
        assert_eq!(desk.ask("POST", "/__faults", &[], &order).await.status, 400, "{provider} {kind}");
    }
}

// --- the tariff ---

#[tokio::test]
async fn a_price_changes_on_its_day_and_not_before() {
    let desk = Desk::open().await;
    desk.tariff(json!({"prices": [
        {"provider": "deepgram", "model": "nova-3", "unit": "audio_seconds", "price": "0.006", "per": 60,
         "from": "2026-11-03"},
    ]}))
    .await;
    desk.remember(json!([
        {"provider": "deepgram", "model": "nova-3", "modality": "stt", "started_at": "2026-11-02T23:59:59Z",
         "counts": {"audio_seconds": 60}},
        {"provider": "deepgram", "model": "nova-3", "modality": "stt", "started_at": "2026-11-03T00:00:00Z",
         "counts": {"audio_seconds": 60}},
    ]))
    .await;
    let before = desk.bill("deepgram", "start=2026-11-02&end=2026-11-02").await;
    assert!(before.ends_with("nova-3,660.0,2,0.0478\r\n"), "{before}");
    let after = desk.bill("deepgram", "start=2026-11-03&end=2026-11-03").await;
    assert!(after.ends_with("nova-3,60.0,1,0.006\r\n"), "{after}");
    let both = desk.bill("deepgram", "start=2026-11-02").await;
    assert!(both.ends_with("nova-3,720.0,3,0.0538\r\n"), "{both}");
}

#[tokio::test]
async fn a_discount_is_taken_off_dollars_and_not_off_credits() {
    let desk = Desk::open().await;
    desk.tariff(json!({"discount_percent": 12})).await;
    let bill = desk.bill("cartesia", "").await;
    assert!(bill.ends_with("sonic-3,1000,1000,2,0.044\r\n"), "{bill}");
    let costs = desk.bill("anthropic", "kind=cost").await;
    assert!(costs.contains(",output,0.13,0.15,token,"), "{costs}");
    let shown = desk.get("/__tariff", &[]).await;
    assert_eq!(shown["discount_percent"], "12");
}

#[tokio::test]
async fn days_are_cut_where_the_provider_cuts_them() {
    let desk = Desk::open().await;
    desk.tariff(json!({"utc_offset": "+01:00"})).await;
    // Half past eleven in the evening of UTC is the next day there.
    let file = desk.bill("anthropic", "kind=usage&start=2026-11-02&end=2026-11-02").await;
    assert!(file.contains("2026-11-02,claude-haiku-4-5-20251001,"), "{file}");
    let path = "/cartesia/usage/credits?start_ts=2026-11-01T23:00:00Z&end_ts=2026-11-02T23:00:00Z";
    assert_eq!(
        desk.get(path, &CARTESIA_ADMIN).await["data"],
        json!([{"start_ts": "2026-11-01T23:00:00Z", "end_ts": "2026-11-02T23:00:00Z", "credits": 1000}])
    );
}

#[tokio::test]
async fn what_has_no_price_is_not_billed_at_nothing() {
    let desk = Desk::open().await;
    desk.remember(json!([{"provider": "openai", "model": "gpt-99", "modality": "llm",
        "started_at": "2026-11-04T00:00:00Z", "counts": {"input_tokens": 1}}]))
        .await;
    let says = "no price for `input_tokens` of `openai/gpt-99` on 2026-11-04";
    let (status, body) = desk.refused("/__bill/openai?kind=cost", &[]).await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().unwrap().contains(says), "{body}");
    let (status, body) =
        desk.refused(&format!("{OPENAI}/costs?start_time=1793491200&end_time=1793836800"), &ADMIN).await;
    assert_eq!(status, 500);
    assert!(body["error"].as_str().unwrap().contains(says), "{body}");
}

#[tokio::test]
async fn a_tariff_or_a_past_that_makes_no_sense_changes_nothing() {
    let desk = Desk::open().await;
    let price = |unit: &str, price: Value| {
        json!({"discount_percent": 50,
               "prices": [{"provider": "openai", "model": "m", "unit": unit, "price": price}]})
    };
    for (tariff, says) in [
        (price("miles", json!("1")), "unknown variant `miles`"),
        (price("characters", json!("free")), "price 1: `free` per 1 is no price"),
        (price("characters", json!(-1)), "price 1: `-1` per 1 is no price"),
        (json!({"discount_percent": 120}), "from 0 to 100, not `120`"),
        (json!({"utc_offset": "CET"}), "an offset such as `-08:00`"),
        (json!({"prises": []}), "unknown field `prises`"),
    ] {
        let answer = desk.ask("PUT", "/__tariff", &[], &tariff.to_string()).await;
        assert_eq!(answer.status, 400);
        assert!(answer.json()["error"].as_str().unwrap().contains(says), "{}", answer.body);
    }
    assert_eq!(desk.get("/__tariff", &[]).await["discount_percent"], "0");
    let past = |name: &str, value: Value| {
        let mut past = json!({"provider": "openai", "model": "m", "modality": "llm",
                              "started_at": "2026-11-01T00:00:00Z"});
        past[name] = value;
        json!([past]).to_string()
    };
    for (past, says) in [
        (past("provider", json!("acme")), "request 1: no provider `acme`"),
        (past("modality", json!("video")), "request 1: "),
        (past("started_at", json!("noon")), "request 1: `noon` is no time"),
        (past("n", json!(0)), "request 1: `n` is at least 1"),
        (past("counts", json!({"tokens": 1})), "unknown field `tokens`"),
    ] {
        let answer = desk.ask("POST", "/__history", &[], &past).await;
        assert_eq!(answer.status, 400);
        assert!(answer.json()["error"].as_str().unwrap().contains(says), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_reset_forgets_the_past_and_the_tariff() {
    let desk = Desk::open().await;
    desk.tariff(json!({"discount_percent": 12})).await;
    assert_eq!(desk.ask("POST", "/__reset", &[], "").await.status, 200);
    assert_eq!(desk.bill("groq", "").await, "model,input_tokens,output_tokens,n_requests,cost_usd\r\n");
    assert_eq!(desk.get("/__tariff", &[]).await["discount_percent"], "0");
}

#[tokio::test]
async fn a_million_requests_are_summed_and_the_latest_are_kept_one_by_one() {
    let desk = Desk::open().await;
    desk.remember(json!([{"provider": "deepgram", "model": "nova-3", "modality": "stt", "n": 1_000_000,
        "started_at": "2026-11-05T00:00:00Z", "counts": {"audio_seconds": 0.5}}]))
        .await;
    let bill = desk.bill("deepgram", "start=2026-11-05").await;
    assert!(bill.ends_with("nova-3,500000.0,1000000,40\r\n"), "{bill}");
    let requests = desk.get("/__requests", &[]).await;
    let requests = requests.as_array().unwrap();
    assert_eq!(requests.len(), 10_000);
    assert_eq!(requests.last().unwrap()["number"], 1_000_018);
}

// --- what is served is what is billed ---

#[tokio::test]
async fn a_served_stream_is_on_the_bill_under_the_id_the_client_was_told() {
    let desk = Desk(Rig::start().await);
    let before = chrono::Utc::now();
    let call = desk.0.call_with("/deepgram/v1/listen", "nova-3", "dg-mine", json!({}));
    let request = ListenRequest { sample_rate: 16_000, language: None, extra: serde_json::Map::new() };
    let mut stream = registry::clients("deepgram").stt.unwrap().listen(call, request).await.unwrap();
    for audio in [speech(1_000), silence(500)] {
        send(&mut stream, audio).await;
    }
    drop(stream);
    assert_eq!(desk.0.outcome().await, "cut");
    let billed = desk.get("/__requests", &[]).await[0].clone();
    assert_ne!(billed["request_id"], "");
    assert!(
        billed["started_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap() >= before
    );
    let project = desk.project().await;
    let path = format!("{project}/requests?request_id={}", billed["request_id"].as_str().unwrap());
    let request = desk.get(&path, &DEEPGRAM).await["requests"][0].clone();
    assert_eq!(request["response"]["details"]["duration"], billed["audio_seconds"]);
    assert_eq!(request["api_key_id"], billed["api_key_id"]);
}
