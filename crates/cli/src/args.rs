//! The command line as typed.

use crate::commands::{init, prices, sim, status};

/// The gateway under every voice agent: routing, costs, ledger.
#[derive(Debug, clap::Parser)]
#[command(name = "voicegw", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Every command.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Write a configuration file to start from
    Init(init::Args),
    /// Show prices and price usages
    #[command(subcommand)]
    Prices(prices::Command),
    /// Play the providers on this machine, without keys and without cost
    Sim(sim::SimArgs),
    /// Show providers, switches and the ledger's place
    Status(status::Args),
}

impl Command {
    /// Whether it ends in order by itself when it is interrupted, as a server does.
    pub(crate) const fn ends_itself(&self) -> bool {
        matches!(self, Command::Sim(_))
    }
}

/// The flag of every command that reads the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigFlag {
    /// The configuration file
    #[arg(long, short, value_name = "PATH")]
    pub(crate) config: Option<String>,
}
