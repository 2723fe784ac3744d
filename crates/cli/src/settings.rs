//! What a run works with: the configuration found and read, the ledger's address, the project.

use crate::{Environment, Printer, exit::Advise};
use anyhow::{Context, Result, bail};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use vg_core::config::{
    self, Config, env,
    files::{Missing, Search, candidates, expand},
    nearest,
};
use vg_providers::registry;
use vg_services::prices::{Installed, installed_path};

/// The configuration of a run, and what there was to say about it.
#[derive(Debug)]
pub struct Settings {
    /// What holds.
    pub config: Config,
    /// The file it came from; `None` when there is none and the defaults hold.
    pub file: Option<PathBuf>,
    /// What that file said; empty without one.
    pub text: String,
    /// The ledger's URL; `None` when there is to be no ledger.
    pub database_url: Option<String>,
    /// The files that price books are read from: those the configuration names, and where an installed one lies.
    pub books: Vec<PathBuf>,
    /// What is odd, one line each.
    pub warnings: Vec<String>,
    /// What is worth knowing, one line each.
    pub notes: Vec<String>,
}

impl Settings {
    /// Finds and reads the configuration. `explicit` is the path of a flag. Without any file the defaults
    /// hold, keys come from the environment, and a note says so.
    ///
    /// # Errors
    /// A named file that is missing, a file that cannot be read, every problem in it at once.
    pub fn load(explicit: Option<&str>, environment: &Environment) -> Result<Settings> {
        let variable = |name: &str| environment.get(name);
        let (file, text, mut notes) = match candidates(explicit, &variable, environment.home()) {
            Search::Named(path) => match read(&path)? {
                Some(text) => (Some(path), text, Vec::new()),
                None => return Err(Missing::Named(path)).advise(|| "write one with `voicegw init`".into()),
            },
            Search::Places(places) => match first_there(&places)? {
                Some((path, text)) => (Some(path), text, Vec::new()),
                None => {
                    (None, String::new(), vec![format!("{}; the defaults hold", Missing::Everywhere(places))])
                }
            },
        };
        let name = file.as_deref().map_or_else(String::new, |path| path.display().to_string());
        let loaded = config::load(&text, &name, &variable, registry::ALL).map_err(|problems| {
            anyhow::anyhow!("the configuration does not load\n{}", indented(problems.lines()))
        })?;
        if !loaded.config.inert_sections().is_empty() {
            let keys = loaded.config.inert_sections().join(", ");
            notes.push(format!("accepted, without effect in this version: {keys}"));
        }
        let database_url = env::database_url(&loaded.config, &variable, environment.home())
            .context("the ledger's place (`cost_tracking.db_path`) cannot be told")?;
        let mut warnings = loaded.warnings.lines().collect();
        let mut config = loaded.config;
        let books = put_in_force(&mut config, database_url.as_deref(), environment, &mut warnings)?;
        Ok(Settings { config, file, text, database_url, books, warnings, notes })
    }

    /// As [`Settings::load`], and says on stderr what there is to say.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn announced(
        explicit: Option<&str>,
        environment: &Environment,
        printer: &mut Printer,
    ) -> Result<Settings> {
        let settings = Settings::load(explicit, environment)?;
        settings.warnings.iter().for_each(|warning| printer.warning(warning));
        settings.notes.iter().for_each(|note| printer.note(&format!("note: {note}")));
        Ok(settings)
    }

    /// Where the ledger is, as it may be shown: without a password. `None` when it is off.
    pub fn shown_database(&self) -> Option<String> {
        self.database_url.as_deref().map(without_password)
    }

    /// The project a command is about: `given`, which must be configured, else the active one.
    ///
    /// # Errors
    /// A given project that is not configured.
    pub fn project(&self, given: Option<&str>, environment: &Environment) -> Result<String> {
        let Some(given) = given else {
            return Ok(env::active_project(&self.config, &|name| environment.get(name))?);
        };
        if !self.config.projects.contains_key(given) {
            let known: Vec<&str> = self.config.projects.keys().map(String::as_str).collect();
            let hint = nearest(given, known.iter().copied()).map(|name| format!(", did you mean '{name}'"));
            bail!(
                "there is no project `{given}`{}; projects: {}",
                hint.unwrap_or_default(),
                known.join(", ")
            );
        }
        Ok(given.to_owned())
    }
}

/// Reads the price books that hold, and says which files they are looked for in. One that the owner names must be there
/// and valid; an installed one that went bad is warned of, as no conversation may wait for it.
fn put_in_force(
    config: &mut Config,
    database_url: Option<&str>,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> Result<Vec<PathBuf>> {
    let mut named = Vec::new();
    let shared = std::iter::once((None, &config.prices));
    let own = config.projects.iter().map(|(id, project)| (Some(id.clone()), &project.prices));
    for (project, prices) in shared.chain(own) {
        if let Some(path) = prices.book.as_ref().filter(|path| !path.is_empty()) {
            let key =
                project.as_ref().map_or("prices.book".to_owned(), |id| format!("projects.{id}.prices.book"));
            let path = path.get().with_context(|| format!("`{key}` cannot be told"))?;
            named.push((project, key, expand(path, environment.home())));
        }
    }
    let mut files = Vec::new();
    if named.first().is_none_or(|(project, ..)| project.is_some())
        && let Some(path) = installed_path(database_url, environment.home())
    {
        match Installed::find(&path) {
            Ok(Some(installed)) => config.put_in_force(None, installed.book),
            Ok(None) => {}
            Err(error) => {
                let error = anyhow::Error::new(error).context("the embedded prices hold");
                warnings.push(format!("{error:#}; bring another book with `voicegw prices update FILE`"));
            }
        }
        files.push(path);
    }
    for (project, key, path) in named {
        let read = Installed::read(&path).with_context(|| format!("`{key}` names no usable price book"))?;
        config.put_in_force(project.as_deref(), read.book);
        files.push(path);
    }
    Ok(files)
}

/// A database URL as it may be shown.
pub(crate) fn without_password(url: &str) -> String {
    let split = url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)));
    match split {
        Some((scheme, (account, place))) => {
            let user = account.split_once(':').map_or(account, |(user, _)| user);
            format!("{scheme}://{user}@{place}")
        }
        None => url.to_owned(),
    }
}

/// The text of a file; `None` when it is not there.
fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read `{}`", path.display())),
    }
}

fn first_there(places: &[PathBuf]) -> Result<Option<(PathBuf, String)>> {
    for path in places {
        if let Some(text) = read(path)? {
            return Ok(Some((path.clone(), text)));
        }
    }
    Ok(None)
}

/// Lines as a block below an error.
pub(crate) fn indented(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
