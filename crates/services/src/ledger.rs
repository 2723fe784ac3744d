//! The ledger as desk work sees it: off, not begun, or there to be read.

use crate::Error;
use std::path::Path;
use vg_store::Reader;

/// A ledger to ask. One that is off or not begun answers with nothing.
#[derive(Debug, Clone)]
pub enum Ledger {
    /// The owner switched it off.
    Off,
    /// Nothing was written yet; the text names the file.
    NotBegun(String),
    /// There to be read.
    Open(Reader),
}

impl Ledger {
    /// Opens the ledger at `url` for reading; `None` is one that is off. What a writer that died left in a spool,
    /// beside the ledger or in the `temporary` folder, is brought in first.
    ///
    /// # Errors
    /// When there is a file and it cannot be read as a ledger.
    pub async fn open(url: Option<&str>, temporary: &Path) -> Result<Ledger, Error> {
        let Some(url) = url else { return Ok(Ledger::Off) };
        match Reader::open_with(url, temporary).await {
            Ok(reader) => Ok(Ledger::Open(reader)),
            Err(absent @ vg_store::Error::Absent { .. }) => Ok(Ledger::NotBegun(absent.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// The reader; `None` when there is nothing to read.
    pub(crate) const fn reader(&self) -> Option<&Reader> {
        match self {
            Ledger::Open(reader) => Some(reader),
            Ledger::Off | Ledger::NotBegun(_) => None,
        }
    }
}
