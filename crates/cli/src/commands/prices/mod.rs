//! `voicegw prices`: what a model costs, and what a usage costs.

mod calc;
mod show;

use crate::Printer;
use anyhow::Result;
use vg_core::price::Timestamp;

/// The commands on prices.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Price usages: one JSON object per line on stdin, one answer per line on stdout
    Calc(calc::Args),
    /// Show a model's prices, in the units people compare them in
    Show(show::Args),
}

pub(crate) async fn run(command: Command, printer: &mut Printer) -> Result<u8> {
    match command {
        Command::Calc(args) => calc::run(args, printer).await,
        Command::Show(args) => show::run(&args, printer),
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix_microseconds(chrono::Utc::now().timestamp_micros())
}
