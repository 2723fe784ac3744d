//! `voicegw serve`: the gateway on one port, until it is told to stop.

mod signals;
mod watch;

use crate::{
    Environment, Printer, Settings,
    args::ConfigFlag,
    book,
    commands::keys::doubt_stored,
    exit::{self, Advise},
    ledger,
};
use anyhow::{Context, Result, bail};
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use vg_core::config::env::{VOICEGW_HOST, VOICEGW_PORT};
use vg_engine::Engine;
use vg_gateway::{Gateway, Limits};
use vg_services::{keys::Keys, secrets::SecretPlace};

/// The port when the one asked for is none.
const DEFAULT_PORT: u16 = 8080;
/// How often the uses of keys are written down.
const NOTE_USES_EVERY: Duration = Duration::from_secs(60);
/// How long lines of the ledger may take to become durable at the end.
const FLUSH: Duration = Duration::from_secs(10);

/// Serve the gateway: LiveKit's inference wire, OpenAI's API and the desk routes on one port.
///
/// Agents need `LIVEKIT_INFERENCE_URL=http://HOST:PORT/v1` and nothing else. The first SIGINT or SIGTERM lets calls
/// end within 25 s and takes no new ones; the second stops at once. The configuration is read again when its file
/// changes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The interface to listen on; over VOICEGW_HOST and `serve.host` [default: 127.0.0.1]
    #[arg(long)]
    host: Option<String>,
    /// The port to listen on; over VOICEGW_PORT and `serve.port` [default: 8080]
    #[arg(long, allow_negative_numbers = true)]
    port: Option<String>,
    /// Listen beyond this machine without any key: whoever reaches the port may spend on your providers
    #[arg(long)]
    allow_unauthenticated: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    // From here on a signal means what `--help` says, also while the start takes its time.
    let stop = signals::stop().context("failed to listen for signals")?;
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let host = match args.host.or_else(|| environment.get(VOICEGW_HOST)).filter(|host| !host.is_empty()) {
        Some(host) => host,
        None => settings.config.serve.host.get().context("`serve.host` cannot be told")?.to_owned(),
    };
    let port = match args.port.or_else(|| environment.get(VOICEGW_PORT)).filter(|port| !port.is_empty()) {
        Some(port) => port_of(&port, printer),
        None => settings.config.serve.port,
    };
    let keys = Arc::new(Keys::new(
        settings.database_url.as_deref(),
        SecretPlace::new(&|name| environment.get(name), environment.home()),
    )?);
    let gateway = gateway(&settings, environment, Arc::clone(&keys))?;
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), port))
        .await
        .with_context(|| format!("`{host}` is no interface of this machine"))?
        .collect();
    let is_open = gateway.is_open().await?;
    let stays_here = addresses.iter().all(|address| address.ip().is_loopback());
    if is_open && !stays_here && !args.allow_unauthenticated {
        return Err(anyhow::anyhow!(
            "refusing to listen on {host}:{port} without any key: whoever reaches it could spend on your providers"
        ))
        .advise(|| {
            "set VOICEGW_API_KEY or make a key with `voicegw keys create`; or listen on 127.0.0.1; or, on a network \
             you trust, pass --allow-unauthenticated"
                .into()
        });
    }
    raise_descriptor_limit();
    let listener = listen(&host, port, &addresses).await?;
    let address = listener.local_addr()?;
    doubt_stored(&settings, environment, printer).await?;
    book::warn_of_age(&settings, printer);
    announce(&gateway, &settings, address, is_open, printer)?;
    let watcher = watch::watch(Arc::clone(&gateway), args.file.config, environment.clone(), settings);
    let served = vg_gateway::serve(Arc::clone(&gateway), listener, stop);
    tokio::select! {
        served = served => served.context("failed to serve")?,
        never = watcher => match never {},
        never = note_uses(&keys) => match never {},
    }
    note_uses_once(&keys).await;
    let engine = Arc::clone(gateway.engine());
    let pending = tokio::task::spawn_blocking(move || engine.close(FLUSH)).await?;
    if pending > 0 {
        printer.warning(&format!("{pending} lines of the ledger wait in its spool for the next start"));
    }
    Ok(exit::DONE)
}

/// Writes down which keys are used, in the background.
async fn note_uses(keys: &Keys) -> Infallible {
    loop {
        tokio::time::sleep(NOTE_USES_EVERY).await;
        note_uses_once(keys).await;
    }
}

async fn note_uses_once(keys: &Keys) {
    if let Err(error) = keys.note_uses(ledger::now()).await {
        tracing::warn!(error = error.chain(), "the last uses of keys are not written down");
    }
}

/// A port as written; one that is none gives way to the default, with a warning.
fn port_of(written: &str, printer: &mut Printer) -> u16 {
    match written.trim().parse::<u16>() {
        Ok(port) if port > 0 => port,
        _ => {
            printer.warning(&format!("`{written}` is no port (1 to 65535); using {DEFAULT_PORT}"));
            DEFAULT_PORT
        }
    }
}

fn gateway(settings: &Settings, environment: &Environment, keys: Arc<Keys>) -> Result<Arc<Gateway>> {
    let engine = Engine::open(vg_engine::Setup {
        config: settings.config.clone(),
        variables: environment.all(),
        database_url: settings.database_url.clone(),
    })?;
    Ok(Gateway::new(vg_gateway::Setup {
        engine: Arc::new(engine),
        keys,
        config: settings.config.clone(),
        variables: environment.all(),
        database_url: settings.database_url.clone(),
        temporary: environment.temporary(),
        version: env!("CARGO_PKG_VERSION"),
        limits: Limits::default(),
    })?)
}

/// A call takes several sockets, and the usual limit of 1024 is soon reached: up to what the system allows.
#[cfg(unix)]
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

#[cfg(not(unix))]
fn raise_descriptor_limit() {}

async fn listen(host: &str, port: u16, addresses: &[SocketAddr]) -> Result<TcpListener> {
    match TcpListener::bind(addresses).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(anyhow::anyhow!("port {port} on {host} is taken by another program")).advise(|| {
                format!("stop that program (`ss -ltnp 'sport = :{port}'` names it), or choose another --port")
            })
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error)
            .with_context(|| format!("may not listen on {host}:{port}"))
            .advise(|| "ports below 1024 are for the system's administrator; choose another --port".into()),
        Err(error) => bail!("failed to listen on {host}:{port}: {error}"),
    }
}

/// What the owner should know; the ready line comes last.
fn announce(
    gateway: &Gateway,
    settings: &Settings,
    address: SocketAddr,
    is_open: bool,
    printer: &mut Printer,
) -> Result<()> {
    let origin = origin(address);
    let projects: Vec<&str> = settings.config.projects.keys().map(String::as_str).collect();
    let auth = match (is_open, gateway.static_keys()) {
        (true, _) => "off: there is no key yet, whoever reaches the port may ask".to_owned(),
        (false, 0) => "on: stored keys".to_owned(),
        (false, count) => format!("on: {count} static keys, and the stored ones"),
    };
    printer.line(&format!("auth {auth}"))?;
    printer.line(&format!("projects {}", projects.join(", ")))?;
    printer
        .line(&format!("ledger {}", settings.database_url.as_deref().map_or_else(|| "off".into(), shown)))?;
    printer.line(&format!("agents LIVEKIT_INFERENCE_URL={origin}/v1"))?;
    printer.line(&format!("listening on {origin}"))
}

/// Where clients on this machine reach the server.
fn origin(address: SocketAddr) -> String {
    let mut reached = address;
    if address.ip().is_unspecified() {
        reached.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{reached}")
}

/// A database's URL without its password.
fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}://***@{place}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(shown("postgresql://u:p@ss@host/db"), "postgresql://***@host/db");
        assert_eq!(shown("sqlite:///a/b.db"), "sqlite:///a/b.db");
    }

    #[test]
    fn every_interface_is_reached_on_loopback() {
        assert_eq!(origin("0.0.0.0:80".parse().unwrap()), "http://127.0.0.1:80");
        assert_eq!(origin("[::]:80".parse().unwrap()), "http://[::1]:80");
        assert_eq!(origin("10.0.0.1:80".parse().unwrap()), "http://10.0.0.1:80");
    }
}
