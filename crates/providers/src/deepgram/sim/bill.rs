//! Deepgram's bill: usage, billing and requests of a project, for keys that may read them.
//!
//! Shapes: <https://developers.deepgram.com/reference/manage>, read 2026-11. The console's CSV is documented nowhere, so
//! there is none. `streaming::` is the only kind of line item the pages show; those of recordings and of speech follow
//! it. Keys have no prefix that tells their rights: here one that holds `member` has none to read the bill.

use super::{PROVIDER, REQUEST_ID, bad_request, has_key, refusal, words};
use crate::sim::{
    Query, Sim, bearer,
    bill::{
        Accounts, Amount, Bill, DAY, Entry, Format, Kind, Line, Order, Problem, answer, dimensions, grouped,
        not_offered, page_size, question, total,
    },
    seconds,
};
use axum::{
    Json,
    extract::{Path, Query as Parameters},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use std::ops::Range;
use vg_core::Modality;

const USAGE_GROUPS: [&str; 6] = ["accessor", "endpoint", "models", "method", "tags", "deployment"];
const BILLING_GROUPS: [&str; 4] = ["accessor", "deployment", "line_item", "tags"];

type Parameter = (String, String);

/// The one project there is.
fn project(sim: &Sim) -> String {
    let draw = sim.draw("project");
    format!("{:08x}-{:04x}-4000-8000-{:012x}", draw >> 32, draw & 0xffff, draw & 0xffff_ffff_ffff)
}

pub(super) async fn projects(sim: Sim, headers: HeaderMap) -> Response {
    if !has_key(&headers) {
        return refusal(&sim, 401);
    }
    Json(json!({"projects": [{"project_id": project(&sim), "name": "Simulated project"}]})).into_response()
}

pub(super) async fn usage(
    sim: Sim,
    Path(id): Path<String>,
    headers: HeaderMap,
    Parameters(query): Parameters<Vec<Parameter>>,
) -> Response {
    ask(&sim, &id, &headers, |accounts| {
        let (first, last) = dates(accounts, &query)?;
        let groups = dimensions(&query, "grouping", &USAGE_GROUPS)?;
        Ok(usage_breakdown(accounts, first, last, &groups))
    })
    .await
}

pub(super) async fn billing(
    sim: Sim,
    Path(id): Path<String>,
    headers: HeaderMap,
    Parameters(query): Parameters<Vec<Parameter>>,
) -> Response {
    ask(&sim, &id, &headers, |accounts| {
        let (first, last) = dates(accounts, &query)?;
        let groups = dimensions(&query, "grouping", &BILLING_GROUPS)?;
        Ok(billing_breakdown(accounts, first, last, &groups)?)
    })
    .await
}

pub(super) async fn requests(
    sim: Sim,
    Path(id): Path<String>,
    headers: HeaderMap,
    Parameters(query): Parameters<Vec<Parameter>>,
) -> Response {
    ask(&sim, &id, &headers, |accounts| {
        let query = Query(query);
        let range = times(accounts, &query)?;
        let limit = page_size(query.get("limit"), 10, 1_000)?;
        let page: usize = query.number("page", 0);
        let is_wanted = |entry: &&Entry| {
            query.get("request_id").is_none_or(|id| id == entry.request_id)
                && query.get("accessor").is_none_or(|key| key == entry.line.api_key)
                && query.get("endpoint").is_none_or(|name| name == endpoint(&entry.line))
                && query
                    .get("status")
                    .is_none_or(|status| (status == "failed") == (entry.outcome == "failed"))
        };
        let mut wanted: Vec<&Entry> = accounts.entries(range).filter(is_wanted).collect();
        wanted.sort_by_key(|entry| std::cmp::Reverse((entry.started, entry.number)));
        let wanted = wanted.into_iter().skip(page.saturating_mul(limit)).take(limit);
        let project = project(&sim);
        let requests: Result<Vec<Value>, String> =
            wanted.map(|entry| request(accounts, entry, &project)).collect();
        Ok(json!({"page": page, "limit": limit, "requests": requests?}))
    })
    .await
}

async fn ask(
    sim: &Sim,
    id: &str,
    headers: &HeaderMap,
    work: impl FnOnce(&Accounts<'_>) -> Result<Value, Problem>,
) -> Response {
    if !has_key(headers) {
        return refusal(sim, 401);
    }
    if bearer(headers, &["token", "bearer"]).is_some_and(|key| key.contains("member")) {
        return refusal(sim, 403);
    }
    if id != project(sim) {
        let id = sim.uuid();
        let body =
            json!({"err_code": "PROJECT_NOT_FOUND", "err_msg": "Project not found.", "request_id": id});
        return crate::sim::json_response(404, REQUEST_ID, &id, &body);
    }
    answer(sim, PROVIDER, |status| refusal(sim, status), |text| bad_request(sim, text), work).await
}

/// The days asked for, both included; without them from the first request until today.
fn dates(accounts: &Accounts<'_>, query: &[Parameter]) -> Result<(NaiveDate, NaiveDate), Problem> {
    let query = Query(query.to_vec());
    let date = |name: &str, otherwise: NaiveDate| match query.get(name).map(str::parse) {
        None => Ok(otherwise),
        Some(Ok(date)) => Ok(date),
        Some(Err(_)) => question(format!("`{name}` is a day such as 2026-11-01")),
    };
    let today = accounts.day_of(accounts.now.timestamp());
    Ok((date("start", accounts.span().0)?, date("end", today)?))
}

/// The seconds asked for, in days or in times of RFC 3339.
fn times(accounts: &Accounts<'_>, query: &Query) -> Result<Range<i64>, Problem> {
    let second =
        |name: &str, otherwise: i64, of_day: fn(&Accounts<'_>, NaiveDate) -> i64| match query.get(name) {
            None => Ok(otherwise),
            Some(text) => match (text.parse::<NaiveDate>(), text.parse::<DateTime<Utc>>()) {
                (Ok(day), _) => Ok(of_day(accounts, day)),
                (_, Ok(time)) => Ok(time.timestamp()),
                _ => question(format!("`{name}` is a day such as 2026-11-01, or a time")),
            },
        };
    let start = second("start", i64::MIN, |accounts, day| accounts.start_of(day))?;
    let end = second("end", i64::MAX, |accounts, day| accounts.days(day, day).end)?;
    Ok(start..end)
}

fn endpoint(line: &Line) -> &'static str {
    if line.modality == Modality::Tts { "speak" } else { "listen" }
}

fn method(line: &Line) -> &'static str {
    if line.is_batch { "sync" } else { "streaming" }
}

/// What a line is called on the bill.
fn line_item(line: &Line) -> String {
    let kind = match (line.modality, line.is_batch) {
        (Modality::Tts, _) => "tts",
        (_, true) => "pre-recorded",
        (_, false) => "streaming",
    };
    format!("{kind}::{}", line.product.strip_suffix("-batch").unwrap_or(&line.product))
}

/// What a line is in each of the groups.
fn place(line: &Line, groups: &[String]) -> Vec<(String, Value)> {
    let value = |group: &String| match group.as_str() {
        "accessor" => json!(line.api_key),
        "endpoint" => json!(endpoint(line)),
        "models" => json!([line.model]),
        "method" => json!(method(line)),
        "tags" => json!([]),
        "line_item" => json!(line_item(line)),
        _ => json!("hosted"),
    };
    groups.iter().map(|group| (group.clone(), value(group))).collect()
}

/// The days' rows: what each group of lines has of each day.
fn by_day<T>(
    accounts: &Accounts<'_>,
    (first, last): (NaiveDate, NaiveDate),
    groups: &[String],
    items: impl Fn(&Range<i64>) -> Result<Vec<T>, String>,
    line: impl Fn(&T) -> &Line,
    shown: impl Fn(&[T]) -> Value,
) -> Result<Value, String> {
    let mut results = Vec::new();
    for bucket in accounts.buckets(&accounts.days(first, last), DAY) {
        let day = accounts.day_of(bucket.start).to_string();
        let in_groups = grouped(items(&bucket)?, |item| json!(place(line(item), groups)).to_string());
        for items in in_groups.into_values() {
            let mut result = shown(&items);
            let mut grouping = serde_json::Map::new();
            grouping.insert("start".to_owned(), json!(day));
            grouping.insert("end".to_owned(), json!(day));
            grouping.extend(items.first().map(|item| place(line(item), groups)).unwrap_or_default());
            if let Some(fields) = result.as_object_mut() {
                fields.insert("grouping".to_owned(), Value::Object(grouping));
            }
            results.push(result);
        }
    }
    Ok(json!({
        "start": first.to_string(), "end": last.to_string(),
        "resolution": {"units": "day", "amount": 1}, "results": results,
    }))
}

fn usage_breakdown(accounts: &Accounts<'_>, first: NaiveDate, last: NaiveDate, groups: &[String]) -> Value {
    let sums = |bucket: &Range<i64>| Ok(accounts.sums(bucket).into_iter().collect());
    let shown = |sums: &[(std::sync::Arc<Line>, crate::sim::bill::Tally)]| {
        let tally = total(sums.iter().map(|(_, tally)| tally));
        let hours = seconds(tally.counts.audio_flicks) / 3_600.0;
        json!({
            "hours": hours, "total_hours": hours, "agent_hours": 0.0, "tokens_in": 0, "tokens_out": 0,
            "tts_characters": tally.counts.characters, "requests": tally.requests,
        })
    };
    by_day(accounts, (first, last), groups, sums, |(line, _)| line, shown).unwrap_or_default()
}

fn billing_breakdown(
    accounts: &Accounts<'_>,
    first: NaiveDate,
    last: NaiveDate,
    groups: &[String],
) -> Result<Value, String> {
    let shown = |charges: &[crate::sim::bill::Charge]| {
        let mut dollars = Amount::default();
        for charge in charges {
            dollars += charge.usd;
        }
        json!({"dollars": dollars.number()})
    };
    by_day(accounts, (first, last), groups, |bucket| accounts.charges(bucket), |charge| &charge.line, shown)
}

fn request(accounts: &Accounts<'_>, entry: &Entry, project: &str) -> Result<Value, String> {
    let line = &entry.line;
    let code = if entry.outcome == "failed" { 500 } else { 200 };
    let duration = seconds(entry.counts.audio_flicks);
    let mut details = json!({
        "usd": accounts.cost_of(entry)?.number(), "duration": duration, "total_audio": duration, "channels": 1,
        "streams": 1, "models": [line.model], "method": method(line), "tags": [], "features": [], "config": {},
    });
    if let (Modality::Tts, Some(fields)) = (line.modality, details.as_object_mut()) {
        fields.insert("characters".to_owned(), json!(entry.counts.characters));
    }
    Ok(json!({
        "request_id": entry.request_id,
        "project_uuid": project,
        "created": words::written(entry.started),
        "path": format!("/v1/{}?model={}", endpoint(line), line.model),
        "api_key_id": line.api_key,
        "code": code,
        "deployment": "hosted",
        "callback": null,
        "response": {"code": code, "completed": words::written(entry.ended), "details": details},
    }))
}

/// The API's answers for whole days: usage by model, billing by line item, and the single requests on one page.
pub(crate) fn print_bill(accounts: &Accounts<'_>, order: &Order) -> Result<Bill, String> {
    let groups = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let bill = match (order.kind, order.format) {
        (Kind::Usage, Format::Json) => {
            let groups = groups(&["accessor", "endpoint", "models", "method"]);
            usage_breakdown(accounts, order.start, order.end, &groups)
        }
        (Kind::Cost, Format::Json) => {
            billing_breakdown(accounts, order.start, order.end, &groups(&["accessor", "line_item"]))?
        }
        (Kind::Requests, Format::Json) => {
            let mut entries: Vec<&Entry> = accounts.entries(accounts.days(order.start, order.end)).collect();
            entries.sort_by_key(|entry| std::cmp::Reverse((entry.started, entry.number)));
            let requests: Result<Vec<Value>, String> =
                entries.iter().map(|entry| request(accounts, entry, "simulated")).collect();
            json!({"page": 0, "limit": entries.len(), "requests": requests?})
        }
        _ => return not_offered(accounts, order, "summary as csv; usage, cost and requests as json"),
    };
    Ok(Bill::Json(bill))
}
