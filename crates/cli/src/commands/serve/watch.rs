//! The configuration's file and its price books, looked at every second: an edit holds without a restart, a broken one
//! never.

use crate::{Environment, Settings};
use std::{
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use vg_gateway::Gateway;

const EVERY: Duration = Duration::from_secs(1);

/// Hands an edited configuration to the gateway. Never ends.
pub(super) async fn watch(
    gateway: Arc<Gateway>,
    explicit: Option<String>,
    environment: Environment,
    loaded: Settings,
) -> Infallible {
    // What holds, not what the files say by now: they may have been edited since.
    let mut known = loaded.file.is_some().then(|| loaded.text.clone());
    let mut books = loaded.books.clone();
    let mut known_books = stamps(books.clone()).await;
    loop {
        tokio::time::sleep(EVERY).await;
        let now = match &loaded.file {
            Some(file) => text(file).await,
            None => None,
        };
        let now_books = stamps(books.clone()).await;
        // An editor may take the file away for a moment; what it held goes on to hold.
        let is_edited = now.is_some() && now != known;
        if !is_edited && now_books == known_books {
            continue;
        }
        known = now.or(known);
        known_books = now_books;
        match reload(&gateway, explicit.as_deref(), &environment, &loaded) {
            Ok((warnings, files)) => {
                warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
                if files != books {
                    books = files;
                    known_books = stamps(books.clone()).await;
                }
                tracing::info!("the configuration and its price books were read again");
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
) -> anyhow::Result<(Vec<String>, Vec<PathBuf>)> {
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
    Ok((warnings, settings.books))
}

/// What the file says. Compared as a whole: it is small, and a time stamp may miss a second edit.
async fn text(file: &Path) -> Option<String> {
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || fs::read_to_string(file).ok()).await.ok().flatten()
}

/// When each book was written and how long it is: a book is put in place whole, and too long to be read every second.
async fn stamps(books: Vec<PathBuf>) -> Vec<Option<(SystemTime, u64)>> {
    let stamp = |path: &PathBuf| {
        let file = fs::metadata(path).ok()?;
        Some((file.modified().ok()?, file.len()))
    };
    tokio::task::spawn_blocking(move || books.iter().map(stamp).collect()).await.unwrap_or_default()
}
