//! `voicegw keys create`: a key for a project, shown this once.

use crate::{Environment, Printer, Settings, args::ConfigFlag, exit, ledger};
use anyhow::{Context, Result};
use serde::Serialize;
use vg_core::config::env::{VOICEGW_HOST, VOICEGW_PORT};
use vg_services::{
    Ledger,
    keys::{NewKey, VirtualKeyRow, key_list, livekit_key_create, virtual_key_create},
};

/// Issue a key for a project. It is shown this once and kept only hashed or encrypted.
///
/// Without --livekit it is a bearer key (`vk_...`) for OpenAI clients and the HTTP API, printed alone on a line. With
/// --livekit it is a pair for LiveKit agents, printed as the three variables they read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The project it speaks for
    #[arg(long, short)]
    project: String,
    /// Make a pair for LiveKit agents
    #[arg(long)]
    livekit: bool,
    /// The only tenant it speaks for
    #[arg(long, short, value_name = "ID")]
    tenant: Option<String>,
    /// What to call it [default: the project]
    #[arg(long, short)]
    name: Option<String>,
    /// Print JSON: `plaintext` and `key`, or with --livekit `api_key` and `api_secret`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFlag,
}

/// The body of `POST /v1/virtual-keys`.
#[derive(Serialize)]
struct VirtualKeyBody<'a> {
    plaintext: &'a str,
    key: VirtualKeyRow,
}

#[derive(Serialize)]
struct LivekitKeyBody<'a> {
    api_key: &'a str,
    api_secret: &'a str,
}

pub(crate) async fn run(args: Args, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    let settings = Settings::announced(args.file.config.as_deref(), environment, printer)?;
    let project = settings.project(Some(&args.project), environment)?;
    let url = super::store(&settings)?;
    let others = key_list(&Ledger::open(Some(url), &environment.temporary()).await?).await?;
    let (secrets, made) = super::secret_place(environment).find_or_make()?;
    if let Some(path) = made {
        printer.note(&format!(
            "note: made the secret that keys are kept under, `{}`: keep a copy of it, or move it into \
             `VOICEGW_SECRET`; every server needs it to verify these keys",
            path.display()
        ));
    }
    super::doubt_secrets(&others, Some(&secrets), printer);
    let new = NewKey {
        name: args.name.unwrap_or_else(|| project.clone()),
        project,
        tenant: args.tenant,
        issued_by: Some("cli".into()),
    };
    let now = ledger::now();
    if args.livekit {
        let (secret, row) = livekit_key_create(url, &secrets, new, now).await?;
        let (api_key, api_secret) = (row.api_key.as_str(), secret.expose()?);
        if args.json {
            printer.json(&LivekitKeyBody { api_key, api_secret })?;
        } else {
            printer
                .line(&format!("export LIVEKIT_INFERENCE_URL={}", gateway_url(&settings, environment)?))?;
            printer.line(&format!("export LIVEKIT_INFERENCE_API_KEY={api_key}"))?;
            printer.line(&format!("export LIVEKIT_INFERENCE_API_SECRET={api_secret}"))?;
            shown_once("pair", api_key, &row.project, printer);
        }
    } else {
        let (secret, row) = virtual_key_create(url, &secrets, new, now).await?;
        let plaintext = secret.expose()?;
        if args.json {
            printer.json(&VirtualKeyBody { plaintext, key: row })?;
        } else {
            printer.line(plaintext)?;
            shown_once("key", &row.id.to_string(), &row.project, printer);
        }
    }
    Ok(exit::DONE)
}

fn shown_once(what: &str, id: &str, project: &str, printer: &mut Printer) {
    printer.note(&format!("note: {what} {id} of project {project}; it is not shown again"));
}

/// Where agents on this machine reach the gateway that this configuration starts.
fn gateway_url(settings: &Settings, environment: &Environment) -> Result<String> {
    let given = |name| environment.get(name).filter(|value| !value.is_empty());
    let host = match given(VOICEGW_HOST) {
        Some(host) => host,
        None => settings.config.serve.host.get().context("`serve.host` cannot be told")?.to_owned(),
    };
    let port = given(VOICEGW_PORT).and_then(|port| port.parse().ok()).unwrap_or(settings.config.serve.port);
    let host = match host.as_str() {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        address if address.contains(':') => format!("[{address}]"),
        _ => host,
    };
    Ok(format!("http://{host}:{port}/v1"))
}
