//! `voicegw prices`: what models cost, what a usage costs, which price book holds and what was agreed on.

mod calc;
mod diff;
mod list;
mod overrides;
mod show;
mod update;

use crate::{Environment, Printer};
use anyhow::Result;
use vg_core::price::Timestamp;

/// The commands on prices.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Price usages: one JSON object per line on stdin, one answer per line on stdout
    Calc(calc::Args),
    /// Show what changed from one price book to another
    Diff(diff::Args),
    /// List what models cost, in the units people compare prices in
    List(list::Args),
    /// List the negotiated rates and discounts, or what comes of them for a model
    Override(overrides::Args),
    /// Show a model's prices, in the units people compare them in
    Show(show::Args),
    /// Install a price book for every process with this ledger, or go back to the embedded one
    Update(update::Args),
}

pub(crate) async fn run(command: Command, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    match command {
        Command::Calc(args) => calc::run(args, printer).await,
        Command::Diff(args) => diff::run(&args, environment, printer),
        Command::List(args) => list::run(args, environment, printer),
        Command::Override(args) => overrides::run(&args, environment, printer),
        Command::Show(args) => show::run(&args, environment, printer),
        Command::Update(args) => update::run(&args, environment, printer),
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix_microseconds(chrono::Utc::now().timestamp_micros())
}
