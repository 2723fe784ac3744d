//! `voicegw sessions`: the conversations.

mod show;

use crate::{
    Environment, Printer, Settings, amounts,
    args::ConfigFlag,
    exit, ledger,
    printer::{Align, Table},
};
use anyhow::Result;
use vg_services::{
    Ledger,
    sessions::{SessionArgs, SessionOrder, SessionRow, session_list},
};

/// List the conversations; times are UTC.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only this project
    #[arg(long, short)]
    project: Option<String>,
    /// How many
    #[arg(long, short = 'n', default_value_t = 20, value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(1..))]
    tail: u32,
    /// Which come first
    #[arg(long, value_enum, default_value_t = Order::Newest)]
    order: Order,
    /// Print JSON, the same as `GET /v1/sessions`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

/// The commands on one conversation.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show one conversation, its costs and its requests by turn
    Show(show::Args),
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Order {
    Newest,
    Oldest,
    Dearest,
    Cheapest,
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    match args.command {
        Some(Command::Show(show)) => show::run(show, environment, printer).await,
        None => list(args, environment, printer).await,
    }
}

async fn list(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let ledger = ledger::open(&settings, environment, printer).await?;
    let order = match args.order {
        Order::Newest => SessionOrder::Newest,
        Order::Oldest => SessionOrder::Oldest,
        Order::Dearest => SessionOrder::Dearest,
        Order::Cheapest => SessionOrder::Cheapest,
    };
    let asked =
        SessionArgs { limit: args.tail, project: args.project.clone(), order, ..SessionArgs::default() };
    let sessions = session_list(&ledger, &asked).await?.rows;
    if args.json {
        printer.json(&sessions)?;
    } else if !sessions.is_empty() {
        printer.table(&table(&sessions))?;
    } else if matches!(ledger, Ledger::Open(_)) {
        printer.note("no sessions were recorded that match");
    }
    if sessions.is_empty() && matches!(ledger, Ledger::Open(_)) {
        ledger::doubt_project(args.project.as_deref(), &settings, printer);
    }
    Ok(exit::DONE)
}

fn table(sessions: &[SessionRow]) -> Table {
    let mut table = Table::new([
        ("Session", Align::Left),
        ("Started", Align::Left),
        ("Duration", Align::Right),
        ("Project", Align::Left),
        ("Requests", Align::Right),
        ("Cost", Align::Right),
        ("Modalities", Align::Left),
    ]);
    for session in sessions {
        table.row([
            session.id.clone(),
            amounts::day_and_time(session.started_at),
            amounts::duration(session.started_at, session.ended_at),
            session.project.clone(),
            session.request_count.to_string(),
            amounts::dollars(session.total_cost_usd, 4),
            session.modalities.join(", "),
        ]);
    }
    table
}
