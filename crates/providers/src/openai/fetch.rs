//! OpenAI's bill, from its admin API: costs by line item, and the usage of chat, transcription and speech
//! (<https://platform.openai.com/docs/api-reference/usage>, read 2026-11).

use super::OpenAi;
use crate::statement::{
    Billing, BillingCall, Document,
    fetch::{Fetcher, Source, unix, whole_days},
};
use futures_util::future::BoxFuture;
use vg_core::call::Failure;

static SOURCE: Source = Source {
    provider: &OpenAi,
    origin: "https://api.openai.com",
    key: ("authorization", "Bearer "),
    headers: &[],
    needs: "an admin key is needed: `sk-admin-...`, which an owner of the organization makes at \
            https://platform.openai.com/settings/organization/admin-keys",
};

/// What is asked: the path, what it is grouped by, and how many days a page may have.
const QUESTIONS: [(&str, &str, &[&str], &str); 4] = [
    ("openai-costs", "/v1/organization/costs", &["project_id", "line_item", "api_key_id"], "180"),
    (
        "openai-usage-completions",
        "/v1/organization/usage/completions",
        &["project_id", "api_key_id", "model", "batch"],
        "31",
    ),
    (
        "openai-usage-audio-speeches",
        "/v1/organization/usage/audio_speeches",
        &["project_id", "api_key_id", "model"],
        "31",
    ),
    (
        "openai-usage-audio-transcriptions",
        "/v1/organization/usage/audio_transcriptions",
        &["project_id", "api_key_id", "model"],
        "31",
    ),
];

const SECOND_MICROS: i64 = 1_000_000;

/// OpenAI's bill.
pub struct OpenAiBilling;

impl Billing for OpenAiBilling {
    fn key_variables(&self) -> &'static [&'static str] {
        &["OPENAI_ADMIN_KEY"]
    }

    fn fetch(&self, call: BillingCall) -> BoxFuture<'static, Result<Vec<Document>, Failure>> {
        Box::pin(fetch(call))
    }
}

async fn fetch(call: BillingCall) -> Result<Vec<Document>, Failure> {
    let fetcher = Fetcher::new(&SOURCE, &call)?;
    let (since, until) = whole_days(&call);
    let mut documents = Vec::new();
    for (name, path, groups, limit) in QUESTIONS {
        let first = || {
            let mut address = fetcher.address(path);
            address.add("start_time", &unix(since, SECOND_MICROS));
            address.add("end_time", &unix(until, SECOND_MICROS));
            address.add("bucket_width", "1d");
            groups.iter().for_each(|group| address.add("group_by", group));
            if let Some(project) = &call.account {
                address.add("project_ids", project);
            }
            address.add("limit", limit);
            address
        };
        documents.extend(fetcher.pages(name, first).await?);
    }
    Ok(documents)
}
