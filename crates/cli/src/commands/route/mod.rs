//! `voicegw route`: which models a conversation uses, by how fast they are.

mod show;
mod simulate;

use crate::{Environment, Printer, Settings, exit::Advise, ledger::SWITCH_ON};
use anyhow::Result;
use vg_services::{Error, Ledger};

/// The commands on routing.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show a project's budget, its candidates and how fast they were
    Show(show::Args),
    /// Say which models a conversation would use now
    Simulate(simulate::Args),
}

pub(crate) async fn run(command: Command, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    match command {
        Command::Show(args) => show::run(args, environment, printer).await,
        Command::Simulate(args) => simulate::run(args, environment, printer).await,
    }
}

/// The ledger, which must not be off. One that is not begun has observed nothing.
async fn ledger(settings: &Settings, environment: &Environment, printer: &mut Printer) -> Result<Ledger> {
    let ledger = Ledger::open(settings.database_url.as_deref(), &environment.temporary()).await?;
    match &ledger {
        Ledger::Off => return Err(Error::Off).advise(|| SWITCH_ON.into()),
        Ledger::NotBegun(text) => printer.note(&format!("note: {text}")),
        Ledger::Open(_) => {}
    }
    Ok(ledger)
}
