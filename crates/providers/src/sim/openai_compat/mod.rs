//! What all who speak OpenAI's HTTP API play alike: chats and transcriptions. How a house differs is in [`House`].

pub(crate) mod chat;
mod prompt;
pub(crate) mod transcription;

use super::{Counts, Sim, Ticket};
use axum::{http::HeaderMap, response::Response};
use serde_json::{Value, json};
use vg_core::Modality;

/// One provider that speaks OpenAI's API.
pub(crate) trait House: Send + Sync + 'static {
    /// Its type name.
    const PROVIDER: &'static str;
    /// Whether prompts seen before are cached, and told in the usage.
    const CACHES_PROMPTS: bool = false;

    /// Refuses a request without a good key; a server on the owner's machine wants none.
    fn refused_key(sim: &Sim, headers: &HeaderMap, modality: Modality, model: &str) -> Option<Response> {
        let _ = (sim, headers, modality, model);
        None
    }

    /// The refusal of a request with this status.
    fn refusal(sim: &Sim, status: u16) -> Response;

    /// The refusal of a request that makes no sense.
    fn bad_request(sim: &Sim, text: &str, param: Option<&str>) -> Response;

    /// The headers every answer carries.
    fn headers(sim: &Sim) -> HeaderMap {
        let _ = sim;
        HeaderMap::new()
    }

    /// Its error in the place of an answer.
    fn failure() -> Value {
        json!({"error": {
            "message": "The server had an error while processing your request.",
            "type": "server_error", "param": null, "code": null,
        }})
    }

    /// What it says beside OpenAI's words where an answer begins and, with its usage, where it ends: a field and its value.
    fn beside(sim: &Sim, usage: Option<&Value>) -> Option<(&'static str, Value)> {
        let _ = (sim, usage);
        None
    }

    /// Bills a recording of so many flicks in which `said` was heard; gives the usage object, if it has one.
    fn bill_recording(
        ticket: &mut Ticket,
        form: &transcription::Form,
        flicks: u64,
        said: &str,
    ) -> Option<Value> {
        let _ = (form, said);
        ticket.add(Counts { audio_flicks: flicks, ..Counts::default() });
        None
    }
}

/// One server-sent event, as OpenAI writes it.
pub(crate) fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}
