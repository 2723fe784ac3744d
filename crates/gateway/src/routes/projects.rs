//! `GET /v1/projects`: the projects, and what each did today.

use super::Params;
use crate::{Caller, Error, Gateway};
use axum::{Json, extract::State};
use std::sync::Arc;
use vg_services::projects::{ProjectList, project_list};

/// All projects; with a tenant, only what it did.
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    params: Params,
) -> Result<Json<ProjectList>, Error> {
    let (config, tenant) = (gateway.config(), params.tenant(&caller)?);
    let now = vg_engine::now();
    let list = async |ledger: &_| project_list(ledger, &config, tenant.as_deref(), now).await;
    Ok(Json(gateway.ledger.ask(list).await?))
}
