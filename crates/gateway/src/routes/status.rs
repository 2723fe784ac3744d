//! `GET /v1/status`: which providers can be used.

use crate::Gateway;
use axum::{Json, extract::State};
use std::sync::Arc;
use vg_services::status::Status;

/// The providers as the default project sees them.
pub(crate) async fn show(State(gateway): State<Arc<Gateway>>) -> Json<Status> {
    Json(gateway.status())
}
