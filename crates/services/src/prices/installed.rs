//! The price book that an owner installed: a file beside the ledger, which every process with that ledger goes by.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use vg_core::{
    config::files::CONFIG_FOLDER,
    price::{Book, BookError},
};

/// What follows the ledger's name in the name of the file.
const EXTENSION: &str = "prices.json";

/// Why a price book cannot be read or installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The file cannot be read, written or removed.
    #[error("failed to {doing} the price book `{}`", path.display())]
    File {
        /// What we were doing.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What the file says is no price book.
    #[error("`{}` is not used", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: BookError,
    },
    /// The file is a price book without a model in it.
    #[error("`{}` is not used: it has no models", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// A book and the text it was read from.
#[derive(Debug)]
pub struct Installed {
    /// The book.
    pub book: Arc<Book>,
    text: String,
}

/// Where the installed book lies: beside the SQLite file of the ledger, such as `voicegw.prices.json` for
/// `voicegw.db`, else in the product's folder below `home`. `None` when there is neither.
pub fn installed_path(database_url: Option<&str>, home: Option<&Path>) -> Option<PathBuf> {
    match database_url.and_then(|url| url.strip_prefix("sqlite://")) {
        Some(path) => Some(Path::new(path).with_extension(EXTENSION)),
        None => Some(home?.join(CONFIG_FOLDER).join("voicegw").with_extension(EXTENSION)),
    }
}

impl Installed {
    /// Reads and checks a price book.
    ///
    /// # Errors
    /// A file that is not there or cannot be read, and one that pricing could trip over.
    pub fn read(path: &Path) -> Result<Installed, InstallError> {
        let file = |source| InstallError::File { doing: "read", path: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(file)?;
        let refused = |source| InstallError::Refused { path: path.to_owned(), source };
        let book = Book::from_json(&text).map_err(refused)?;
        if book.model_count() == 0 {
            return Err(InstallError::Empty { path: path.to_owned() });
        }
        Ok(Installed { book: Arc::new(book), text })
    }

    /// As [`Installed::read`], but a file that is not there is `None`.
    ///
    /// # Errors
    /// A file that cannot be read, and one that pricing could trip over.
    pub fn find(path: &Path) -> Result<Option<Installed>, InstallError> {
        match Installed::read(path) {
            Ok(found) => Ok(Some(found)),
            Err(InstallError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts the book at `path`, whole or not at all: a reader sees the old book or this one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn install(&self, path: &Path) -> Result<(), InstallError> {
        let written = || -> io::Result<()> {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if let Some(folder) = folder {
                fs::create_dir_all(folder)?;
            }
            let new = path.with_extension(format!("json.{}", std::process::id()));
            let mut file = fs::File::create(&new)?;
            let moved = file
                .write_all(self.text.as_bytes())
                .and_then(|()| file.sync_all())
                .and_then(|()| fs::rename(&new, path));
            if moved.is_err() {
                drop(fs::remove_file(&new));
            }
            moved
        };
        written().map_err(|source| InstallError::File { doing: "write", path: path.to_owned(), source })
    }

    /// Takes the installed book away, and says whether there was one.
    ///
    /// # Errors
    /// When the file is there and cannot be removed.
    pub fn remove(path: &Path) -> Result<bool, InstallError> {
        match fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(InstallError::File { doing: "remove", path: path.to_owned(), source }),
        }
    }
}
