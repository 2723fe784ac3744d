//! OpenAI's bill: the costs and usage API for admin keys, and the same as the dashboard's CSV files.
//!
//! Shapes: <https://platform.openai.com/docs/api-reference/usage>, and files of the dashboard that users have shown in
//! public repositories (2025-10), both read 2026-11. Amounts are not rounded. No page says under which address the
//! audio models that are billed in tokens appear; here speaking is in `audio_speeches` and hearing in
//! `audio_transcriptions`, whatever they are billed in, and `completions` has the chats. Nor does any page name the
//! line items of what is not text; here they follow those of text.

use super::{PROVIDER, TOKENS_PER_SECOND, bad_request, refusal};
use crate::sim::{
    FLICKS_PER_SECOND, Sim, bearer,
    bill::{
        Accounts, Amount, Bill, Charge, DAY, Format, Kind, Line, Order, Problem, Tally, Unit, answer,
        dimensions, grouped, not_offered, page_size, page_start, question, row, token, total, values,
    },
    json_response,
};
use axum::{
    extract::{Path, Query as Parameters},
    http::HeaderMap,
    response::Response,
};
use serde_json::{Value, json};
use std::{ops::Range, sync::Arc};
use vg_core::Modality;

const PROJECT: &str = "proj_simulated";
const USER: &str = "user-simulated";
const ORGANIZATION: &str = "org-simulated";
/// The decimals that amounts have in the dashboard's files.
const DECIMALS: usize = 30;

/// The kinds of usage there are: their name and what they count.
const USAGES: [(&str, Modality); 3] = [
    ("completions", Modality::Llm),
    ("audio_speeches", Modality::Tts),
    ("audio_transcriptions", Modality::Stt),
];

type Parameter = (String, String);

pub(super) async fn costs(
    sim: Sim,
    headers: HeaderMap,
    Parameters(query): Parameters<Vec<Parameter>>,
) -> Response {
    if let Some(response) = refused_admin(&sim, &headers) {
        return response;
    }
    answer(
        &sim,
        PROVIDER,
        |status| refusal(&sim, status),
        |text| bad_request(&sim, text, None),
        |accounts| {
            let groups = dimensions(&query, "group_by", &["project_id", "line_item", "api_key_id"])?;
            let keys = values(&query, "api_key_ids");
            page(accounts, &query, &[("1d", DAY, 7, 180)], |bucket| {
                let charges = accounts.charges(bucket)?.into_iter();
                Ok(cost_results(
                    charges.filter(|charge| is_listed(&keys, &charge.line.api_key)).collect(),
                    &groups,
                ))
            })
        },
    )
    .await
}

pub(super) async fn usage(
    sim: Sim,
    Path(kind): Path<String>,
    headers: HeaderMap,
    Parameters(query): Parameters<Vec<Parameter>>,
) -> Response {
    if let Some(response) = refused_admin(&sim, &headers) {
        return response;
    }
    let Some((kind, modality)) = USAGES.into_iter().find(|(name, _)| *name == kind) else {
        return refusal(&sim, 404);
    };
    answer(
        &sim,
        PROVIDER,
        |status| refusal(&sim, status),
        |text| bad_request(&sim, text, None),
        |accounts| {
            let known = ["project_id", "user_id", "api_key_id", "model", "batch", "service_tier"];
            let groups = dimensions(&query, "group_by", &known)?;
            let (keys, models) = (values(&query, "api_key_ids"), values(&query, "models"));
            let widths = [("1d", DAY, 7, 31), ("1h", 3_600, 24, 168), ("1m", 60, 60, 1_440)];
            page(accounts, &query, &widths, |bucket| {
                let sums = accounts.sums(bucket).into_iter().filter(|(line, _)| line.modality == modality);
                let sums = sums
                    .filter(|(line, _)| is_listed(&keys, &line.api_key) && is_listed(&models, &line.model))
                    .collect();
                Ok(usage_results(kind, sums, &groups))
            })
        },
    )
    .await
}

/// A key that is no admin key has not the scope; nor has none at all.
fn refused_admin(sim: &Sim, headers: &HeaderMap) -> Option<Response> {
    match bearer(headers, &["bearer"]) {
        Some(key) if key.starts_with("sk-admin-") => None,
        Some(key) if key != "invalid" => {
            let body = json!({"error": {
                "message": "You have insufficient permissions for this operation. Missing scopes: api.usage.read.",
                "type": "invalid_request_error", "param": null, "code": null,
            }});
            Some(json_response(403, super::REQUEST_ID, &format!("req_{}", sim.hex_id()), &body))
        }
        _ => Some(refusal(sim, 401)),
    }
}

/// Whether a filter lets something through: an empty one lets everything.
fn is_listed(filter: &[String], name: &str) -> bool {
    filter.is_empty() || filter.iter().any(|listed| listed == name)
}

/// The buckets of one page. `widths` are those that may be asked for, the first without being asked: the name, the
/// seconds, how many are on a page and how many may be.
fn page(
    accounts: &Accounts<'_>,
    query: &[Parameter],
    widths: &[(&str, i64, usize, usize)],
    results: impl Fn(&Range<i64>) -> Result<Vec<Value>, Problem>,
) -> Result<Value, Problem> {
    let get = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let second = |name: &str| match get(name).map(str::parse::<i64>) {
        Some(Err(_)) => question(format!("`{name}` is a time in Unix seconds")),
        Some(Ok(second)) => Ok(Some(second)),
        None => Ok(None),
    };
    let Some(start) = second("start_time")? else {
        return question("missing required parameter: 'start_time'");
    };
    let end = second("end_time")?.unwrap_or_else(|| accounts.now.timestamp());
    let wanted = get("bucket_width");
    let width = widths.iter().find(|(name, ..)| wanted.is_none_or(|wanted| wanted == *name));
    let Some((_, width, default, most)) = width else {
        return question("this `bucket_width` is not offered");
    };
    let size = page_size(get("limit"), *default, *most)?;
    let first = match get("page") {
        None => start,
        Some(page) => page_start(page)?.parse().or_else(|_| question("`page` is not known"))?,
    };
    let mut buckets = accounts.buckets(&(first..end), *width);
    let mut data = Vec::new();
    for bucket in buckets.by_ref().take(size) {
        let results = results(&bucket)?;
        data.push(json!({
            "object": "bucket", "start_time": bucket.start, "end_time": bucket.end, "results": results,
        }));
    }
    let next = buckets.next().map(|bucket| token(&bucket.start.to_string()));
    Ok(json!({"object": "page", "data": data, "has_more": next.is_some(), "next_page": next}))
}

/// What a charge is called on the bill, in the words of the API or of the dashboard's files.
fn line_item(charge: &Charge, format: Format) -> String {
    let words = match (charge.unit, format) {
        (Unit::CachedInputTokens, Format::Json) => "cached input",
        (Unit::CachedInputTokens, Format::Csv) => "cached_input_tokens",
        (Unit::InputAudioTokens, Format::Json) => "audio input",
        (Unit::InputAudioTokens, Format::Csv) => "audio_input_tokens",
        (Unit::OutputTokens, Format::Json) => "output",
        (Unit::OutputTokens, Format::Csv) => "output_tokens",
        (Unit::OutputAudioTokens, Format::Json) => "audio output",
        (Unit::OutputAudioTokens, Format::Csv) => "audio_output_tokens",
        (Unit::Characters, Format::Csv) => "characters",
        (Unit::AudioSeconds, Format::Csv) => "seconds",
        (_, Format::Json) => "input",
        (_, Format::Csv) => "input_tokens",
    };
    format!("{}, {words}", charge.line.model)
}

/// How much of which unit a charge is for.
fn quantity(charge: &Charge) -> (f64, &'static str) {
    match charge.unit {
        Unit::Characters => (charge.quantity as f64, "characters"),
        Unit::AudioSeconds => (crate::sim::seconds(charge.quantity), "duration_seconds"),
        _ => (charge.quantity as f64, "tokens"),
    }
}

fn cost_results(charges: Vec<Charge>, groups: &[String]) -> Vec<Value> {
    let has = |name: &str| groups.iter().any(|group| group == name);
    let key = |charge: &Charge| {
        (
            has("line_item").then(|| line_item(charge, Format::Json)),
            has("api_key_id").then(|| charge.line.api_key.clone()),
        )
    };
    let results = grouped(charges, key).into_iter().map(|((line_item, api_key), charges)| {
        let mut amount = Amount::default();
        for charge in &charges {
            amount += charge.usd;
        }
        let unit = line_item.is_some().then(|| charges.first().map(|charge| quantity(charge).1)).flatten();
        let sum: f64 = charges.iter().map(|charge| quantity(charge).0).sum();
        json!({
            "object": "organization.costs.result",
            "amount": {"value": amount.number(), "currency": "usd"},
            "line_item": line_item,
            "project_id": has("project_id").then_some(PROJECT),
            "api_key_id": api_key,
            "user_id": null,
            "quantity": unit.map(|_| sum),
            "quantity_unit": unit,
            "api_source": null,
        })
    });
    results.collect()
}

/// What is counted of a kind of usage.
fn counted(kind: &str, tally: &Tally) -> Vec<(&'static str, u64)> {
    let counts = tally.counts;
    match kind {
        "audio_speeches" => vec![("characters", counts.sent_characters)],
        "audio_transcriptions" => {
            // A model that is billed in tokens has as many of them in a second.
            let of_tokens = (counts.input_audio_tokens as f64 / TOKENS_PER_SECOND).round() as u64;
            let seconds = (counts.audio_flicks + FLICKS_PER_SECOND / 2) / FLICKS_PER_SECOND;
            vec![("seconds", of_tokens + seconds)]
        }
        _ => {
            let uncached = counts.input_tokens - counts.cached_input_tokens.min(counts.input_tokens);
            let input_text = counts.input_tokens - counts.input_audio_tokens.min(counts.input_tokens);
            let output_text = counts.output_tokens - counts.output_audio_tokens.min(counts.output_tokens);
            vec![
                ("input_tokens", counts.input_tokens),
                ("output_tokens", counts.output_tokens),
                ("input_cached_tokens", counts.cached_input_tokens),
                ("input_uncached_tokens", uncached),
                ("input_cache_write_tokens", counts.cache_write_tokens),
                ("input_text_tokens", input_text),
                ("output_text_tokens", output_text),
                ("input_cached_text_tokens", counts.cached_input_tokens),
                ("input_audio_tokens", counts.input_audio_tokens),
                ("input_cached_audio_tokens", 0),
                ("output_audio_tokens", counts.output_audio_tokens),
                ("input_image_tokens", 0),
                ("input_cached_image_tokens", 0),
                ("output_image_tokens", 0),
            ]
        }
    }
}

fn usage_results(kind: &str, sums: Vec<(Arc<Line>, Tally)>, groups: &[String]) -> Vec<Value> {
    let has = |name: &str| groups.iter().any(|group| group == name);
    let key = |(line, _): &(Arc<Line>, Tally)| {
        (has("model").then(|| line.model.clone()), has("api_key_id").then(|| line.api_key.clone()))
    };
    let results = grouped(sums, key).into_iter().map(|((model, api_key), sums)| {
        let tally = total(sums.iter().map(|(_, tally)| tally));
        let mut result = serde_json::Map::new();
        let mut put = |name: &str, value: Value| result.insert(name.to_owned(), value);
        put("object", json!(format!("organization.usage.{kind}.result")));
        for (name, count) in counted(kind, &tally) {
            put(name, json!(count));
        }
        put("num_model_requests", json!(tally.requests));
        put("project_id", json!(has("project_id").then_some(PROJECT)));
        put("user_id", json!(has("user_id").then_some(USER)));
        put("api_key_id", json!(api_key));
        put("model", json!(model));
        if kind == "completions" {
            put("batch", json!(has("batch").then_some(false)));
            put("service_tier", json!(has("service_tier").then_some("default")));
        }
        Value::Object(result)
    });
    results.collect()
}

/// The dashboard's files: `cost` with one row a day, key and line item, `usage` of one `endpoint` with one row a day,
/// key and model. A day on which nothing was used is a row with blank cells. As JSON the API's answer, in one page.
pub(crate) fn print_bill(accounts: &Accounts<'_>, order: &Order) -> Result<Bill, String> {
    let endpoint = order.endpoint.as_deref().unwrap_or("completions");
    let Some((kind, modality)) = USAGES.into_iter().find(|(name, _)| *name == endpoint) else {
        let names = USAGES.map(|(name, _)| name).join("`, `");
        return Err(format!("`endpoint` is one of `{names}`, not `{endpoint}`"));
    };
    let range = accounts.days(order.start, order.end);
    let all = |groups: &[&str]| groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>();
    let mut days: Vec<(Range<i64>, Vec<Value>)> = Vec::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for day in accounts.buckets(&range, DAY) {
        let is_empty = match order.kind {
            Kind::Cost => {
                let charges = accounts.charges(&day)?;
                rows.extend(cost_rows(&day, &charges));
                let is_empty = charges.is_empty();
                days.push((
                    day.clone(),
                    cost_results(charges, &all(&["project_id", "line_item", "api_key_id"])),
                ));
                is_empty
            }
            Kind::Usage => {
                let sums = accounts.sums(&day).into_iter().filter(|(line, _)| line.modality == modality);
                let sums: Vec<(Arc<Line>, Tally)> = sums.collect();
                rows.extend(usage_rows(kind, &day, &sums));
                let is_empty = sums.is_empty();
                let groups = ["project_id", "user_id", "api_key_id", "model", "batch", "service_tier"];
                days.push((day.clone(), usage_results(kind, sums, &all(&groups))));
                is_empty
            }
            _ => return not_offered(accounts, order, "summary, cost and usage, as csv and json"),
        };
        if is_empty {
            rows.push(times(&day));
        }
    }
    if order.format == Format::Json {
        let data = days.into_iter().map(|(day, results)| {
            json!({"object": "bucket", "start_time": day.start, "end_time": day.end, "results": results})
        });
        let data: Vec<Value> = data.collect();
        return Ok(Bill::Json(json!({"object": "page", "data": data, "has_more": false, "next_page": null})));
    }
    let mut header = all(&TIMES);
    // A file about nothing has no columns but the times.
    if rows.iter().any(|row| row.len() > TIMES.len()) {
        if order.kind == Kind::Cost {
            header.extend(all(&COST_COLUMNS));
        } else {
            header.extend(all(&USAGE_COLUMNS));
            header.extend(all(if kind == "completions" { &["batch", "service_tier"] } else { &[] }));
            header.extend(file_counts(kind, &Tally::default()).into_iter().map(|(name, _)| name.to_owned()));
        }
    }
    let mut text = row(&header, "\n");
    for mut cells in rows {
        cells.resize(header.len(), String::new());
        text.push_str(&row(cells, "\n"));
    }
    Ok(Bill::Csv(text))
}

const TIMES: [&str; 4] = ["start_time", "end_time", "start_time_iso", "end_time_iso"];
const COST_COLUMNS: [&str; 13] = [
    "amount_value",
    "amount_currency",
    "quantity",
    "quantity_unit",
    "line_item",
    "user_id",
    "api_key_id",
    "project_id",
    "organization_id",
    "project_name",
    "organization_name",
    "user_email",
    "api_source",
];
const USAGE_COLUMNS: [&str; 5] = ["project_id", "num_model_requests", "user_id", "api_key_id", "model"];

/// The cells every row begins with.
fn times(day: &Range<i64>) -> Vec<String> {
    let iso = |second: i64| chrono::DateTime::from_timestamp(second, 0).unwrap_or_default().to_rfc3339();
    vec![day.start.to_string(), day.end.to_string(), iso(day.start), iso(day.end)]
}

fn cost_rows(day: &Range<i64>, charges: &[Charge]) -> Vec<Vec<String>> {
    let rows = charges.iter().map(|charge| {
        let (quantity, unit) = quantity(charge);
        let line_item = line_item(charge, Format::Csv);
        let mut row = times(day);
        row.extend([
            charge.usd.fixed(DECIMALS),
            "usd".to_owned(),
            count(quantity),
            unit.to_owned(),
            line_item,
        ]);
        row.extend([USER, &charge.line.api_key, PROJECT, ORGANIZATION].map(str::to_owned));
        row.extend(["Simulated project", "Simulated organization", "", ""].map(str::to_owned));
        row
    });
    rows.collect()
}

fn usage_rows(kind: &str, day: &Range<i64>, sums: &[(Arc<Line>, Tally)]) -> Vec<Vec<String>> {
    let rows = sums.iter().map(|(line, tally)| {
        let mut row = times(day);
        row.push(PROJECT.to_owned());
        row.push(count(tally.requests as f64));
        row.extend([USER, &line.api_key, &line.model].map(str::to_owned));
        if kind == "completions" {
            row.extend(["FALSE", "default"].map(str::to_owned));
        }
        row.extend(file_counts(kind, tally).into_iter().map(|(_, n)| count(n as f64)));
        row
    });
    rows.collect()
}

/// What the files have of it: no count of tokens written to the cache.
fn file_counts(kind: &str, tally: &Tally) -> Vec<(&'static str, u64)> {
    let mut counts = counted(kind, tally);
    counts.retain(|(name, _)| *name != "input_cache_write_tokens");
    counts
}

/// A count as the files write it: with a decimal, whole or not.
fn count(quantity: f64) -> String {
    format!("{quantity:?}")
}
