//! `GET /v1/models`: what can be asked for, in one answer for OpenAI's clients, LiveKit's and the older product's.

use crate::{Caller, Gateway};
use axum::{
    Json,
    extract::{Query, State},
};
use serde::Deserialize;
use std::sync::Arc;
use vg_services::models;
use vg_wire::openai::models::{Entry, Models};

/// The query.
#[derive(Deserialize)]
pub(crate) struct Asked {
    project: Option<String>,
}

/// Lists the models of the configuration, or those of a project's default stack.
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Caller,
    Query(asked): Query<Asked>,
) -> Json<Models> {
    let project = asked.project.filter(|project| !project.is_empty());
    let listed = models::list(&gateway.config(), project.as_deref());
    let entry = |(id, model): (String, models::Model)| Entry {
        id,
        modality: model.modality,
        provider: model.provider,
        model: model.model,
    };
    Json(Models::new(listed.into_iter().map(entry).collect(), project, gateway.started_at()))
}
