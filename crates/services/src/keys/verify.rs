//! Keys as they come in with requests: who holds this one?
//!
//! Every question goes to the store. Whoever asks for each request keeps the answers for at most half a minute, so
//! that a revoked key is out everywhere by then. A store that does not answer is an error, never "no such key".

use super::token;
use crate::{
    Error, Ledger,
    ledger::LedgerDoor,
    secrets::{SecretPlace, Secrets},
};
use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use vg_core::{UnixMicros, config::Secret};
use vg_store::{Desk, LivekitKey, Reader};

/// How long the store is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a key goes by in logs and for the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyId {
    /// The number of a virtual key.
    Virtual(i64),
    /// The public half of a LiveKit pair.
    Livekit(Arc<str>),
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyId::Virtual(id) => write!(f, "{id}"),
            KeyId::Livekit(api_key) => f.write_str(api_key),
        }
    }
}

/// Who holds a key: the project it speaks for, and the tenant when it speaks for that one alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The key.
    pub key: KeyId,
    /// What the owner calls it.
    pub name: Arc<str>,
    /// The project.
    pub project: Arc<str>,
    /// The only tenant; `None` is all of them.
    pub tenant: Option<Arc<str>>,
}

/// A LiveKit pair, for verifying what its holder signed.
#[derive(Debug, Clone)]
pub struct LivekitPair {
    /// Who signs with it.
    pub holder: Holder,
    /// What the holder signs with.
    pub secret: Secret,
}

/// The keys of a process that runs on. Nothing here blocks the thread.
#[derive(Debug)]
pub struct Keys {
    store: LedgerDoor,
    place: SecretPlace,
    secrets: OnceLock<Secrets>,
    used: Mutex<HashSet<i64>>,
}

impl Keys {
    /// The keys kept in the store at `url`; without one there are none. The store need not be there yet.
    ///
    /// # Errors
    /// When the owner's secret is none or cannot be read.
    pub fn new(url: Option<&str>, place: SecretPlace) -> Result<Keys, Error> {
        let secrets = OnceLock::new();
        if let Some(found) = place.find()? {
            let _ = secrets.set(found);
        }
        Ok(Keys { store: LedgerDoor::as_it_is(url), place, secrets, used: Mutex::default() })
    }

    /// Who holds a virtual key; `None` when it is none or was revoked.
    ///
    /// # Errors
    /// When that cannot be told: the store or the owner's secret cannot be read.
    pub async fn bearer(&self, key: &str) -> Result<Option<Holder>, Error> {
        if !token::is_virtual_key(key) {
            return Ok(None);
        }
        let Some(secrets) = self.secrets()? else { return Ok(None) };
        let hashes = secrets.hashes(key);
        let found = self.ask(async |reader| reader.virtual_key_find(&hashes).await).await?;
        let Some(key) = found.flatten().filter(|key| key.revoked_at.is_none()) else { return Ok(None) };
        self.used().insert(key.id);
        Ok(Some(Holder {
            key: KeyId::Virtual(key.id),
            name: key.issue.name.into(),
            project: key.issue.project.into(),
            tenant: key.issue.tenant_id.map(Arc::from),
        }))
    }

    /// The LiveKit pair of an api key, for verifying what was signed with it; `None` when it is none or was
    /// revoked.
    ///
    /// # Errors
    /// When that cannot be told; [`Error::SecretUnknown`] when its secret was encrypted under none of the owner's
    /// secrets.
    pub async fn livekit(&self, api_key: &str) -> Result<Option<LivekitPair>, Error> {
        if !token::is_livekit_api_key(api_key) {
            return Ok(None);
        }
        let found = self.ask(async |reader| reader.livekit_key_get(api_key).await).await?;
        let found = found.flatten().filter(|key| key.revoked_at.is_none());
        found.map(|key| self.pair(key)).transpose()
    }

    /// Whether any key was ever issued here, revoked ones included. A server without any may be open; one that had
    /// a key stays closed.
    ///
    /// # Errors
    /// When that cannot be told.
    pub async fn exist(&self) -> Result<bool, Error> {
        Ok(self.ask(async |reader| reader.key_exists().await).await?.unwrap_or(false))
    }

    /// Writes down which virtual keys were asked for since the last time, at most once a minute for each: to be
    /// called about once a minute in the background, and before the end.
    ///
    /// # Errors
    /// When the store cannot be written; the uses are forgotten then.
    pub async fn note_uses(&self, now: UnixMicros) -> Result<(), Error> {
        let used: Vec<i64> = std::mem::take(&mut *self.used()).into_iter().collect();
        match self.store.url().filter(|_| !used.is_empty()) {
            Some(url) => Ok(Desk::new(url)?.virtual_key_touch(&used, now).await?),
            None => Ok(()),
        }
    }

    /// The owner's secrets, also when the first key is issued while this process runs.
    fn secrets(&self) -> Result<Option<&Secrets>, Error> {
        if let Some(secrets) = self.secrets.get() {
            return Ok(Some(secrets));
        }
        Ok(self.place.find()?.map(|found| self.secrets.get_or_init(|| found)))
    }

    /// Asks the store; `None` when there is none yet.
    async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&Reader) -> Result<T, vg_store::Error>,
    ) -> Result<Option<T>, Error> {
        let asked = tokio::time::timeout(PATIENCE, async {
            match self.store.ledger().await? {
                Ledger::Open(reader) => Ok(Some(question(&reader).await?)),
                Ledger::Off | Ledger::NotBegun(_) => Ok(None),
            }
        });
        let asked = asked.await.unwrap_or(Err(Error::Slow { seconds: PATIENCE.as_secs() }));
        if asked.is_err() {
            self.store.forget().await;
        }
        asked
    }

    fn pair(&self, key: LivekitKey) -> Result<LivekitPair, Error> {
        let opened = self.secrets()?.and_then(|secrets| secrets.open(&key.secret_encrypted));
        let opened = opened.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        let Some(secret) = opened.and_then(|text| token::unbound(&key.api_key, text)) else {
            return Err(Error::SecretUnknown { key: key.api_key, secret_id: key.issue.secret_id });
        };
        Ok(LivekitPair {
            secret: Secret::from(secret),
            holder: Holder {
                key: KeyId::Livekit(key.api_key.into()),
                name: key.issue.name.into(),
                project: key.issue.project.into(),
                tenant: key.issue.tenant_id.map(Arc::from),
            },
        })
    }

    fn used(&self) -> MutexGuard<'_, HashSet<i64>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
