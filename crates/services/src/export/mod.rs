//! Exports of the ledger's lines, the oldest first: read page by page, written as they are read, so that memory does
//! not grow with the number of lines. One file a format; each is a [`Sink`].

mod csv;
pub mod focus;
mod json;
mod parquet;

pub use csv::COLUMNS;

use crate::{Days, Error, Ledger};
use std::io::Write;
use vg_core::{Line, config::Config};
use vg_store::{LineQuery, Order};

/// How many lines are read at once.
const PAGE: u32 = 1000;

/// What the export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180 with one header row; ten columns, one record a line.
    Csv,
    /// One JSON object a line, with the same ten.
    Json,
    /// The Cost and Usage dataset of FOCUS as CSV: one record a charge, of which a line can have several.
    Focus(focus::Focus),
    /// Parquet: every column of the ledger with its type, one record a line.
    Parquet,
}

/// What to export.
#[derive(Debug, Clone)]
pub struct ExportArgs {
    /// Which days.
    pub days: Days,
    /// Only this project.
    pub project: Option<String>,
    /// Written as what.
    pub format: Format,
}

/// What was exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// How many lines of the ledger.
    pub lines: u64,
    /// How many of them have no price.
    pub unpriced: u64,
    /// How many records were written for them.
    pub records: u64,
}

/// Where lines go: a format that is being written.
trait Sink {
    /// Takes a line and answers how many records it becomes.
    fn line(&mut self, line: Line) -> Result<u64, Error>;

    /// Ends the export once every line was taken.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// Writes the export to `out`; the prices of `config` say what requests were charged for. A ledger that has not begun
/// has no records.
///
/// # Errors
/// [`Error::Off`] when there is to be no ledger; [`Error::Write`]; when the ledger cannot be read.
pub async fn export(
    ledger: &Ledger,
    args: &ExportArgs,
    config: &Config,
    out: &mut (dyn Write + Send),
) -> Result<Exported, Error> {
    if matches!(ledger, Ledger::Off) {
        return Err(Error::Off);
    }
    let mut sink: Box<dyn Sink + Send + '_> = match args.format {
        Format::Csv => Box::new(csv::Csv::begin(out)?),
        Format::Json => Box::new(json::Json::begin(out)),
        Format::Focus(focus) => Box::new(focus::Rows::begin(focus, config, out)?),
        Format::Parquet => Box::new(parquet::Parquet::begin(out)?),
    };
    let mut exported = Exported::default();
    if let Some(reader) = ledger.reader() {
        let window = args.days.window();
        let mut next = Some(LineQuery {
            since: window.since,
            until: window.until,
            project: args.project.clone(),
            order: Order::Oldest,
            limit: PAGE,
            ..LineQuery::default()
        });
        while let Some(query) = next {
            let page = reader.ledger_list(&query).await?;
            next = query.next_page(&page);
            for line in page {
                exported.lines += 1;
                exported.unpriced += u64::from(line.cost.is_none());
                exported.records += sink.line(line)?;
            }
        }
    }
    sink.finish()?;
    Ok(exported)
}
