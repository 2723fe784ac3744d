//! Cartesia's bill: credits over time, for admin keys.
//!
//! Shapes: <https://docs.cartesia.ai/api-reference/usage/credits>, read 2026-11: times are rounded to whole days, no more
//! than a year, and nothing is told of models or of money.

use super::{PROVIDER, REQUEST_ID, failure, has_key, key, refusal};
use crate::sim::{
    Query, Sim,
    bill::{
        Accounts, Amount, Bill, Charge, DAY, Format, Kind, Order, Problem, answer, dimensions, not_offered,
        question, zulu,
    },
    json_response,
};
use axum::{extract::Query as Parameters, http::HeaderMap, response::Response};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde_json::{Value, json};
use std::ops::Range;
use vg_core::Modality;

const CAPABILITIES: [(Modality, &str, &str); 2] =
    [(Modality::Tts, "tts", "Text to Speech"), (Modality::Stt, "stt", "Speech to Text")];
/// How many days are given when none are asked for.
const USUAL_DAYS: i64 = 7;
const MOST_DAYS: i64 = 366;

pub(super) async fn credits(
    sim: Sim,
    headers: HeaderMap,
    Parameters(query): Parameters<Vec<(String, String)>>,
) -> Response {
    let query = Query(query);
    if !has_key(&headers, &query) {
        return refusal(&sim, 401);
    }
    if !key(&headers, &query).is_some_and(|key| key.starts_with("sk_car_admin_")) {
        return problem(&sim, 403, "forbidden", "This endpoint needs an admin API key.");
    }
    let bad_request = |text: &str| problem(&sim, 400, "invalid_request", text);
    answer(
        &sim,
        PROVIDER,
        |status| refusal(&sim, status),
        bad_request,
        |accounts| {
            let time = |name: &str| match query.get(name).map(str::parse::<DateTime<Utc>>) {
                None => Ok(None),
                Some(Ok(time)) => Ok(Some(time.timestamp())),
                Some(Err(_)) => question(format!("{name} is a time such as 2026-11-01T00:00:00Z")),
            };
            let end = time("end_ts")?.unwrap_or_else(|| accounts.now.timestamp());
            let start = time("start_ts")?.unwrap_or(end - USUAL_DAYS * DAY);
            let (first, last) = (accounts.day_of(start), accounts.day_of(end - 1));
            if (last - first).num_days() >= MOST_DAYS {
                return question("start_ts to end_ts cannot span more than a year");
            }
            let by_capability = !dimensions(&query.0, "group_by", &["capability"])?.is_empty();
            let range = accounts.days(first, last);
            usage(accounts, range, query.get("interval").unwrap_or("day"), by_capability)
        },
    )
    .await
}

fn problem(sim: &Sim, status: u16, code: &str, text: &str) -> Response {
    let id = sim.uuid();
    let mut body = failure(&id, status);
    if let Some(fields) = body.as_object_mut() {
        fields.insert("error_code".to_owned(), json!(code));
        fields.insert("message".to_owned(), json!(text));
        fields.insert("error".to_owned(), json!(text));
    }
    json_response(status, REQUEST_ID, &id, &body)
}

/// The stretches of time that an interval cuts a range into; weeks begin on Monday.
fn intervals(
    accounts: &Accounts<'_>,
    range: &Range<i64>,
    interval: &str,
) -> Result<Vec<Range<i64>>, Problem> {
    let begins: fn(NaiveDate) -> NaiveDate = match interval {
        "hour" => return Ok(accounts.buckets(range, 3_600).collect()),
        "day" => return Ok(accounts.buckets(range, DAY).collect()),
        "week" => |day| day.week(chrono::Weekday::Mon).first_day(),
        "month" => |day| day.with_day(1).unwrap_or(day),
        _ => return question("interval is one of hour, day, week, month"),
    };
    let mut intervals: Vec<Range<i64>> = Vec::new();
    let mut begun = None;
    for day in accounts.buckets(range, DAY) {
        let begin = begins(accounts.day_of(day.start));
        match intervals.last_mut().filter(|_| begun == Some(begin)) {
            Some(last) => last.end = day.end,
            None => intervals.push(day),
        }
        begun = Some(begin);
    }
    Ok(intervals)
}

fn bucket(range: &Range<i64>, charges: &[Charge], modality: Option<Modality>) -> Value {
    let mut credits = Amount::default();
    for charge in charges {
        if modality.is_none_or(|modality| modality == charge.line.modality) {
            credits += charge.credits.unwrap_or_default();
        }
    }
    json!({"start_ts": zulu(range.start), "end_ts": zulu(range.end), "credits": credits.number()})
}

fn usage(
    accounts: &Accounts<'_>,
    range: Range<i64>,
    interval: &str,
    by_capability: bool,
) -> Result<Value, Problem> {
    let mut charged = Vec::new();
    for interval in intervals(accounts, &range, interval)? {
        let charges = accounts.charges(&interval)?;
        charged.push((interval, charges));
    }
    let buckets = |modality: Option<Modality>| -> Vec<Value> {
        charged.iter().map(|(interval, charges)| bucket(interval, charges, modality)).collect()
    };
    if !by_capability {
        return Ok(json!({"data": buckets(None)}));
    }
    let data: Vec<Value> = CAPABILITIES
        .iter()
        .map(|(modality, id, label)| json!({"id": id, "label": label, "buckets": buckets(Some(*modality))}))
        .collect();
    Ok(json!({"group_by": "capability", "data": data}))
}

/// The API's answer by capability and day.
pub(crate) fn print_bill(accounts: &Accounts<'_>, order: &Order) -> Result<Bill, String> {
    match (order.kind, order.format) {
        (Kind::Usage, Format::Json) => usage(accounts, accounts.days(order.start, order.end), "day", true)
            .map(Bill::Json)
            .map_err(|problem| match problem {
                Problem::Question(text) | Problem::Unpriced(text) => text,
            }),
        _ => not_offered(accounts, order, "summary as csv and json; usage as json"),
    }
}
