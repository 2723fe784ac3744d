//! `voicegw prices update`: puts a price book beside the ledger, where every process looks for it.

use super::diff;
use crate::{
    Environment, Printer, Settings,
    args::ConfigFlag,
    book,
    exit::{self, Advise},
};
use anyhow::Result;
use std::path::PathBuf;
use vg_core::price::Book;
use vg_services::prices::{Installed, installed_path};

/// Check a price book, show what changes, and install it beside the ledger as the book in force for every process.
///
/// Running servers take it within a second, agents with their next process. A file that is refused changes nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The price book, in the JSON of voice-prices
    #[arg(required_unless_present = "remove", conflicts_with = "remove")]
    file: Option<PathBuf>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove the installed book: the embedded one is in force again
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    config: ConfigFlag,
}

pub(crate) fn run(args: &Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::load(args.config.config.as_deref(), environment)?;
    let path = installed_path(settings.database_url.as_deref(), environment.home())
        .ok_or_else(|| anyhow::anyhow!("there is no place to install a price book at"))
        .advise(|| "set HOME, or name the ledger's file with VOICEGW_DB_PATH".into())?;
    let new = args.file.as_deref().map(Installed::read).transpose()?;
    let after = new.as_ref().map_or(Book::embedded(), |new| &new.book);
    // What was installed may have gone bad; then the embedded book holds.
    let installed = Installed::find(&path).ok().flatten().map(|installed| installed.book);
    let before = installed.as_ref().unwrap_or_else(|| Book::embedded());
    diff::show(&before.difference(after), printer)?;
    let place = path.display();
    let said = match (&new, args.dry_run) {
        (Some(_), true) => format!("Nothing was changed. It would be installed at {place}"),
        (None, true) => format!("Nothing was changed. {place} would be removed"),
        (Some(new), false) => {
            new.install(&path)?;
            format!("Installed {} at {place}", book::name(&new.book))
        }
        (None, false) if Installed::remove(&path)? => {
            format!("Removed {place}; {} is in force", book::name(Book::embedded()))
        }
        (None, false) => format!("No price book is installed; {} is in force", book::name(Book::embedded())),
    };
    printer.line(&said)?;
    if let Some(named) = settings.config.prices.book.as_ref().filter(|named| !named.is_empty()) {
        printer.warning(&format!(
            "`prices.book` of the configuration names {}, which stays in force",
            named.shown()
        ));
    }
    Ok(exit::DONE)
}
