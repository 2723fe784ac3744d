//! `voicegw reconcile`: the ledger held against a provider's bill.

mod fetch;
mod history;
mod show;

use crate::{
    Environment, Printer, Settings,
    args::ConfigFlag,
    exit::{self, Advise, BadUsage},
    ledger,
};
use anyhow::Result;
use vg_core::{
    config::{Tolerances, files, nearest},
    provider::Provider,
};
use vg_providers::{
    registry,
    statement::{self, Document},
};
use vg_services::{
    Days, Error, Ledger,
    reconcile::{Asked, Report, closed, keep, reconcile, requests},
};

/// Hold the ledger against a provider's bill, and say where the two differ and why.
///
/// The bill is a file that the provider gives, as it was downloaded (CSV or JSON, gzip too, several at once), or the
/// canonical columns; `--fetch` asks the provider's billing API instead. Days are UTC days.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Whose bill it is
    #[arg(long, required = true)]
    provider: Option<String>,
    /// The first day, as YYYY-MM-DD
    #[arg(long, value_name = "DAY", required_unless_present = "day")]
    start: Option<String>,
    /// The last day, which is included
    #[arg(long, value_name = "DAY", required_unless_present = "day")]
    end: Option<String>,
    /// One day alone
    #[arg(long, value_name = "DAY", conflicts_with_all = ["start", "end"])]
    day: Option<String>,
    /// A file of the bill; may be given several times
    #[arg(long, value_name = "FILE", required_unless_present = "fetch", num_args = 1..)]
    provider_usage_file: Vec<String>,
    /// Ask the provider's billing API, with the admin key under `reconcile.providers`
    #[arg(long, conflicts_with = "provider_usage_file")]
    fetch: bool,
    /// Keep what was fetched in this folder
    #[arg(long, value_name = "FOLDER", requires = "fetch")]
    save: Option<String>,
    /// Only this model
    #[arg(long)]
    model: Option<String>,
    /// Pair single requests too, where the bill tells them
    #[arg(long)]
    requests: bool,
    /// What to print
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// How far apart costs may be, in percent of the provider's [default: `reconcile.tolerances`, else 5.0]
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    threshold: Option<f64>,
    /// Exit with 3 when a row is flagged or on one side only
    #[arg(long)]
    check: bool,
    /// Do not keep the result for `voicegw reconcile history`
    #[arg(long)]
    no_keep: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the reconciliations that were kept
    History(history::HistoryArgs),
    /// Close the period of a reconciliation
    Close(history::CloseArgs),
    /// Book what a closed period differs by, as new lines of today
    Correct(history::CloseArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, clap::ValueEnum)]
enum Format {
    Text,
    Csv,
    Json,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').parse::<f64>().ok();
    number.filter(|number| number.is_finite() && *number >= 0.0).ok_or_else(|| "not a percentage".to_owned())
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    match args.command {
        Some(Command::History(args)) => return history::run(args, environment, printer).await,
        Some(Command::Close(args)) => return history::close(args, environment, printer).await,
        Some(Command::Correct(args)) => return history::correct(args, environment, printer).await,
        None => {}
    }
    let provider = provider(args.provider.as_deref().unwrap_or_default())?;
    let first = args.day.as_deref().or(args.start.as_deref()).unwrap_or_default();
    let last = args.day.as_deref().or(args.end.as_deref()).unwrap_or_default();
    let days = Days::parse(first, last).map_err(|error| BadUsage(error.to_string()))?;
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let billing = settings.config.reconcile.providers.get(provider.id());
    let documents = if args.fetch {
        fetch::documents(provider, &days, billing, args.save.as_deref(), environment, printer).await?
    } else {
        args.provider_usage_file.iter().map(|name| document(name, environment)).collect::<Result<_>>()?
    };
    let statement = statement::read(provider.id(), &documents).map_err(|bad| BadUsage(bad.to_string()))?;
    let ledger = Ledger::open(settings.database_url.as_deref(), &environment.temporary()).await?;
    match &ledger {
        Ledger::Off => return Err(Error::Off).advise(|| ledger::SWITCH_ON.into()),
        Ledger::NotBegun(text) => printer.note(&format!("note: {text}")),
        Ledger::Open(_) => {}
    }
    let project = settings.config.default_project()?;
    let asked = Asked {
        provider,
        book: settings.config.tariff(project).book(),
        days,
        model: args.model.as_deref(),
        tolerances: args.threshold.map_or(settings.config.reconcile.tolerances, Tolerances::all),
        usd_per_credit: billing.and_then(|billing| billing.usd_per_credit),
    };
    let report = reconcile(&ledger, &asked, &statement.rows).await?;
    let paired = match args.requests {
        true => Some(requests(&ledger, &asked, &statement.rows).await?),
        false => None,
    };
    match args.format {
        Format::Text => {
            show::text(&report, printer)?;
            paired.as_ref().map_or(Ok(()), |paired| show::requests(paired, printer))?;
        }
        Format::Csv => printer.text(&report.csv())?,
        Format::Json => printer.json(&report.json(paired.as_ref()))?,
    }
    for note in statement.notes.iter().chain(&report.notes) {
        printer.note(&format!("note: {note}"));
    }
    for closed in closed(&ledger, &report).await? {
        printer.note(&format!("note: the period is closed on reconciliation {closed}"));
    }
    let is_whole = args.model.is_none() && args.day.is_none() && !args.no_keep && !report.rows.is_empty();
    if let (Ledger::Open(_), Some(url), true) = (&ledger, settings.database_url.as_deref(), is_whole) {
        keep_it(url, &report, printer).await;
    }
    let is_clean = report.flagged() == 0 && report.one_sided() == 0;
    Ok(if args.check && !is_clean { exit::DIFFERS } else { exit::DONE })
}

/// Keeps the result. That it cannot be kept is said, and changes nothing about it.
async fn keep_it(url: &str, report: &Report, printer: &mut Printer) {
    match keep(url, report, ledger::now()).await {
        Ok(kept) => printer.hint(&format!(
            "kept as {}: `voicegw reconcile history` lists all, `voicegw reconcile close {}` closes the period",
            kept.id, kept.id
        )),
        Err(error) => printer.warning(&format!("the result was not kept: {}", error.chain())),
    }
}

fn document(name: &str, environment: &Environment) -> Result<Document> {
    let path = files::expand(name, environment.home());
    let bytes = std::fs::read(&path)
        .map_err(|error| BadUsage(format!("failed to read `{}`: {error}", path.display())))?;
    Ok(Document::open(name, bytes).map_err(|bad| BadUsage(bad.to_string()))?)
}

fn provider(id: &str) -> Result<&'static dyn Provider> {
    let billed =
        || registry::ALL.iter().copied().filter(|provider| registry::export(provider.id()).is_some());
    billed().find(|provider| provider.id() == id).ok_or_else(|| {
        let names: Vec<_> = billed().map(Provider::id).collect();
        let hint = nearest(id, names.iter().copied()).map(|name| format!(", did you mean '{name}'"));
        let known = names.join(", ");
        BadUsage(format!("no bill of `{id}` can be read{}; known are {known}", hint.unwrap_or_default()))
            .into()
    })
}
