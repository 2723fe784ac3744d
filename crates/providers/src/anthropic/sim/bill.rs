//! Anthropic's bill: the usage and cost reports for admin keys, and the same as the console's CSV files.
//!
//! Shapes: <https://platform.claude.com/docs/en/manage-claude/usage-cost-api>, and files of the console that users have
//! shown in public repositories (2026-03 to 2026-09), both read 2026-11. The reports give amounts in cents, as exact
//! text; the console's cost file gives dollars, each row rounded to a cent.

use super::{PROVIDER, REQUEST_ID, bad_request, error_body, refusal};
use crate::sim::{
    Sim,
    bill::{
        Accounts, Amount, Bill, Charge, DAY, Format, Kind, Line, Order, Problem, Tally, Unit, answer,
        dimensions, grouped, not_offered, page_size, page_start, question, row, token, total, values, zulu,
    },
    json_response,
};
use axum::{extract::Query as Parameters, http::HeaderMap, response::Response};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::{ops::Range, sync::Arc};

type Parameter = (String, String);

const USAGE_GROUPS: [&str; 6] =
    ["model", "api_key_id", "workspace_id", "service_tier", "context_window", "inference_geo"];

pub(super) async fn usage(
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
        |text| bad_request(&sim, text),
        |accounts| {
            let groups = dimensions(&query, "group_by", &USAGE_GROUPS)?;
            let (models, keys) = (values(&query, "models"), values(&query, "api_key_ids"));
            let is_listed =
                |filter: &[String], name: &str| filter.is_empty() || filter.iter().any(|f| f == name);
            let widths = [("1d", DAY, 7, 31), ("1h", 3_600, 24, 168), ("1m", 60, 60, 1_440)];
            page(accounts, &query, &widths, |bucket| {
                let sums = accounts.sums(bucket).into_iter();
                let sums = sums
                    .filter(|(line, _)| is_listed(&models, &line.model) && is_listed(&keys, &line.api_key))
                    .collect();
                Ok(usage_results(sums, &groups))
            })
        },
    )
    .await
}

pub(super) async fn cost(
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
        |text| bad_request(&sim, text),
        |accounts| {
            let groups = dimensions(&query, "group_by", &["workspace_id", "description"])?;
            let is_described = groups.iter().any(|group| group == "description");
            page(accounts, &query, &[("1d", DAY, 7, 31)], |bucket| {
                Ok(cost_results(accounts.charges(bucket)?, is_described))
            })
        },
    )
    .await
}

/// A key that is no admin key is none here.
fn refused_admin(sim: &Sim, headers: &HeaderMap) -> Option<Response> {
    let key = headers.get("x-api-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    if !key.starts_with("sk-ant-admin") {
        let (id, body) = error_body(sim, 401, "invalid x-api-key");
        return Some(json_response(401, REQUEST_ID, &id, &body));
    }
    let has_version = headers.contains_key("anthropic-version");
    (!has_version).then(|| bad_request(sim, "anthropic-version: header is required"))
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
    let second = |name: &str| match get(name).map(str::parse::<DateTime<Utc>>) {
        Some(Err(_)) => question(format!("{name}: Input should be a valid datetime")),
        Some(Ok(time)) => Ok(Some(time.timestamp())),
        None => Ok(None),
    };
    let Some(start) = second("starting_at")? else { return question("starting_at: Field required") };
    let end = second("ending_at")?.unwrap_or_else(|| accounts.now.timestamp());
    let wanted = get("bucket_width");
    let width = widths.iter().find(|(name, ..)| wanted.is_none_or(|wanted| wanted == *name));
    let Some((_, width, default, most)) = width else { return question("bucket_width: not offered") };
    let size = page_size(get("limit"), *default, *most)?;
    let first = match get("page") {
        None => start,
        Some(page) => {
            let time = page_start(page.strip_prefix("page_").unwrap_or(page))?.parse::<DateTime<Utc>>();
            time.or_else(|_| question("page: not known"))?.timestamp()
        }
    };
    let mut buckets = accounts.buckets(&(first..end), *width);
    let mut data = Vec::new();
    for bucket in buckets.by_ref().take(size) {
        let results = results(&bucket)?;
        data.push(json!({
            "starting_at": zulu(bucket.start), "ending_at": zulu(bucket.end), "results": results,
        }));
    }
    let next = buckets.next().map(|bucket| format!("page_{}", token(&zulu(bucket.start))));
    Ok(json!({"data": data, "has_more": next.is_some(), "next_page": next}))
}

/// The prompt's tokens that neither came from the cache nor went there.
fn uncached(tally: &Tally) -> u64 {
    let counts = tally.counts;
    counts.input_tokens.saturating_sub(counts.cached_input_tokens + counts.cache_write_tokens)
}

fn usage_results(sums: Vec<(Arc<Line>, Tally)>, groups: &[String]) -> Vec<Value> {
    let has = |name: &str| groups.iter().any(|group| group == name);
    let key = |(line, _): &(Arc<Line>, Tally)| {
        (has("model").then(|| line.model.clone()), has("api_key_id").then(|| line.api_key.clone()))
    };
    let results = grouped(sums, key).into_iter().map(|((model, api_key), sums)| {
        let tally = total(sums.iter().map(|(_, tally)| tally));
        json!({
            "uncached_input_tokens": uncached(&tally),
            "cache_creation": {
                "ephemeral_5m_input_tokens": tally.counts.cache_write_tokens, "ephemeral_1h_input_tokens": 0,
            },
            "cache_read_input_tokens": tally.counts.cached_input_tokens,
            "output_tokens": tally.counts.output_tokens,
            "server_tool_use": {"web_search_requests": 0},
            "model": model,
            "api_key_id": api_key,
            "workspace_id": null,
            "service_tier": has("service_tier").then_some("standard"),
            "context_window": has("context_window").then_some("0-200k"),
            "inference_geo": has("inference_geo").then_some("not_available"),
        })
    });
    results.collect()
}

/// What a charge is for: in the report, in the console's file, and in words.
fn token_type(unit: Unit) -> (&'static str, &'static str, &'static str) {
    match unit {
        Unit::CachedInputTokens => ("cache_read_input_tokens", "input_cache_read", "Input Tokens, Cache Hit"),
        Unit::CacheWriteTokens => (
            "cache_creation.ephemeral_5m_input_tokens",
            "input_cache_write_5m",
            "Input Tokens, Cache Write (5m)",
        ),
        Unit::OutputTokens | Unit::OutputAudioTokens => ("output_tokens", "output", "Output Tokens"),
        _ => ("uncached_input_tokens", "input_no_cache", "Input Tokens"),
    }
}

fn cost_results(charges: Vec<Charge>, is_described: bool) -> Vec<Value> {
    let key = |charge: &Charge| is_described.then(|| (charge.line.model.clone(), charge.unit));
    let results = grouped(charges, key).into_iter().map(|(described, charges)| {
        let mut amount = Amount::default();
        for charge in &charges {
            amount += charge.usd;
        }
        let mut result = json!({
            "currency": "USD", "amount": amount.cents(), "workspace_id": null, "description": null,
            "cost_type": null, "context_window": null, "model": null, "service_tier": null, "token_type": null,
            "inference_geo": null,
        });
        if let (Some((model, unit)), Some(fields)) = (described, result.as_object_mut()) {
            let (token_type, _, words) = token_type(unit);
            let description = format!("{} Usage - {words}", display_name(&model));
            for (name, value) in [
                ("description", description.as_str()),
                ("cost_type", "tokens"),
                ("context_window", "0-200k"),
                ("model", &model),
                ("service_tier", "standard"),
                ("token_type", token_type),
                ("inference_geo", "not_available"),
            ] {
                fields.insert(name.to_owned(), json!(value));
            }
        }
        result
    });
    results.collect()
}

/// The name that the console has for a model: `Claude Haiku 4.5` for `claude-haiku-4-5-20251001`.
fn display_name(model: &str) -> String {
    let (mut family, mut version) = (Vec::new(), Vec::new());
    for part in model.split('-') {
        let mut letters = part.chars();
        match letters.next() {
            Some(first) if first.is_ascii_digit() && part.len() <= 2 => version.push(part),
            // The date of a snapshot is not part of the name.
            Some(first) if first.is_ascii_digit() => {}
            Some(first) if part != "latest" => {
                family.push(format!("{}{}", first.to_ascii_uppercase(), letters.as_str()))
            }
            _ => {}
        }
    }
    family.extend((!version.is_empty()).then(|| version.join(".")));
    family.join(" ")
}

const USAGE_COLUMNS: [&str; 14] = [
    "usage_date_utc",
    "model_version",
    "api_key",
    "workspace",
    "usage_type",
    "context_window",
    "usage_input_tokens_no_cache",
    "usage_input_tokens_cache_write_5m",
    "usage_input_tokens_cache_write_1h",
    "usage_input_tokens_cache_read",
    "usage_output_tokens",
    "web_search_count",
    "inference_geo",
    "speed",
];
const COST_COLUMNS: [&str; 14] = [
    "usage_date_utc",
    "model",
    "workspace",
    "api_key",
    "usage_type",
    "context_window",
    "token_type",
    "cost_usd",
    "list_price_usd",
    "cost_type",
    "inference_geo",
    "speed",
    "api_key_id",
    "api_key_status",
];
/// How the console writes the window of a prompt that is not long.
const WINDOW: &str = "≤ 200k";
const WORKSPACE: &str = "Default";

/// The console's files: one row a day, key and model, in the cost file one more for each type of token. As JSON the
/// reports, in one page. The console calls keys by their names; those of the simulator are their ids.
pub(crate) fn print_bill(accounts: &Accounts<'_>, order: &Order) -> Result<Bill, String> {
    let range = accounts.days(order.start, order.end);
    let header: &[&str] = if order.kind == Kind::Usage { &USAGE_COLUMNS } else { &COST_COLUMNS };
    let mut text = row(header, "\n");
    let mut data = Vec::new();
    for bucket in accounts.buckets(&range, DAY) {
        let day = accounts.day_of(bucket.start).to_string();
        let results = match order.kind {
            Kind::Usage => {
                let sums: Vec<(Arc<Line>, Tally)> = accounts.sums(&bucket).into_iter().collect();
                for (line, tally) in &sums {
                    text.push_str(&usage_row(&day, line, tally));
                }
                usage_results(sums, &USAGE_GROUPS.map(str::to_owned))
            }
            Kind::Cost => {
                let charges = accounts.charges(&bucket)?;
                for charge in &charges {
                    text.push_str(&cost_row(&day, charge));
                }
                cost_results(charges, true)
            }
            _ => return not_offered(accounts, order, "summary, usage and cost, as csv and json"),
        };
        data.push(json!({
            "starting_at": zulu(bucket.start), "ending_at": zulu(bucket.end), "results": results,
        }));
    }
    Ok(match order.format {
        Format::Csv => Bill::Csv(text),
        Format::Json => Bill::Json(json!({"data": data, "has_more": false, "next_page": null})),
    })
}

fn usage_row(day: &str, line: &Line, tally: &Tally) -> String {
    let counts = tally.counts;
    let [fresh, written, read, made] =
        [uncached(tally), counts.cache_write_tokens, counts.cached_input_tokens, counts.output_tokens]
            .map(|count| count.to_string());
    let cells = [
        day,
        &line.model,
        &line.api_key,
        WORKSPACE,
        "standard",
        WINDOW,
        &fresh,
        &written,
        "0",
        &read,
        &made,
        "0",
        "not_available",
        "",
    ];
    row(cells, "\n")
}

fn cost_row(day: &str, charge: &Charge) -> String {
    let (model, key) = (display_name(&charge.line.model), &charge.line.api_key);
    let (_, token_type, _) = token_type(charge.unit);
    let (usd, list) = (charge.usd.fixed(2), charge.list.fixed(2));
    let cells = [
        day,
        &model,
        WORKSPACE,
        key,
        "message",
        WINDOW,
        token_type,
        &usd,
        &list,
        "token",
        "not_available",
        "",
        key,
        "active",
    ];
    row(cells, "\n")
}

#[cfg(test)]
mod tests {
    use super::display_name;

    #[test]
    fn models_go_by_the_names_of_the_console() {
        for (model, name) in [
            ("claude-haiku-4-5-20251001", "Claude Haiku 4.5"),
            ("claude-opus-5", "Claude Opus 5"),
            ("claude-3-5-haiku-latest", "Claude Haiku 3.5"),
        ] {
            assert_eq!(display_name(model), name);
        }
    }
}
