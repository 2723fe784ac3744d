//! Anthropic's bill, from its Admin API: the usage of messages by model, and costs by description
//! (<https://platform.claude.com/docs/en/api/admin-api/usage-cost>, read 2026-10, version 2023-06-01).

use super::Anthropic;
use crate::statement::{
    Billing, BillingCall, Document,
    fetch::{Fetcher, Source, rfc_3339, whole_days},
};
use futures_util::future::BoxFuture;
use vg_core::call::Failure;

static SOURCE: Source = Source {
    provider: &Anthropic,
    origin: "https://api.anthropic.com",
    key: ("x-api-key", ""),
    headers: &[("anthropic-version", "2023-06-01")],
    needs: "an admin key is needed: `sk-ant-admin...`, which an admin of the organization makes at \
            https://platform.claude.com/settings/admin-keys; a personal account has none",
};

/// What is asked: the path and what it is grouped by.
const QUESTIONS: [(&str, &str, &[&str]); 2] = [
    (
        "anthropic-usage",
        "/v1/organizations/usage_report/messages",
        &["model", "api_key_id", "workspace_id", "service_tier"],
    ),
    ("anthropic-costs", "/v1/organizations/cost_report", &["workspace_id", "description"]),
];

/// So many days fit a page.
const DAYS: &str = "31";

/// Anthropic's bill.
pub struct AnthropicBilling;

impl Billing for AnthropicBilling {
    fn key_variables(&self) -> &'static [&'static str] {
        &["ANTHROPIC_ADMIN_KEY", "ANTHROPIC_ADMIN_API_KEY"]
    }

    fn fetch(&self, call: BillingCall) -> BoxFuture<'static, Result<Vec<Document>, Failure>> {
        Box::pin(fetch(call))
    }
}

async fn fetch(call: BillingCall) -> Result<Vec<Document>, Failure> {
    let fetcher = Fetcher::new(&SOURCE, &call)?;
    let (since, until) = whole_days(&call);
    let mut documents = Vec::new();
    for (name, path, groups) in QUESTIONS {
        let first = || {
            let mut address = fetcher.address(path);
            address.add("starting_at", &rfc_3339(since));
            address.add("ending_at", &rfc_3339(until));
            address.add("bucket_width", "1d");
            groups.iter().for_each(|group| address.add("group_by[]", group));
            address.add("limit", DAYS);
            address
        };
        documents.extend(fetcher.pages(name, first).await?);
    }
    Ok(documents)
}
