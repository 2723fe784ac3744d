//! The command line as typed.

use crate::commands::{
    costs, export_costs, init, keys, logs, models, prices, reconcile, route, serve, sessions, sim, status,
};

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
    /// Sum what was spent today, in a week or in a month
    Costs(costs::Args),
    /// Export the requests of some days as CSV, JSON lines, FOCUS or Parquet
    ExportCosts(export_costs::Args),
    /// Write a configuration file to start from
    Init(init::Args),
    /// Issue, list and revoke the keys that clients of the gateway show
    #[command(subcommand)]
    Keys(keys::Command),
    /// List the newest requests
    Logs(logs::Args),
    /// Fetch and list the models of the speech runtimes on this machine
    #[command(subcommand)]
    Models(models::Command),
    /// Show prices and price usages
    #[command(subcommand)]
    Prices(prices::Command),
    /// Hold the ledger against a provider's bill
    Reconcile(Box<reconcile::Args>),
    /// Show how models are chosen by latency, and try it
    #[command(subcommand)]
    Route(route::Command),
    /// Serve the gateway for LiveKit agents and OpenAI clients
    Serve(serve::Args),
    /// List the conversations, or show one
    Sessions(sessions::Args),
    /// Play the providers on this machine, without keys and without cost
    Sim(sim::SimArgs),
    /// Show providers, switches and the ledger's place
    Status(status::Args),
}

impl Command {
    /// Whether it serves until it is stopped; it then ends in order by itself when it is interrupted.
    pub(crate) const fn serves(&self) -> bool {
        matches!(self, Command::Serve(_) | Command::Sim(_))
    }
}

/// The flag of every command that reads the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigFlag {
    /// The configuration file
    #[arg(long, short, value_name = "PATH")]
    pub(crate) config: Option<String>,
}
