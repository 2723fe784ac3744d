//! The environment as it was when the program started.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// Environment variables, read once at the edge. The names are listed in [`vg_core::config::env`].
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: HashMap<String, String>,
    home: Option<PathBuf>,
}

impl Environment {
    /// An environment of these variables.
    pub fn new(variables: HashMap<String, String>) -> Self {
        // Windows has no HOME.
        let home = ["HOME", "USERPROFILE"].iter().find_map(|name| variables.get(*name));
        let home = home.filter(|home| !home.is_empty()).map(PathBuf::from);
        Environment { variables, home }
    }

    /// The value of a variable; `None` when it is not set.
    pub fn get(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// Every variable.
    pub fn all(&self) -> HashMap<String, String> {
        self.variables.clone()
    }

    /// The folder for temporary files.
    pub fn temporary(&self) -> PathBuf {
        let named = self.variables.get("TMPDIR").filter(|folder| !folder.is_empty());
        named.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
    }

    /// The home folder.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }
}
