//! `voicegw keys revoke`: an end to a key.

use crate::{Environment, Printer, Settings, args::ConfigFlag, exit, ledger};
use anyhow::Result;
use vg_services::{Error, Ledger, keys::key_revoke};

/// Revoke a key. Servers refuse it within half a minute; its row and what it spent stay.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The id that `voicegw keys list` shows: a number, or the api key of a LiveKit pair
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    file: ConfigFlag,
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let url = super::store(&settings)?;
    if !matches!(Ledger::open(Some(url), &environment.temporary()).await?, Ledger::Open(_)) {
        // A store that is not there has no keys, and is not made to say so.
        return Err(Error::NoKey { id: args.id }.into());
    }
    let now = ledger::now();
    let revoked = key_revoke(url, &args.id, now).await?;
    if revoked.at() == Some(now) {
        printer.line(&format!("revoked {}; servers refuse it within 30 s", args.id))?;
    } else {
        printer.line(&format!("{} was revoked before", args.id))?;
    }
    Ok(exit::DONE)
}
