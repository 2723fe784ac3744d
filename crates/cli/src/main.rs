//! Entry point of the `voicegw` binary: reads arguments and environment, once, and hands them on.

use std::process::ExitCode;

/// A server's frames are allocated by the ten thousand a second, and freed by other threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A variable that is not Unicode cannot be one of ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    ExitCode::from(vg_cli::run(std::env::args_os().collect(), environment))
}
