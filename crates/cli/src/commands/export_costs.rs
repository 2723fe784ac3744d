//! `voicegw export-costs`: the requests of some days, for spreadsheets, scripts, and the tools of those who pay.

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
    export::{
        self, ExportArgs, Exported, export,
        focus::{self, Focus},
    },
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
    /// CSV with a header row, JSON with one object a line, the FOCUS Cost and Usage dataset as CSV, or Parquet
    #[arg(long, short, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Of `--format focus`: the version of the specification [default: 1.4]
    #[arg(long, value_enum, value_name = "VERSION")]
    focus_version: Option<FocusVersion>,
    /// Of `--format focus`: what BilledCost says, which is for the provider's invoice to say: 0, or the ledger's cost
    /// for tools that read nothing else [default: zero]
    #[arg(long, value_enum, value_name = "WHAT")]
    billed_cost: Option<BilledCost>,
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
    Focus,
    Parquet,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FocusVersion {
    #[value(name = "1.4")]
    V1_4,
    #[value(name = "1.2")]
    V1_2,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum BilledCost {
    Zero,
    Estimate,
}

impl Args {
    fn format(&self) -> Result<export::Format, BadUsage> {
        let is_focus = matches!(self.format, Format::Focus);
        if !is_focus && (self.focus_version.is_some() || self.billed_cost.is_some()) {
            let text = "`--focus-version` and `--billed-cost` go with `--format focus`";
            return Err(BadUsage(text.to_owned()));
        }
        Ok(match self.format {
            Format::Csv => export::Format::Csv,
            Format::Json => export::Format::Json,
            Format::Parquet => export::Format::Parquet,
            Format::Focus => export::Format::Focus(Focus {
                version: match self.focus_version {
                    None | Some(FocusVersion::V1_4) => focus::Version::V1_4,
                    Some(FocusVersion::V1_2) => focus::Version::V1_2,
                },
                billed_cost: match self.billed_cost {
                    None | Some(BilledCost::Zero) => focus::BilledCost::Zero,
                    Some(BilledCost::Estimate) => focus::BilledCost::Estimate,
                },
            }),
        })
    }
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let days = Days::parse(&args.start, &args.end).map_err(|error| BadUsage(error.to_string()))?;
    let format = args.format()?;
    let is_bare = args.output == "-" && printer.writes_to_a_terminal();
    if matches!(format, export::Format::Parquet) && is_bare {
        return Err(BadUsage("Parquet is not for a terminal: name a file with `--output`".to_owned()).into());
    }
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let ledger = Ledger::open(settings.database_url.as_deref(), &environment.temporary()).await?;
    match &ledger {
        Ledger::Off => return Err(Error::Off).advise(|| ledger::SWITCH_ON.into()),
        Ledger::NotBegun(text) => printer.note(&format!("note: {text}")),
        Ledger::Open(_) => {}
    }
    let asked = ExportArgs { days, project: args.project.clone(), format };
    let Exported { lines, unpriced, .. } = if args.output == "-" {
        export(&ledger, &asked, &settings.config, &mut BufWriter::new(printer.stdout())).await?
    } else {
        let path = files::expand(&args.output, environment.home());
        let mut file = create(&path).with_context(|| format!("failed to write `{}`", path.display()))?;
        let exported = export(&ledger, &asked, &settings.config, &mut file).await?;
        printer.line(&format!("Wrote {} record(s) to {}", exported.records, path.display()))?;
        exported
    };
    if unpriced > 0 && matches!(format, export::Format::Focus(_)) {
        printer.note(&format!(
            "note: {unpriced} of {lines} request(s) have no price. FOCUS has no word for that: their costs are 0, and \
             `x_Unpriced` is true"
        ));
    }
    if lines == 0 {
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
