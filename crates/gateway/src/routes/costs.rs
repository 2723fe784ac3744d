//! `GET /v1/costs`: what was spent.

use super::Params;
use crate::{Caller, Error, Gateway};
use axum::{Json, extract::State, response::IntoResponse};
use http::{HeaderName, HeaderValue};
use std::sync::Arc;
use vg_services::{
    Period, Window,
    costs::{CostArgs, cost_summary},
};

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");

/// The sums of a period, or of the days from `start` to `end`, which win. A period beside them says nothing, which
/// the answer tells with a `Deprecation` header.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    params: Params,
) -> Result<impl IntoResponse, Error> {
    let period = params.word("period", &Period::ALL.map(|period| (period.as_str(), period)))?;
    let (start, end) = (params.text("start"), params.text("end"));
    let has_days = start.is_some() || end.is_some();
    let args = CostArgs {
        period: period.unwrap_or_default(),
        days: has_days.then(|| Window::of_days(start, end)).transpose()?,
        project: params.text("project").map(str::to_owned),
        tenant: params.tenant(&caller)?,
        agent: params.agent(),
        per_modality: params.flag("per_modality", false)?,
        without_pricing_sources: !params.flag("include_pricing_source", true)?,
        pricing_source: {
            let project = params.text("project").unwrap_or_default();
            Some(gateway.config().tariff(project).stamp().source.to_string())
        },
    };
    let now = vg_engine::now();
    let summary = gateway.ledger.ask(async |ledger| cost_summary(ledger, &args, now).await).await?;
    let is_odd = has_days && period.is_some();
    Ok((is_odd.then_some([(DEPRECATION, HeaderValue::from_static("true"))]), Json(summary)))
}
