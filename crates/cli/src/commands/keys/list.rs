//! `voicegw keys list`: the keys, revoked ones too.

use crate::{
    Environment, Printer, Settings, amounts,
    args::ConfigFlag,
    exit, ledger,
    printer::{Align, Table},
};
use anyhow::Result;
use vg_core::UnixMicros;
use vg_services::{
    Ledger,
    keys::{KeyList, key_list},
};

/// List the keys, the newest first; times are UTC.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print JSON: `items` and `total` as `GET /v1/virtual-keys`, and the LiveKit pairs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    super::store(&settings)?;
    let ledger = ledger::open(&settings, environment, printer).await?;
    let list = key_list(&ledger).await?;
    if args.json {
        printer.json(&list)?;
    } else if !list.items.is_empty() || !list.livekit.is_empty() {
        printer.table(&table(&list))?;
    } else if matches!(ledger, Ledger::Open(_)) {
        printer.note("no keys were issued yet");
    }
    super::doubt_secrets(&list, super::secret_place(environment).find()?.as_ref(), printer);
    Ok(exit::DONE)
}

fn table(list: &KeyList) -> Table {
    let mut table = Table::new([
        ("ID", Align::Left),
        ("Key", Align::Left),
        ("Name", Align::Left),
        ("Project", Align::Left),
        ("Tenant", Align::Left),
        ("Issued", Align::Left),
        ("Last used", Align::Left),
        ("State", Align::Left),
    ]);
    let time = |at: Option<UnixMicros>| at.map_or_else(|| "-".to_owned(), amounts::day_and_time);
    let state = |revoked: Option<UnixMicros>| match revoked {
        Some(at) => format!("revoked {}", amounts::day_and_time(at)),
        None => "active".to_owned(),
    };
    let tenant = |tenant: &Option<String>| tenant.clone().unwrap_or_else(|| "-".to_owned());
    for key in &list.items {
        table.row([
            key.id.to_string(),
            format!("{}...", key.key_prefix),
            key.name.clone(),
            key.project.clone(),
            tenant(&key.tenant_id),
            amounts::day_and_time(key.issued_at),
            time(key.last_used_at),
            state(key.revoked_at),
        ]);
    }
    for key in &list.livekit {
        table.row([
            key.api_key.clone(),
            "LiveKit pair".to_owned(),
            key.name.clone(),
            key.project.clone(),
            tenant(&key.tenant_id),
            amounts::day_and_time(key.issued_at),
            // Of a pair no use is noted.
            String::new(),
            state(key.revoked_at),
        ]);
    }
    table
}
