//! `voicegw init`: a configuration file to start from, and how a file differs from the reference.

use crate::{
    Environment, Printer, exit,
    printer::{Align, Table},
    settings::indented,
};
use anyhow::{Context, Result, bail};
use std::{fs, io::Write, path::Path};
use vg_core::config::{self, files, reference};
use vg_providers::registry;

/// Write a configuration file to start from.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to write it
    #[arg(long, short, value_name = "PATH", default_value = "./voicegw.yaml")]
    output: String,
    /// Write every key there is, commented out with its default
    #[arg(long)]
    full: bool,
    /// Write nothing; show what the file says beside the defaults
    #[arg(long, conflicts_with = "full")]
    diff: bool,
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let path = files::expand(&args.output, environment.home());
    if args.diff {
        return show_difference(&path, environment, printer);
    }
    let text = if args.full { reference::annotated() } else { reference::STARTER.to_owned() };
    if path.exists()
        && !printer.confirm(&format!("`{}` is there already; overwrite it?", path.display())).await?
    {
        printer.note(&format!("`{}` is left as it was", path.display()));
        return Ok(exit::FAILED);
    }
    write(&path, &text).with_context(|| format!("failed to write `{}`", path.display()))?;
    printer.line(&format!("wrote `{}`", path.display()))?;
    printer.hint("set the providers' keys in the environment, then look at `voicegw status`");
    Ok(exit::DONE)
}

/// Writes beside the place and moves into it, so that no half a file is ever there.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let moved = written.and_then(|()| fs::rename(&beside, path));
    if moved.is_err() {
        // What is left of a failed write is of no use; the first error is the one to tell.
        drop(fs::remove_file(&beside));
    }
    moved
}

fn show_difference(path: &Path, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("failed to read `{name}`"))?;
    let loaded = config::load(&text, &name.to_string(), &|name| environment.get(name), registry::ALL);
    // Unreadable text has no keys to show; the load below says what is wrong with it.
    let keys = reference::compare(&text).unwrap_or_default();
    let mut table = Table::new([("Key", Align::Left), ("File", Align::Left), ("Default", Align::Left)]);
    for key in keys.iter().filter(|key| key.differs()) {
        let written = key.written.as_deref().unwrap_or_default();
        table.row([key.path.as_str(), written, key.default.as_str()]);
    }
    if !table.is_empty() {
        printer.table(&table)?;
    }
    let absent: Vec<&str> = keys
        .iter()
        .filter(|key| !key.path.contains(['.', '<']) && !text_has(&keys, &key.path))
        .map(|key| key.path.as_str())
        .collect();
    if !absent.is_empty() {
        printer.line(&format!("Not in the file, so the defaults hold: {}", absent.join(", ")))?;
    }
    match loaded {
        Ok(loaded) => loaded.warnings.lines().for_each(|warning| printer.warning(&warning)),
        Err(problems) => bail!("the configuration does not load\n{}", indented(problems.lines())),
    }
    Ok(exit::DONE)
}

/// Whether the file says anything at or below a top-level key.
fn text_has(keys: &[reference::Key], top: &str) -> bool {
    let below = format!("{top}.");
    keys.iter().any(|key| key.written.is_some() && (key.path == top || key.path.starts_with(&below)))
}
