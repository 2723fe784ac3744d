//! `voicegw sim`: plays the providers on this machine, so that agents can be tried without keys and without cost.

use anyhow::Context;
use std::{io::Write, net::IpAddr};
use tokio::net::TcpListener;
use vg_providers::sim::{SimOptions, base_urls, serve};

/// Play the providers on this machine, and meter what they would bill.
///
/// The meter is at `/__meter`; faults are ordered with `POST /__faults`, a script is given with `POST /__script`,
/// and `POST /__reset` starts over.
#[derive(Debug, clap::Args)]
pub struct SimArgs {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// The port to listen on; 0 takes any free one.
    #[arg(long, default_value_t = 4100)]
    pub port: u16,
    /// Decides what is said: the same seed and the same requests give the same answers.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// How slow time runs: 1 is like the real providers, 0 as fast as possible.
    #[arg(long, default_value_t = 1.0, value_parser = parse_pace)]
    pub pace: f64,
}

fn parse_pace(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(pace) if (0.0..=100.0).contains(&pace) => Ok(pace),
        _ => Err("must be a number from 0 to 100".to_owned()),
    }
}

/// Serves until SIGINT or SIGTERM; tells the base URLs, then the ready line, on `out`.
///
/// # Errors
/// When the address cannot be bound, or `out` cannot be written.
pub async fn run(args: SimArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let listener = TcpListener::bind((args.host, args.port))
        .await
        .with_context(|| format!("failed to listen on {}:{}", args.host, args.port))?;
    let origin = format!("http://{}", listener.local_addr()?);
    let bases: Vec<String> =
        base_urls(&origin).into_iter().map(|(provider, url)| format!("{provider} {url}")).collect();
    writeln!(out, "{}", bases.join("  "))?;
    let server = serve(SimOptions { listener, seed: args.seed, pace: args.pace }, || {
        writeln!(out, "listening on {origin}")?;
        out.flush()
    });
    tokio::select! {
        served = server => served.context("failed to serve the simulated providers"),
        () = stop => Ok(()),
    }
}

#[cfg(unix)]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
