//! `GET /v1/metrics`: what Prometheus scrapes, without a key.

use super::Params;
use crate::{Error, Gateway, error::in_desk_shape};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{Method, Uri, header};
use std::sync::Arc;
use vg_services::metrics::{MetricsArgs, metrics};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text of a scrape. This route stands outside the group that writes errors in the desk's shape.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    method: Method,
    uri: Uri,
    params: Params,
) -> Response {
    match scrape(&gateway, &params).await {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        Err(error) => in_desk_shape(error.into_response(), &method, uri.path()),
    }
}

async fn scrape(gateway: &Gateway, params: &Params) -> Result<String, Error> {
    let status = gateway.status();
    let args = MetricsArgs {
        uptime_seconds: gateway.uptime_seconds(),
        providers_configured: status.configured(),
        projects_configured: status.project_count,
        circuits: gateway
            .engine()
            .health()
            .into_iter()
            .map(|(model, circuit)| (model, circuit.as_str()))
            .collect(),
        percentiles: gateway.config().latency.percentiles.clone(),
        tenant: params.text_or_empty("tenant"),
        agent: params.agent(),
    };
    let now = vg_engine::now();
    Ok(gateway.ledger.ask(async |ledger| metrics(ledger, &args, now).await).await?)
}
