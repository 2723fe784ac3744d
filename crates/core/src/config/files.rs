//! Where a configuration file is looked for, and what is said when none is found. Nothing here reads a file.

use super::env::VOICEGW_CONFIG;
use std::path::{Path, PathBuf};

/// The name of the file in a folder of the search order.
pub const FILE_NAME: &str = "voicegw.yaml";

/// Where to look for the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// The owner named this file; it must be there.
    Named(PathBuf),
    /// The first of these that is there.
    Places(Vec<PathBuf>),
}

/// The search order: `explicit` (a flag), else `VOICEGW_CONFIG`, else the working folder, the home folder's
/// configuration, the machine's.
pub fn candidates(
    explicit: Option<&str>,
    variable: &dyn Fn(&str) -> Option<String>,
    home: Option<&Path>,
) -> Search {
    let named = explicit.map(str::to_owned).or_else(|| variable(VOICEGW_CONFIG));
    match named.filter(|path| !path.is_empty()) {
        Some(path) => Search::Named(expand(&path, home)),
        None => {
            let here = Some(PathBuf::from(FILE_NAME));
            let at_home = home.map(|home| home.join(CONFIG_FOLDER).join(FILE_NAME));
            let of_machine = Some(Path::new("/etc/voicegateway").join(FILE_NAME));
            Search::Places([here, at_home, of_machine].into_iter().flatten().collect())
        }
    }
}

/// The product's folder below the home folder.
pub const CONFIG_FOLDER: &str = ".config/voicegateway";

/// A path as written, with a leading `~/` put in place.
pub fn expand(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// No configuration file where one must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The file the owner named.
    #[error("there is no configuration file `{}`", .0.display())]
    Named(PathBuf),
    /// Every place of the search order.
    #[error(
        "no configuration file found (looked for {}); write one with `voicegw init`",
        .0.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
    )]
    Everywhere(Vec<PathBuf>),
}
