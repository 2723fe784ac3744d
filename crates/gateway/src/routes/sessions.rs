//! `GET /v1/sessions` and `GET /v1/sessions/{id}`: the conversations.

use super::{Params, params::next_cursor};
use crate::{Caller, Error, Gateway};
use axum::{
    Json,
    extract::{Path, State},
    response::IntoResponse,
};
use std::sync::Arc;
use vg_services::sessions::{SessionArgs, SessionDetail, SessionOrder, session_get, session_list};

const ORDERS: [(&str, SessionOrder); 4] = [
    ("started_at_desc", SessionOrder::Newest),
    ("started_at_asc", SessionOrder::Oldest),
    ("cost_desc", SessionOrder::Dearest),
    ("cost_asc", SessionOrder::Cheapest),
];

/// A page of conversations, the newest first unless asked otherwise.
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    params: Params,
) -> Result<impl IntoResponse, Error> {
    let args = SessionArgs {
        limit: params.limit()?,
        project: params.text("project").map(str::to_owned),
        tenant: params.tenant(&caller)?,
        agent: params.agent(),
        order: params.word("order_by", &ORDERS)?.unwrap_or_default(),
        after: params.cursor()?,
    };
    let page = gateway.ledger.ask(async |ledger| session_list(ledger, &args).await).await?;
    Ok((next_cursor(page.next), Json(page.rows)))
}

/// One conversation. To a tenant's key those of others are not there.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<SessionDetail>, Error> {
    let tenant = caller.tenant.as_deref();
    Ok(Json(gateway.ledger.ask(async |ledger| session_get(ledger, &id, tenant).await).await?))
}
