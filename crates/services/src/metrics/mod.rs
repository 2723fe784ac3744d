//! What Prometheus scrapes: the body of `GET /v1/metrics`, in the text format 0.0.4.
//!
//! Sums are those of the UTC day, so its counters restart at midnight. What is not known has no sample: a provider
//! whose requests all lack a price costs an unknown amount, not 0.

mod text;

use crate::{Error, Ledger, Period, price};
use std::{collections::BTreeMap, sync::Arc};
use text::{Family, Kind};
use vg_core::{Money, UnixMicros};
use vg_store::{CostQuery, Distribution, Group, Reader};

/// What a scrape is about.
#[derive(Debug, Clone, Default)]
pub struct MetricsArgs {
    /// How long the server has been running.
    pub uptime_seconds: f64,
    /// How many providers can be used.
    pub providers_configured: usize,
    /// How many projects there are.
    pub projects_configured: usize,
    /// The circuits that are not closed: the model, and `open` or `half_open`.
    pub circuits: Vec<(Arc<str>, &'static str)>,
    /// The percentiles of latencies, 0 to 100.
    pub percentiles: Vec<f64>,
    /// Only this tenant; empty asks for what is unattributed.
    pub tenant: Option<String>,
    /// Only this agent; empty asks for what is unattributed.
    pub agent: Option<String>,
}

/// The metrics as seen at `now`, as text.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn metrics(ledger: &Ledger, args: &MetricsArgs, now: UnixMicros) -> Result<String, Error> {
    let mut families = vec![
        gauge("voicegw_uptime_seconds", "How long the server has been running.", args.uptime_seconds),
        gauge(
            "voicegw_providers_configured",
            "Providers that can be used.",
            args.providers_configured as f64,
        ),
        gauge("voicegw_projects_configured", "Projects there are.", args.projects_configured as f64),
        circuits(&args.circuits),
    ];
    if let Some(reader) = ledger.reader() {
        families.extend(of_the_day(reader, args, now).await?);
    }
    Ok(text::written(&families))
}

async fn of_the_day(reader: &Reader, args: &MetricsArgs, now: UnixMicros) -> Result<[Family; 5], Error> {
    let window = Period::Today.window(now);
    let query = CostQuery {
        since: window.since,
        until: window.until,
        tenant_id: args.tenant.clone(),
        agent_id: args.agent.clone(),
        ..CostQuery::default()
    };
    let costs = reader.rollup_costs(&query).await?;
    let total = costs.total();
    let by_provider = costs.by(|row| row.provider.clone());

    let mut cost = Family::new(
        "voicegw_cost_usd_total",
        Kind::Counter,
        "What the requests of this UTC day cost in USD, without those that have no price.",
    );
    let mut add_cost = |label, value: &str, group: &Group| {
        if let Some(known) = known(group) {
            cost.sample("", &[(label, value)], known.to_fixed(6));
        }
    };
    add_cost("period", Period::Today.as_str(), &total);
    by_provider.iter().for_each(|(provider, group)| add_cost("provider", provider, group));
    costs
        .by(|row| row.project.clone())
        .iter()
        .for_each(|(project, group)| add_cost("project", project, group));

    let mut requests =
        Family::new("voicegw_requests_total", Kind::Counter, "Requests of this UTC day, by provider.");
    for (provider, group) in &by_provider {
        requests.sample("", &[("provider", provider)], group.requests.to_string());
    }
    let mut unpriced = Family::new(
        "voicegw_unpriced_requests_total",
        Kind::Counter,
        "Requests of this UTC day that have no price and are in no cost.",
    );
    unpriced.sample("", &[], total.unpriced.to_string());

    let mut models: BTreeMap<String, (Distribution, Distribution)> = BTreeMap::new();
    for row in reader.rollup_latency(&query).await? {
        let (ttfb, latency) = models.entry(row.model_id).or_default();
        ttfb.merge(&row.ttfb);
        latency.merge(&row.latency);
    }
    let mut ttfb = Family::new(
        "voicegw_request_ttfb_seconds",
        Kind::Summary,
        "Time to the first token, audio or transcript, by model, over this UTC day.",
    );
    let mut latency = Family::new(
        "voicegw_request_total_latency_seconds",
        Kind::Summary,
        "Whole duration of requests, by model, over this UTC day.",
    );
    for (model, (of_ttfb, of_latency)) in &models {
        summarize(&mut ttfb, model, of_ttfb, &args.percentiles);
        summarize(&mut latency, model, of_latency, &args.percentiles);
    }
    Ok([cost, requests, unpriced, ttfb, latency])
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Family {
    let mut family = Family::new(name, Kind::Gauge, help);
    family.sample("", &[], value.to_string());
    family
}

fn circuits(circuits: &[(Arc<str>, &str)]) -> Family {
    let mut family = Family::new(
        "voicegw_circuit",
        Kind::Gauge,
        "1 for each model whose calls go elsewhere first, since it failed several times in a row.",
    );
    for (model, state) in circuits {
        family.sample("", &[("model", &**model), ("state", state)], "1".to_owned());
    }
    family
}

fn known(group: &Group) -> Option<Money> {
    price::known(group.cost, group.requests, group.unpriced)
}

fn summarize(family: &mut Family, model: &str, durations: &Distribution, percentiles: &[f64]) {
    if durations.count() == 0 {
        return;
    }
    for percentile in percentiles {
        if let Some(ms) = durations.percentile_ms(*percentile) {
            // As written in decimal: 99.9 is the quantile 0.999, not the float next to it.
            let quantile = ((percentile * 1e7).round() / 1e9).to_string();
            family.sample("", &[("model", model), ("quantile", &quantile)], (ms / 1e3).to_string());
        }
    }
    family.sample("_sum", &[("model", model)], durations.sum_seconds().to_string());
    family.sample("_count", &[("model", model)], durations.count().to_string());
}

#[cfg(test)]
mod tests;
