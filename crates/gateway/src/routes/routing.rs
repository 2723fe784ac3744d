//! `GET /v1/routing/observations`: how fast each model was in the last 24 hours.

use super::Params;
use crate::{Caller, Error, Gateway};
use axum::{Json, extract::State};
use std::sync::Arc;
use vg_services::routing::{ObservationArgs, ObservationList, observation_list};

/// What routing goes by.
pub(crate) async fn observations(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    params: Params,
) -> Result<Json<ObservationList>, Error> {
    let args = ObservationArgs {
        project: params.text("project").map(str::to_owned),
        tenant: params.tenant(&caller)?,
    };
    let now = vg_engine::now();
    Ok(Json(gateway.ledger.ask(async |ledger| observation_list(ledger, args, now).await).await?))
}
