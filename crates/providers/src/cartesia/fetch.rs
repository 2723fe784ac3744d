//! Cartesia's bill, from its admin API: credits by capability
//! (<https://docs.cartesia.ai/api-reference/usage/credits>, version 2026-03-01).

use super::Cartesia;
use crate::statement::{
    Billing, BillingCall, Document,
    fetch::{Fetcher, Source, day, rfc_3339, windows},
};
use futures_util::future::BoxFuture;
use vg_core::call::Failure;

static SOURCE: Source = Source {
    provider: &Cartesia,
    origin: "https://api.cartesia.ai",
    key: ("authorization", "Bearer "),
    headers: &[("cartesia-version", "2026-03-01")],
    needs: "an admin key is needed: `sk_car_admin_...`, which an admin of the organization makes at \
            https://play.cartesia.ai/keys/admin",
};

/// An answer may span a year.
const DAYS: i64 = 365;

/// Cartesia's bill.
pub struct CartesiaBilling;

impl Billing for CartesiaBilling {
    fn key_variables(&self) -> &'static [&'static str] {
        &["CARTESIA_ADMIN_KEY", "CARTESIA_ADMIN_API_KEY"]
    }

    fn fetch(&self, call: BillingCall) -> BoxFuture<'static, Result<Vec<Document>, Failure>> {
        Box::pin(fetch(call))
    }
}

async fn fetch(call: BillingCall) -> Result<Vec<Document>, Failure> {
    let fetcher = Fetcher::new(&SOURCE, &call)?;
    let mut documents = Vec::new();
    for (since, until) in windows(&call, DAYS) {
        let mut address = fetcher.address("/usage/credits");
        address.add("start_ts", &rfc_3339(since));
        address.add("end_ts", &rfc_3339(until));
        address.add("interval", "day");
        address.add("group_by", "capability");
        documents.push(fetcher.get(&format!("cartesia-credits-{}.json", day(since)), address).await?);
    }
    Ok(documents)
}
