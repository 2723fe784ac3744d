//! `GET /v1/latency`: how long requests took, by model.

use super::Params;
use crate::{Caller, Error, Gateway};
use axum::{Json, extract::State};
use std::{collections::BTreeMap, sync::Arc};
use vg_services::{
    Period,
    latency::{LatencyArgs, ModelLatency, latency_by_model},
};

/// Means and percentiles of a period.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    params: Params,
) -> Result<Json<BTreeMap<String, ModelLatency>>, Error> {
    let period = params.word("period", &Period::ALL.map(|period| (period.as_str(), period)))?;
    let args = LatencyArgs {
        period: period.unwrap_or_default(),
        project: params.text("project").map(str::to_owned),
        tenant: params.tenant(&caller)?,
        agent: params.agent(),
        percentiles: gateway.config().latency.percentiles.clone(),
    };
    let now = vg_engine::now();
    Ok(Json(gateway.ledger.ask(async |ledger| latency_by_model(ledger, &args, now).await).await?))
}
