//! The ledger as desk work sees it: off, not begun, or there to be read.

use crate::Error;
use std::path::{Path, PathBuf};
use tokio::sync::Mutex;
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
        Ledger::opened(Reader::open_with(url, temporary).await)
    }

    /// The same without bringing in anything: for questions that must not wait.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub async fn open_as_it_is(url: Option<&str>) -> Result<Ledger, Error> {
        let Some(url) = url else { return Ok(Ledger::Off) };
        Ledger::opened(Reader::open_as_it_is(url).await)
    }

    fn opened(reader: Result<Reader, vg_store::Error>) -> Result<Ledger, Error> {
        match reader {
            Ok(reader) => Ok(Ledger::Open(reader)),
            Err(absent @ vg_store::Error::Absent { .. }) => Ok(Ledger::NotBegun(absent.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// Closes the file. One that is dropped closes too, but nobody can wait for that.
    pub async fn close(&self) {
        if let Ledger::Open(reader) = self {
            reader.close().await;
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

/// The ledger of a process that runs on: looked for until it is there, then kept open.
#[derive(Debug)]
pub struct LedgerDoor {
    url: Option<String>,
    /// Where spools to bring in may lie; `None` brings none in.
    temporary: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    reader: Option<Reader>,
    /// Whether it was ever there: one that was and is gone is trouble, not a beginning.
    began: bool,
}

impl LedgerDoor {
    /// The door to the ledger at `url`; `None` is one that is off. Nothing is opened yet. What a writer that died left
    /// in a spool, beside the ledger or in the `temporary` folder, is brought in when it is.
    pub fn new(url: Option<&str>, temporary: &Path) -> LedgerDoor {
        LedgerDoor { temporary: Some(temporary.to_owned()), ..LedgerDoor::as_it_is(url) }
    }

    /// The same for questions that are not about lines and shall not wait for any.
    pub(crate) fn as_it_is(url: Option<&str>) -> LedgerDoor {
        LedgerDoor { url: url.map(str::to_owned), temporary: None, state: Mutex::default() }
    }

    /// Where the ledger is; `None` when it is off.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The ledger as it is now.
    ///
    /// # Errors
    /// When there is a file and it cannot be read as a ledger, or when there was one and it is gone.
    pub async fn ledger(&self) -> Result<Ledger, Error> {
        let mut state = self.state.lock().await;
        if let Some(reader) = &state.reader {
            return Ok(Ledger::Open(reader.clone()));
        }
        let Some(url) = self.url.as_deref() else { return Ok(Ledger::Off) };
        let opened = match &self.temporary {
            Some(temporary) => Reader::open_with(url, temporary).await,
            None => Reader::open_as_it_is(url).await,
        };
        match opened {
            Ok(reader) => {
                *state = State { reader: Some(reader.clone()), began: true };
                Ok(Ledger::Open(reader))
            }
            Err(absent @ vg_store::Error::Absent { .. }) if !state.began => {
                Ok(Ledger::NotBegun(absent.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Asks the ledger as it is now. When it fails, the file is let go of, so that the next question begins anew.
    ///
    /// # Errors
    /// As [`LedgerDoor::ledger`], and what the question says.
    pub async fn ask<T>(&self, question: impl AsyncFnOnce(&Ledger) -> Result<T, Error>) -> Result<T, Error> {
        let answer = question(&self.ledger().await?).await;
        if matches!(answer, Err(Error::Store(_))) {
            self.forget().await;
        }
        answer
    }

    /// Lets go of the file after it failed, so that the next question begins anew.
    pub(crate) async fn forget(&self) {
        self.state.lock().await.reader = None;
    }
}
