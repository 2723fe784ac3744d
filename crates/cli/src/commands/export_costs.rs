//! `voicegw export-costs`: the requests of some days, for spreadsheets and scripts.

use crate::{
    Environment, Printer, Settings,
    args::ConfigFlag,
    exit::{self, Advise, BadUsage},
    ledger,
};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
};
use vg_core::config::files;
use vg_services::{
    Days, Error, Ledger,
    export::{self, ExportArgs, export},
};

/// Export the requests of some days (UTC), the oldest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The first day, as YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    start: String,
    /// The last day, which is included
    #[arg(long, value_name = "DAY")]
    end: String,
    /// Only this project
    #[arg(long, short)]
    project: Option<String>,
    /// CSV with a header row, or JSON with one object a line
    #[arg(long, short, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Where to write it; `-` is standard output
    #[arg(long, short, value_name = "PATH", default_value = "-")]
    output: String,
    #[command(flatten)]
    file: ConfigFlag,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Csv,
    Json,
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let days = Days::parse(&args.start, &args.end).map_err(|error| BadUsage(error.to_string()))?;
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let ledger = Ledger::open(settings.database_url.as_deref(), &environment.temporary()).await?;
    match &ledger {
        Ledger::Off => return Err(Error::Off).advise(|| ledger::SWITCH_ON.into()),
        Ledger::NotBegun(text) => printer.note(&format!("note: {text}")),
        Ledger::Open(_) => {}
    }
    let format = match args.format {
        Format::Csv => export::Format::Csv,
        Format::Json => export::Format::Json,
    };
    let asked = ExportArgs { days, project: args.project.clone(), format };
    let records = if args.output == "-" {
        export(&ledger, &asked, &mut BufWriter::new(printer.stdout())).await?
    } else {
        let path = files::expand(&args.output, environment.home());
        let mut file = create(&path).with_context(|| format!("failed to write `{}`", path.display()))?;
        let records = export(&ledger, &asked, &mut file).await?;
        printer.line(&format!("Wrote {records} record(s) to {}", path.display()))?;
        records
    };
    if records == 0 {
        ledger::doubt_project(args.project.as_deref(), &settings, printer);
    }
    Ok(exit::DONE)
}

fn create(path: &std::path::Path) -> std::io::Result<impl Write + Send + use<>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create(path).map(BufWriter::new)
}
