//! The configuration's file, looked at every second: an edit holds without a restart, a broken one never.

use crate::{Environment, Settings};
use std::{convert::Infallible, fs, path::Path, sync::Arc, time::Duration};
use vg_gateway::Gateway;

const EVERY: Duration = Duration::from_secs(1);

/// Hands an edited configuration to the gateway. Never ends.
pub(super) async fn watch(
    gateway: Arc<Gateway>,
    explicit: Option<String>,
    environment: Environment,
    loaded: Settings,
) -> Infallible {
    let Some(file) = &loaded.file else { return std::future::pending().await };
    // What holds, not what the file says by now: it may have been edited since.
    let mut known = Some(loaded.text.clone());
    loop {
        tokio::time::sleep(EVERY).await;
        let now = text(file).await;
        // An editor may take the file away for a moment; what it held goes on to hold.
        if now.is_none() || now == known {
            continue;
        }
        known = now;
        match reload(&gateway, explicit.as_deref(), &environment, &loaded) {
            Ok(warnings) => {
                warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
                tracing::info!(file = %file.display(), "the configuration was read again");
            }
            Err(error) => tracing::error!("the old configuration goes on to hold: {error:#}"),
        }
    }
}

fn reload(
    gateway: &Gateway,
    explicit: Option<&str>,
    environment: &Environment,
    loaded: &Settings,
) -> anyhow::Result<Vec<String>> {
    let settings = Settings::load(explicit, environment)?;
    let mut warnings = settings.warnings;
    for (what, is_new) in [
        ("another address under `serve`", settings.config.serve != loaded.config.serve),
        ("another place of the ledger", settings.database_url != loaded.database_url),
    ] {
        if is_new {
            warnings.push(format!("{what} holds from the next start on"));
        }
    }
    gateway.reload(settings.config)?;
    Ok(warnings)
}

/// What the file says. Compared as a whole: it is small, and a time stamp may miss a second edit.
async fn text(file: &Path) -> Option<String> {
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || fs::read_to_string(file).ok()).await.ok().flatten()
}
