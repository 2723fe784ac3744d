//! The error of this crate.

use std::{io, path::PathBuf};
use vg_core::Kind;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address whose scheme no backend answers to.
    #[error(
        "`{0}` is not an address of a store: give a path, `sqlite:<path>` or `sqlite://<path>` \
         (PostgreSQL is not supported in this version)"
    )]
    UnknownScheme(String),
    /// The file belongs to something else, such as an earlier product.
    #[error(
        "`{}` is a database of another program and is not touched: choose another path with VOICEGW_DB_PATH or \
         cost_tracking.db_path (a later version imports databases of voicegateway 0.x)", path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is not an SQLite database.
    #[error(
        "`{}` is not a database and is not touched: choose another path with VOICEGW_DB_PATH or \
         cost_tracking.db_path", path.display()
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version.
    #[error(
        "`{}` has schema version {found}, this version knows {known}: upgrade voicegateway or choose another \
         path with VOICEGW_DB_PATH or cost_tracking.db_path", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version found in it.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// There is no file yet: nothing was ever written.
    #[error("`{}` does not exist yet: no request was recorded", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// Another process held the write lock for too long.
    #[error("`{}` is locked by another process", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The database refused a statement.
    #[error("could not {doing} `{}`", path.display())]
    Sql {
        /// The file.
        path: PathBuf,
        /// What we were doing.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The operating system refused.
    #[error("could not {doing} `{}`", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What we were doing.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A stored row that does not read as a line.
    #[error("a stored row does not read as a ledger line: {0}")]
    Row(String),
    /// The writer's thread could not start.
    #[error("could not start the ledger's writer")]
    Thread(#[source] io::Error),
    /// The kernel gave no randomness.
    #[error("the kernel gave no randomness: {0}")]
    Randomness(getrandom::Error),
}

impl Error {
    /// The kind of this error.
    pub const fn kind(&self) -> Kind {
        match self {
            Error::UnknownScheme(_) => Kind::BadRequest,
            Error::Foreign { .. } | Error::NotADatabase { .. } | Error::Newer { .. } => Kind::Conflict,
            Error::Absent { .. } => Kind::NotFound,
            Error::Locked { .. } | Error::Sql { .. } | Error::Io { .. } | Error::Thread(_) => {
                Kind::Unavailable
            }
            Error::Row(_) | Error::Randomness(_) => Kind::Internal,
        }
    }

    /// The error with its causes, in one line, for logs.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
