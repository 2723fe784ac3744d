//! Deepgram's bill, from its management API: the breakdowns of usage by model and of billing by line item
//! (<https://developers.deepgram.com/reference>, OpenAPI of 2026-07).

use super::Deepgram;
use crate::statement::{
    Billing, BillingCall, Document,
    fetch::{Fetcher, Source, day, windows},
    listed,
};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use vg_core::{UnixMicros, call::Failure};

static SOURCE: Source = Source {
    provider: &Deepgram,
    origin: "https://api.deepgram.com",
    key: ("authorization", "Token "),
    headers: &[],
    needs: "a key with the scopes `usage:read` and `billing:read` is needed, which an admin or owner of the project \
            makes at https://console.deepgram.com under API Keys",
};

/// A longer answer comes in rows of more than a day.
const DAYS: i64 = 31;

/// Deepgram's bill.
pub struct DeepgramBilling;

impl Billing for DeepgramBilling {
    fn key_variables(&self) -> &'static [&'static str] {
        &["DEEPGRAM_ADMIN_KEY", "DEEPGRAM_API_KEY"]
    }

    fn fetch(&self, call: BillingCall) -> BoxFuture<'static, Result<Vec<Document>, Failure>> {
        Box::pin(fetch(call))
    }
}

async fn fetch(call: BillingCall) -> Result<Vec<Document>, Failure> {
    let fetcher = Fetcher::new(&SOURCE, &call)?;
    let project = match call.account.as_deref().filter(|account| !account.is_empty()) {
        Some(project) => project.to_owned(),
        None => only_project(&fetcher).await?,
    };
    if !project.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        return Err(Failure::bad_request("a project's id has letters, digits and dashes"));
    }
    let mut documents = Vec::new();
    for (what, group) in [("usage", "models"), ("billing", "line_item")] {
        for (since, until) in windows(&call, DAYS) {
            let mut address = fetcher.address(&format!("/v1/projects/{project}/{what}/breakdown"));
            address.add("start", &day(since));
            // The last day is one of them.
            address.add("end", &day(UnixMicros(until.0.saturating_sub(1))));
            address.add("grouping", group);
            let name = format!("deepgram-{what}-{}.json", day(since));
            documents.push(fetcher.get(&name, address).await?);
        }
    }
    Ok(documents)
}

#[derive(Deserialize)]
struct Projects {
    projects: Vec<Project>,
}

#[derive(Deserialize)]
struct Project {
    project_id: String,
}

async fn only_project(fetcher: &Fetcher) -> Result<String, Failure> {
    let document = fetcher.get("deepgram-projects.json", fetcher.address("/v1/projects")).await?;
    let Projects { projects } = serde_json::from_str(document.text())
        .map_err(|error| Failure::malformed(format!("the projects came in another form: {error}")))?;
    let mut ids: Vec<String> = projects.into_iter().map(|project| project.project_id).collect();
    match (ids.pop(), ids.is_empty()) {
        (Some(id), true) => Ok(id),
        (None, _) => Err(Failure::bad_request("the key sees no project at Deepgram")),
        (Some(last), false) => {
            ids.push(last);
            Err(Failure::bad_request(format!("the key sees several projects, name one: {}", listed(&ids))))
        }
    }
}
