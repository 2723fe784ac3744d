//! ElevenLabs' bill: a workspace's credits over time, and what is used of the subscription.
//!
//! Shapes: <https://elevenlabs.io/docs/api-reference>, and `usage_by_product_over_time` of
//! <https://api.elevenlabs.io/openapi.json>, as notes in public repositories have it (2026-08 to 2026-10), read 2026-11. The
//! pages do not list the columns beyond an example, nor the products by name. Keys have no prefix that tells their
//! rights: here one that holds `member` has none to read the bill.

use super::{PROVIDER, REQUEST_ID, has_key, key, refusal};
use crate::sim::{
    Query, Sim,
    bill::{
        Accounts, Amount, Bill, Charge, DAY, Format, Kind, Line, Order, Problem, answer, grouped,
        not_offered, question, zulu,
    },
    json_response,
};
use axum::{body::Bytes, http::HeaderMap, response::Response};
use chrono::{Datelike, Months, NaiveDate};
use serde::Deserialize;
use serde_json::{Value, json};
use std::ops::Range;
use vg_core::Modality;

/// Times before 2020 are refused.
const EARLIEST_MILLIS: i64 = 1_577_836_800_000;
/// The credits that the simulated plan includes.
const CREDITS_INCLUDED: u64 = 2_000_000;

#[derive(Debug, Deserialize)]
struct Asked {
    start_time: i64,
    end_time: i64,
    #[serde(default = "a_day")]
    interval_seconds: i64,
    #[serde(default)]
    group_by: Vec<Group>,
    #[serde(default)]
    time_zone: Option<String>,
    #[serde(default)]
    filters: Vec<Value>,
}

fn a_day() -> i64 {
    DAY
}

/// What the rows can be told apart by, of what the simulator knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum Group {
    ProductType,
    Model,
    HashedXiApiKey,
    Region,
    RequestSource,
}

impl Group {
    fn of(self, line: &Line) -> &str {
        match self {
            Group::ProductType if line.modality == Modality::Tts => "text-to-speech",
            Group::ProductType => "speech-to-text",
            Group::Model => &line.model,
            Group::HashedXiApiKey => &line.api_key,
            Group::Region => "us",
            Group::RequestSource => "api",
        }
    }
}

pub(super) async fn analytics(sim: Sim, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(response) = refused(&sim, &headers) {
        return response;
    }
    let bad_request = |text: &str| problem(&sim, 422, "invalid_request", text);
    answer(
        &sim,
        PROVIDER,
        |status| refusal(&sim, status),
        bad_request,
        |accounts| {
            let asked: Asked =
                serde_json::from_slice(&body).map_err(|error| Problem::Question(error.to_string()))?;
            if asked.start_time < EARLIEST_MILLIS || asked.end_time < asked.start_time {
                return question(
                    "start_time and end_time are Unix times in milliseconds, in this order, after 2020",
                );
            }
            if !asked.filters.is_empty() || asked.interval_seconds < 60 {
                return question("the simulator takes no filters and no interval below 60 s");
            }
            // The simulated provider cuts its days in one zone, and that one is set beside the prices.
            if asked.time_zone.as_deref().is_some_and(|zone| zone != "UTC") {
                return question(
                    "the simulator's time zone is set with PUT /__tariff, leave `time_zone` out",
                );
            }
            let range = asked.start_time.div_euclid(1_000)..asked.end_time.div_euclid(1_000);
            let mut groups = vec![Group::ProductType];
            groups.extend(asked.group_by.iter().filter(|group| **group != Group::ProductType));
            Ok(table(accounts, &range, asked.interval_seconds, &groups)?)
        },
    )
    .await
}

pub(super) async fn subscription(sim: Sim, headers: HeaderMap) -> Response {
    if let Some(response) = refused(&sim, &headers) {
        return response;
    }
    let bad_request = |text: &str| problem(&sim, 422, "invalid_request", text);
    answer(
        &sim,
        PROVIDER,
        |status| refusal(&sim, status),
        bad_request,
        |accounts| {
            let today = accounts.day_of(accounts.now.timestamp());
            let first = today.with_day(1).unwrap_or(today);
            let next = first.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
            let charges = accounts.charges(&accounts.days(first, today))?;
            let used: u64 = credits(&charges).fixed(0).parse().unwrap_or(u64::MAX);
            Ok(json!({
                "tier": "simulated",
                "character_count": used,
                "character_limit": CREDITS_INCLUDED,
                "can_extend_character_limit": true,
                "next_character_count_reset_unix": accounts.start_of(next),
                "status": "active",
                "currency": "usd",
                "current_overage": {"amount": "0", "currency": "usd"},
                "billing_period": "monthly_period",
                "character_refresh_period": "monthly_period",
            }))
        },
    )
    .await
}

fn refused(sim: &Sim, headers: &HeaderMap) -> Option<Response> {
    let query = Query(Vec::new());
    if !has_key(headers, &query) {
        return Some(refusal(sim, 401));
    }
    let may_not = key(headers, &query).is_some_and(|key| key.contains("member"));
    let text = "The API key you used is missing the permission workspace_analytics_read.";
    may_not.then(|| problem(sim, 401, "missing_permissions", text))
}

fn problem(sim: &Sim, status: u16, code: &str, text: &str) -> Response {
    let id = sim.uuid();
    let detail = json!({"status": code, "code": code, "message": text, "request_id": id});
    json_response(status, REQUEST_ID, &id, &json!({"detail": detail}))
}

fn credits(charges: &[Charge]) -> Amount {
    let mut sum = Amount::default();
    for charge in charges {
        sum += charge.credits.unwrap_or_default();
    }
    sum
}

fn table(
    accounts: &Accounts<'_>,
    range: &Range<i64>,
    interval: i64,
    groups: &[Group],
) -> Result<Value, String> {
    let mut rows = Vec::new();
    for bucket in accounts.buckets(range, interval) {
        let key = |charge: &Charge| {
            groups.iter().map(|group| group.of(&charge.line).to_owned()).collect::<Vec<String>>()
        };
        for (key, charges) in grouped(accounts.charges(&bucket)?, key) {
            let mut row = vec![json!(zulu(bucket.start))];
            row.extend(key.into_iter().map(Value::String));
            row.push(credits(&charges).number());
            rows.push(row);
        }
    }
    let named = |first: &str, each: &dyn Fn(&Group) -> Value, last: &str| {
        let mut list = vec![json!(first)];
        list.extend(groups.iter().map(each));
        list.push(json!(last));
        list
    };
    let mut units = vec![Value::Null; groups.len() + 1];
    units.push(json!("credits"));
    Ok(json!({
        "columns": named("timestamp", &|group| json!(group), "credits_used"),
        "column_types": named("DateTime", &|_| json!("String"), "Float"),
        "rows": rows,
        "column_units": units,
    }))
}

/// The API's answer by product, model and key, a row a day.
pub(crate) fn print_bill(accounts: &Accounts<'_>, order: &Order) -> Result<Bill, String> {
    match (order.kind, order.format) {
        (Kind::Usage, Format::Json) => {
            let groups = [Group::ProductType, Group::Model, Group::HashedXiApiKey];
            table(accounts, &accounts.days(order.start, order.end), DAY, &groups).map(Bill::Json)
        }
        _ => not_offered(accounts, order, "summary as csv and json; usage as json"),
    }
}
