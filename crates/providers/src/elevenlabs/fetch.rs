//! ElevenLabs' bill, from its workspace analytics, by product and model
//! (<https://elevenlabs.io/docs/api-reference>, OpenAPI of 2026-09).

use super::ElevenLabs;
use crate::statement::{
    Billing, BillingCall, Document,
    fetch::{Fetcher, Source, day, windows},
};
use futures_util::future::BoxFuture;
use serde_json::json;
use vg_core::call::Failure;

static SOURCE: Source = Source {
    provider: &ElevenLabs,
    origin: "https://api.elevenlabs.io",
    key: ("xi-api-key", ""),
    headers: &[],
    needs: "a key that may read the workspace's usage is needed, which an admin of the workspace makes at \
            https://elevenlabs.io/app/settings/api-keys",
};

const PATH: &str = "/v1/workspace/analytics/query/usage-by-product-over-time";
const MILLISECOND_MICROS: i64 = 1_000;
const DAY_SECONDS: u32 = 86_400;
/// No limit is documented; a table of a quarter of a year is of a size that comes at once.
const DAYS: i64 = 92;

/// ElevenLabs' bill.
pub struct ElevenLabsBilling;

impl Billing for ElevenLabsBilling {
    fn key_variables(&self) -> &'static [&'static str] {
        &["ELEVENLABS_ADMIN_KEY", "ELEVENLABS_API_KEY", "ELEVEN_API_KEY"]
    }

    fn fetch(&self, call: BillingCall) -> BoxFuture<'static, Result<Vec<Document>, Failure>> {
        Box::pin(fetch(call))
    }
}

async fn fetch(call: BillingCall) -> Result<Vec<Document>, Failure> {
    let fetcher = Fetcher::new(&SOURCE, &call)?;
    let mut documents = Vec::new();
    for (since, until) in windows(&call, DAYS) {
        let question = json!({
            "start_time": since.0.div_euclid(MILLISECOND_MICROS),
            "end_time": until.0.div_euclid(MILLISECOND_MICROS),
            "interval_seconds": DAY_SECONDS,
            "group_by": ["product_type", "model", "hashed_xi_api_key"],
            "time_zone": "UTC",
        });
        let name = format!("elevenlabs-usage-{}.json", day(since));
        documents.push(fetcher.post(&name, fetcher.address(PATH), &question).await?);
    }
    Ok(documents)
}
