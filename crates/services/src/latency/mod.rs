//! How long requests took in a window, by model, from the hourly sketches.

use crate::{Error, Ledger, Period};
use indexmap::IndexMap;
use serde::Serialize;
use std::collections::BTreeMap;
use vg_core::UnixMicros;
use vg_store::{CostQuery, Distribution};

/// What to measure. A tenant or agent that is empty asks for what is unattributed.
#[derive(Debug, Clone, Default)]
pub struct LatencyArgs {
    /// Over which days.
    pub period: Period,
    /// Only this project.
    pub project: Option<String>,
    /// Only this tenant.
    pub tenant: Option<String>,
    /// Only this agent.
    pub agent: Option<String>,
    /// Which percentiles, 0 to 100: the owner's `latency.percentiles`.
    pub percentiles: Vec<f64>,
}

/// How long the requests to one model took. A stream that listens has no latency: the caller's silence is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ModelLatency {
    /// The mean time to the first token, audio or transcript; `null` without samples.
    pub avg_ttfb_ms: Option<f64>,
    /// The mean duration; `null` without samples.
    pub avg_latency_ms: Option<f64>,
    /// How many requests, measured or not.
    pub request_count: u64,
    /// Percentiles of the time to the first output in milliseconds, within 1 %, by name: `p50`, `p99_9`.
    pub ttfb_percentiles: IndexMap<String, Option<f64>>,
    /// Percentiles of the duration, likewise.
    pub latency_percentiles: IndexMap<String, Option<f64>>,
}

/// How long requests took as seen at `now`, by `provider/model`: the body of `GET /v1/latency`.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn latency_by_model(
    ledger: &Ledger,
    args: &LatencyArgs,
    now: UnixMicros,
) -> Result<BTreeMap<String, ModelLatency>, Error> {
    let Some(reader) = ledger.reader() else { return Ok(BTreeMap::new()) };
    let window = args.period.window(now);
    let query = CostQuery {
        since: window.since,
        until: window.until,
        project: args.project.clone(),
        tenant_id: args.tenant.clone(),
        agent_id: args.agent.clone(),
        ..CostQuery::default()
    };
    let mut models: BTreeMap<String, (u64, Distribution, Distribution)> = BTreeMap::new();
    for row in reader.rollup_latency(&query).await? {
        let (requests, ttfb, latency) = models.entry(row.model_id).or_default();
        *requests += row.requests;
        ttfb.merge(&row.ttfb);
        latency.merge(&row.latency);
    }
    let of_model = |(requests, ttfb, latency): (u64, Distribution, Distribution)| ModelLatency {
        avg_ttfb_ms: ttfb.mean_ms(),
        avg_latency_ms: latency.mean_ms(),
        request_count: requests,
        ttfb_percentiles: percentiles(&ttfb, &args.percentiles),
        latency_percentiles: percentiles(&latency, &args.percentiles),
    };
    Ok(models.into_iter().map(|(model, sums)| (model, of_model(sums))).collect())
}

fn percentiles(durations: &Distribution, wanted: &[f64]) -> IndexMap<String, Option<f64>> {
    let name = |percentile: &f64| format!("p{percentile}").replace('.', "_");
    wanted.iter().map(|percentile| (name(percentile), durations.percentile_ms(*percentile))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_named_as_the_owner_wrote_them_and_null_without_samples() {
        let named = percentiles(&Distribution::default(), &[50.0, 99.9]);
        assert_eq!(serde_json::to_string(&named).unwrap(), r#"{"p50":null,"p99_9":null}"#);
    }
}
