//! The library behind the `voicegw` binary and behind `voicegw` of the Python package.
//!
//! A command is its path: `voicegw tenant show` is `commands/tenant/show.rs`, with the arguments and `run` in
//! one file. To add one: the file, a line in `commands/mod.rs`, a line in [`args::Command`], a line in
//! [`dispatch`]. Commands take what they need as values and write through [`Printer`] alone.

mod amounts;
mod args;
mod book;
mod commands;
pub mod environment;
pub mod exit;
mod ledger;
pub mod printer;
pub mod settings;

pub use environment::Environment;
pub use printer::Printer;
pub use settings::Settings;

use args::{Args, Command};
use clap::{CommandFactory, Parser, error::ErrorKind};
use std::{collections::HashMap, ffi::OsString};
use tokio::runtime::{Builder, Runtime};

/// The whole command line as clap knows it, for the generated reference.
pub fn command() -> clap::Command {
    Args::command()
}

/// Runs one command line, the program's name first, and returns the exit code.
///
/// Ctrl+C ends it with 130. Not to be called from within an async runtime.
pub fn run(args: Vec<OsString>, environment: HashMap<String, String>) -> u8 {
    let environment = Environment::new(environment);
    let mut printer = Printer::standard(&environment);
    let command = match Args::try_parse_from(args) {
        Ok(Args { command: Some(command) }) => command,
        Ok(Args { command: None }) => return help(&mut printer),
        Err(error) => return refused(&error, &mut printer),
    };
    log_to_stderr(&command, &environment, printer.colours_errors());
    let runtime = match runtime(&command) {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("failed to start"), &mut printer),
    };
    let interruptible = !command.serves();
    let outcome = runtime.block_on(async {
        tokio::select! {
            // The signal is listened to before the command does anything.
            biased;
            Ok(()) = tokio::signal::ctrl_c(), if interruptible => None,
            outcome = dispatch(command, &environment, &mut printer) => Some(outcome),
        }
    });
    // A prompt may still wait for a line; nothing waits for it.
    runtime.shutdown_background();
    match outcome {
        None => exit::INTERRUPTED,
        Some(Ok(code)) => code,
        Some(Err(error)) => fail(&error, &mut printer),
    }
}

/// A server gets threads; what asks one question and ends needs none beside the main one.
fn runtime(command: &Command) -> std::io::Result<Runtime> {
    let mut builder = match command {
        Command::Serve(_) => Builder::new_multi_thread(),
        Command::Sim(_) => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(2);
            builder
        }
        _ => Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

/// Hands each command its arguments. One line for each.
async fn dispatch(command: Command, environment: &Environment, printer: &mut Printer) -> anyhow::Result<u8> {
    match command {
        Command::Costs(args) => commands::costs::run(args, environment, printer).await,
        Command::ExportCosts(args) => commands::export_costs::run(args, environment, printer).await,
        Command::Init(args) => commands::init::run(args, environment, printer).await,
        Command::Keys(command) => commands::keys::run(command, environment, printer).await,
        Command::Logs(args) => commands::logs::run(args, environment, printer).await,
        Command::Models(command) => commands::models::run(command, environment).await,
        Command::Prices(command) => commands::prices::run(command, environment, printer).await,
        Command::Reconcile(args) => commands::reconcile::run(*args, environment, printer).await,
        Command::Route(command) => commands::route::run(command, environment, printer).await,
        Command::Serve(args) => Box::pin(commands::serve::run(args, environment, printer)).await,
        Command::Sessions(args) => commands::sessions::run(args, environment, printer).await,
        Command::Sim(args) => {
            commands::sim::run(args, &mut printer.stdout()).await?;
            Ok(exit::DONE)
        }
        Command::Status(args) => commands::status::run(&args, environment, printer).await,
    }
}

fn help(printer: &mut Printer) -> u8 {
    match printer.text(&Args::command().render_help().to_string()) {
        Ok(()) => exit::DONE,
        Err(_) => exit::FAILED,
    }
}

/// Help and version are data; anything else is wrong usage.
fn refused(error: &clap::Error, printer: &mut Printer) -> u8 {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match printer.text(&error.to_string()) {
            Ok(()) => exit::DONE,
            Err(_) => exit::FAILED,
        },
        _ => {
            printer.note(error.to_string().trim_end());
            exit::USAGE
        }
    }
}

fn fail(error: &anyhow::Error, printer: &mut Printer) -> u8 {
    if exit::is_closed_pipe(error) {
        return exit::DONE;
    }
    printer.error(error);
    exit::code(error)
}

/// What the libraries log goes to stderr: warnings (of the gateway more), or what `RUST_LOG` asks for. A host that
/// set up its own log keeps it.
fn log_to_stderr(command: &Command, environment: &Environment, colours: bool) {
    let usual = if matches!(command, Command::Serve(_)) {
        "warn,vg_cli=info,vg_gateway=info,vg_engine=info"
    } else {
        "warn"
    };
    let filter = environment.get("RUST_LOG").unwrap_or_else(|| usual.to_owned());
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_env_filter(tracing_subscriber::EnvFilter::builder().parse_lossy(filter));
    // An error means that there is a log already.
    drop(log.try_init());
}
