//! `voicegw models`: the files of the speech runtimes on this machine. The runtimes are Python packages, so their
//! Python does the work; it finds folders and names in the same configuration.

use crate::{Environment, args::ConfigFlag, exit, exit::Advise};
use anyhow::{Context, Result};
use std::process::Stdio;
use vg_core::config::env::{VOICEGW_CONFIG, VOICEGW_PYTHON};

/// The module of the Python package that fetches and lists.
const MODULE: &str = "voicegateway.local";

/// The commands on local models.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Download a model with its runtime's own downloader; nothing else ever downloads one
    Pull {
        /// What the agent asks for, such as local/whisper-large-v3, local/kokoro, piper/en_US-lessac-medium
        name: String,
        #[command(flatten)]
        file: ConfigFlag,
    },
    /// List the models on this machine
    List {
        #[command(flatten)]
        file: ConfigFlag,
    },
}

/// Runs the command in Python and returns its exit code.
pub(crate) async fn run(command: Command, environment: &Environment) -> Result<u8> {
    let (arguments, file) = match command {
        Command::Pull { name, file } => (vec!["pull".to_owned(), "--".to_owned(), name], file),
        Command::List { file } => (vec!["list".to_owned()], file),
    };
    let python = environment.get(VOICEGW_PYTHON).filter(|python| !python.is_empty());
    let python = python.unwrap_or_else(|| "python3".to_owned());
    let mut child = tokio::process::Command::new(&python);
    child.args(["-m", MODULE]).args(arguments).env_clear().envs(environment.all());
    child.stdin(Stdio::null()).kill_on_drop(true);
    if let Some(config) = file.config {
        child.env(VOICEGW_CONFIG, config);
    }
    let status = child
        .status()
        .await
        .with_context(|| format!("failed to run `{python}`"))
        .advise(|| format!("name a Python that has `voicegateway` installed with `{VOICEGW_PYTHON}`"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(exit::FAILED))
}
