//! `GET /v1/logs`: the ledger's rows.

use super::{Params, params::next_cursor};
use crate::{Caller, Error, Gateway};
use axum::{Json, extract::State, response::IntoResponse};
use std::sync::Arc;
use vg_core::{Modality, Status};
use vg_services::logs::{LogArgs, log_list};

/// A page of rows, the newest first.
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    params: Params,
) -> Result<impl IntoResponse, Error> {
    let text = |name| params.text(name).map(str::to_owned);
    let after = params.cursor()?;
    let after = after.map(|id| id.parse().map_err(|_| Params::bad_cursor(&id))).transpose()?;
    let args = LogArgs {
        limit: params.limit()?,
        project: text("project"),
        modality: params.word("modality", &Modality::ALL.map(|modality| (modality.as_str(), modality)))?,
        model: text("model"),
        session: text("session"),
        status: params.word("status", &Status::ALL.map(|status| (status.as_str(), status)))?,
        tenant: params.tenant(&caller)?,
        agent: params.agent(),
        after,
    };
    let page = gateway.ledger.ask(async |ledger| log_list(ledger, &args).await).await?;
    Ok((next_cursor(page.next), Json(page.rows)))
}
