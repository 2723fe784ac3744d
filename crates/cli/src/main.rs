//! Entry point of the `voicegw` binary: reads arguments and environment, once, and hands them on.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A variable that is not Unicode cannot be one of ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    ExitCode::from(vg_cli::run(std::env::args_os().collect(), environment))
}
