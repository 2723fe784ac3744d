//! The repository's own chores, run as `cargo xtask NAME`.
//!
//! `tidy` and `arrows` read the files git knows and report every broken rule; `gen` writes the generated
//! references, or with `--check` says which of them are out of date.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its user")]

mod arrows;
mod references;
mod tidy;
mod tree;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::tree::Tree;

const USAGE: &str = "usage: cargo xtask tidy | arrows | gen [--check]";

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["tidy"] => report("tidy", tidy::broken_rules(&Tree::read()?)),
        ["arrows"] => report("arrows", arrows::broken_rules(&Tree::read()?)?),
        ["gen"] => references::write(&tree::root()?),
        ["gen", "--check"] => report("gen", references::out_of_date(&tree::root()?)?),
        _ => bail!(USAGE),
    }
}

/// Prints one line per finding; fails when there is one.
fn report(rule_set: &str, findings: Vec<String>) -> Result<()> {
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("{rule_set}: ok");
            Ok(())
        }
        count => bail!("{rule_set}: {count} broken"),
    }
}
