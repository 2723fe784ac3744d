//! The bill from the provider's own API.

use crate::{
    Environment, Printer, amounts,
    exit::{Advise, BadUsage},
};
use anyhow::{Context, Result};
use std::{fs, path::Path, sync::Arc};
use vg_core::{
    UnixMicros,
    config::{Billing, Secret, files},
    provider::Provider,
};
use vg_providers::{
    client::Network,
    registry,
    statement::{BillingCall, Document},
};
use vg_services::Days;

pub(super) async fn documents(
    provider: &dyn Provider,
    days: &Days,
    billing: Option<&Billing>,
    save: Option<&str>,
    environment: &Environment,
    printer: &mut Printer,
) -> Result<Vec<Document>> {
    let id = provider.id();
    let Some(api) = registry::billing(id) else {
        return Err(BadUsage(format!(
            "{id} has no billing API: give its numbers with --provider-usage-file"
        )))
        .advise(|| "`docs/reconcile-formats.md` says which columns".to_owned());
    };
    let mut admin_key = billing.map(|billing| billing.admin_key.clone()).unwrap_or_default();
    if admin_key.is_empty() {
        let set = api.key_variables().iter().find_map(|name| environment.get(name));
        admin_key = set.map_or(admin_key, |key| Secret::from(&*key));
    }
    admin_key.expose()?;
    let named = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let window = days.window();
    let call = BillingCall {
        network: Arc::new(Network::new()?),
        base_url: named(billing.map(|billing| billing.base_url.get()).transpose()?),
        admin_key,
        account: named(billing.map(|billing| billing.account.get()).transpose()?),
        since: window.since.unwrap_or(UnixMicros(0)),
        until: window.until.unwrap_or(UnixMicros(i64::MAX)),
    };
    let documents =
        api.fetch(call).await.with_context(|| format!("failed to fetch the bill of {id}")).advise(|| {
            format!("set `reconcile.providers.{id}.admin_key`, or {}", api.key_variables().join(" or "))
        })?;
    printer.note(&format!("note: {} fetched from {id}", amounts::count(documents.len() as u64, "document")));
    if let Some(folder) = save {
        let folder = files::expand(folder, environment.home());
        keep(&folder, id, days, &documents)
            .with_context(|| format!("failed to keep the documents in `{}`", folder.display()))?;
    }
    Ok(documents)
}

/// Writes what was fetched, so that it can be read again as files.
fn keep(folder: &Path, id: &str, days: &Days, documents: &[Document]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for (number, document) in documents.iter().enumerate() {
        let name = format!("{id}-{}-{}-{}.json", days.first(), days.last(), number + 1);
        fs::write(folder.join(name), document.text())?;
    }
    Ok(())
}
