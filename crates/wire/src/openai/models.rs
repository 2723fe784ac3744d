//! `GET /v1/models`: one answer for OpenAI clients, LiveKit clients and the older product's scripts.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// A model that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The model string.
    pub id: String,
    /// The modality.
    pub modality: &'static str,
    /// The provider's configured id.
    pub provider: String,
    /// The model as the provider calls it.
    pub model: String,
}

/// The whole answer.
#[derive(Debug, Clone, Serialize)]
pub struct Models {
    object: &'static str,
    data: Vec<Value>,
    models: Map<String, Value>,
    project: Option<String>,
}

impl Models {
    /// The answer for the entries, kept to a project if one was asked for. `created` is in epoch seconds.
    pub fn new(entries: Vec<Entry>, project: Option<String>, created: i64) -> Models {
        let data = entries
            .iter()
            .map(|entry| {
                json!({"id": entry.id, "object": "model", "created": created, "owned_by": entry.provider})
            })
            .collect();
        let models = entries
            .into_iter()
            .map(|entry| {
                let facts =
                    json!({"modality": entry.modality, "provider": entry.provider, "model": entry.model});
                (entry.id, facts)
            })
            .collect();
        Models { object: "list", data, models, project }
    }
}
