//! `voicegw keys`: the keys that clients of the gateway show.

mod create;
mod list;
mod revoke;

use crate::{Environment, Printer, Settings, exit::Advise, ledger::SWITCH_ON};
use anyhow::Result;
use vg_services::{
    Error, Ledger,
    keys::{KeyList, key_list},
    secrets::{SecretPlace, Secrets},
};

/// The commands on keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Issue a key for a project; it is shown this once
    Create(create::Args),
    /// List the keys, revoked ones too
    List(list::Args),
    /// Revoke a key; servers refuse it within half a minute
    Revoke(revoke::Args),
}

pub(crate) async fn run(command: Command, environment: &Environment, printer: &mut Printer) -> Result<u8> {
    match command {
        Command::Create(args) => create::run(args, environment, printer).await,
        Command::List(args) => list::run(args, environment, printer).await,
        Command::Revoke(args) => revoke::run(args, environment, printer).await,
    }
}

/// Where keys are kept.
fn store(settings: &Settings) -> Result<&str> {
    settings.database_url.as_deref().ok_or(Error::Off).advise(|| SWITCH_ON.into())
}

fn secret_place(environment: &Environment) -> SecretPlace {
    SecretPlace::new(&|name| environment.get(name), environment.home())
}

/// Says which stored keys a server started here would refuse, since it lacks the secret they need. A store that
/// cannot be read is for the server to tell.
pub(crate) async fn doubt_stored(
    settings: &Settings,
    environment: &Environment,
    printer: &mut Printer,
) -> Result<()> {
    let ledger = Ledger::open(settings.database_url.as_deref(), &environment.temporary()).await;
    let Ok(ledger) = ledger else { return Ok(()) };
    let list = key_list(&ledger).await?;
    doubt_secrets(&list, secret_place(environment).find()?.as_ref(), printer);
    Ok(())
}

/// Says which keys no secret at hand can verify.
fn doubt_secrets(list: &KeyList, secrets: Option<&Secrets>, printer: &mut Printer) {
    let lost = list.unknown_to(secrets);
    if !lost.is_empty() {
        printer.warning(&format!(
            "keys that cannot be verified, with the secret each needs: {}",
            lost.join(", ")
        ));
        printer.hint(
            "put the secret they were issued under into `VOICEGW_SECRET` or `VOICEGW_SECRET_FALLBACK`, or revoke them",
        );
    }
}
