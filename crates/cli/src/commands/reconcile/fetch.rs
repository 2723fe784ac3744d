//! The bill from the provider's own API.

use crate::{Environment, Printer, exit::BadUsage};
use anyhow::Result;
use vg_core::{config::Billing, provider::Provider};
use vg_providers::statement::Document;
use vg_services::Days;

pub(super) async fn documents(
    provider: &dyn Provider,
    _days: &Days,
    _billing: Option<&Billing>,
    _save: Option<&str>,
    _environment: &Environment,
    _printer: &mut Printer,
) -> Result<Vec<Document>> {
    Err(BadUsage(format!("the bill of {} cannot be fetched", provider.id())).into())
}
