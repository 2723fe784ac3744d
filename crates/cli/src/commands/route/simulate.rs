//! `voicegw route simulate`: which models a conversation would use now.

use crate::{
    Environment, Printer, Settings, amounts,
    args::ConfigFlag,
    exit, ledger,
    printer::{Align, Table},
};
use anyhow::Result;
use vg_core::{Modality, config::PerModality};
use vg_engine::{Basis, Route};
use vg_services::routing::{RoutedTriple, route_simulate};

/// Say which models a conversation of a project would use if it began now; nothing is called and nothing is written.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The project
    project: String,
    /// Hear with this model or provider
    #[arg(long, value_name = "MODEL")]
    stt: Option<String>,
    /// Think with this model or provider
    #[arg(long, value_name = "MODEL")]
    llm: Option<String>,
    /// Speak with this model or provider
    #[arg(long, value_name = "MODEL")]
    tts: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let project = settings.project(Some(&args.project), environment)?;
    let open = super::ledger(&settings, environment, printer).await?;
    let fixed = PerModality { stt: args.stt, llm: args.llm, tts: args.tts };
    let route = route_simulate(&open, &settings.config, &project, &fixed, ledger::now()).await?;
    if args.json {
        printer.json(&RoutedTriple::of(&route))?;
    } else {
        show(&route, printer)?;
    }
    Ok(exit::DONE)
}

fn show(route: &Route, printer: &mut Printer) -> Result<()> {
    let mut table = Table::new([
        ("Modality", Align::Left),
        ("Model", Align::Left),
        ("Predicted", Align::Right),
        ("By", Align::Left),
    ]);
    for modality in Modality::ALL {
        let part = route.parts.get(modality);
        let basis = match part.basis {
            Basis::Observed => "the median of the last 24 hours",
            Basis::Published => "the provider's published median",
        };
        let predicted = amounts::milliseconds(Some(part.predicted_ms));
        table.row([modality.as_str(), &part.model, &predicted, basis]);
    }
    printer.table(&table)?;
    let verdict = if route.budget_overrun() { "over" } else { "within" };
    let total = amounts::milliseconds(Some(route.predicted_ms()));
    printer.line(&format!("Total: {total}, {verdict} the budget of {}ms", route.budget_ms))
}
