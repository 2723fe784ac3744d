//! Keys of projects: issued, listed, revoked, verified.
//!
//! Two kinds. A *virtual key* (`vk_...`) is a bearer token for OpenAI clients and the HTTP API; only its keyed hash
//! is kept. A *LiveKit pair* signs the tokens of LiveKit clients; its secret is kept encrypted, because verifying a
//! signature needs it. Either speaks for one project and, when it has a tenant, for that tenant alone.

mod token;
mod verify;

pub use verify::{Holder, KeyId, Keys, LivekitPair};

use crate::{Error, Ledger, instant, secrets::Secrets};
use serde::Serialize;
use vg_core::{UnixMicros, config::Secret};
use vg_store::{Desk, Issue, LivekitKey, NewVirtualKey, VirtualKey};

/// The longest name or tenant, in characters.
const LONGEST_NAME: usize = 128;

/// A key to be issued.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// The project it is to speak for; that there is one is for the caller to know.
    pub project: String,
    /// The only tenant it is to speak for.
    pub tenant: Option<String>,
    /// What the owner calls it; 1 to 128 characters.
    pub name: String,
    /// Who asks for it.
    pub issued_by: Option<String>,
}

/// A virtual key as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VirtualKeyRow {
    /// Its number.
    pub id: i64,
    /// Its first characters.
    pub key_prefix: String,
    /// What the owner calls it.
    pub name: String,
    /// The project it speaks for.
    pub project: String,
    /// The only tenant it speaks for; `null` is all of them.
    pub tenant_id: Option<String>,
    /// Who asked for it.
    pub issued_by: Option<String>,
    /// Since when it holds.
    #[serde(serialize_with = "instant::serialize")]
    pub issued_at: UnixMicros,
    /// When it was last used, give or take a minute.
    #[serde(serialize_with = "instant::serialize_known")]
    pub last_used_at: Option<UnixMicros>,
    /// Since when it no longer holds.
    #[serde(serialize_with = "instant::serialize_known")]
    pub revoked_at: Option<UnixMicros>,
    /// Which secret its hash was made with.
    #[serde(skip)]
    pub secret_id: String,
}

/// A LiveKit pair as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LivekitKeyRow {
    /// The public half, which is its id.
    pub api_key: String,
    /// What the owner calls it.
    pub name: String,
    /// The project it speaks for.
    pub project: String,
    /// The only tenant it speaks for; `null` is all of them.
    pub tenant_id: Option<String>,
    /// Who asked for it.
    pub issued_by: Option<String>,
    /// Since when it holds.
    #[serde(serialize_with = "instant::serialize")]
    pub issued_at: UnixMicros,
    /// Since when it no longer holds.
    #[serde(serialize_with = "instant::serialize_known")]
    pub revoked_at: Option<UnixMicros>,
    /// Which secret its own was encrypted with.
    #[serde(skip)]
    pub secret_id: String,
}

/// All keys, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct KeyList {
    /// The virtual keys.
    pub items: Vec<VirtualKeyRow>,
    /// How many virtual keys.
    pub total: usize,
    /// The LiveKit pairs.
    pub livekit: Vec<LivekitKeyRow>,
}

/// A key that was revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Revoked {
    /// A virtual key.
    Virtual(VirtualKeyRow),
    /// A LiveKit pair.
    Livekit(LivekitKeyRow),
}

impl Revoked {
    /// Since when it no longer holds: the first instant it was revoked at.
    pub fn at(&self) -> Option<UnixMicros> {
        match self {
            Revoked::Virtual(row) => row.revoked_at,
            Revoked::Livekit(row) => row.revoked_at,
        }
    }
}

impl KeyList {
    /// The keys that hold but that none of these secrets recognizes, as `id (secret)`.
    pub fn unknown_to(&self, secrets: Option<&Secrets>) -> Vec<String> {
        let lost = |revoked: Option<UnixMicros>, secret_id: &str| {
            revoked.is_none() && secrets.is_none_or(|secrets| !secrets.knows(secret_id))
        };
        let bearers = self.items.iter().filter(|key| lost(key.revoked_at, &key.secret_id));
        let pairs = self.livekit.iter().filter(|key| lost(key.revoked_at, &key.secret_id));
        bearers
            .map(|key| format!("{} ({})", key.id, key.secret_id))
            .chain(pairs.map(|key| format!("{} ({})", key.api_key, key.secret_id)))
            .collect()
    }
}

/// Issues a virtual key and gives it away this once.
///
/// # Errors
/// [`Error::BadName`]; when the store cannot be written.
pub async fn virtual_key_create(
    url: &str,
    secrets: &Secrets,
    new: NewKey,
    now: UnixMicros,
) -> Result<(Secret, VirtualKeyRow), Error> {
    let plain = token::virtual_key()?;
    let key = NewVirtualKey {
        prefix: plain.chars().take(token::PREFIX).collect(),
        hash: secrets.hash(&plain),
        issue: issue(secrets, new, now)?,
    };
    let key = Desk::new(url)?.virtual_key_insert(&key).await?;
    Ok((Secret::from(plain.as_str()), virtual_row(key)))
}

/// Issues a LiveKit pair and gives its secret away this once.
///
/// # Errors
/// [`Error::BadName`]; when the store cannot be written.
pub async fn livekit_key_create(
    url: &str,
    secrets: &Secrets,
    new: NewKey,
    now: UnixMicros,
) -> Result<(Secret, LivekitKeyRow), Error> {
    let (api_key, plain) = (token::livekit_api_key()?, token::livekit_secret()?);
    let key = LivekitKey {
        secret_encrypted: secrets.seal(token::bound(&api_key, &plain).as_bytes(), now)?,
        api_key,
        issue: issue(secrets, new, now)?,
        revoked_at: None,
    };
    let key = Desk::new(url)?.livekit_key_insert(&key).await?;
    Ok((Secret::from(plain.as_str()), livekit_row(key)))
}

/// All keys, revoked ones too.
///
/// # Errors
/// When the store cannot be read.
pub async fn key_list(ledger: &Ledger) -> Result<KeyList, Error> {
    let Some(reader) = ledger.reader() else { return Ok(KeyList::default()) };
    let items: Vec<_> = reader.virtual_key_list().await?.into_iter().map(virtual_row).collect();
    let livekit = reader.livekit_key_list().await?.into_iter().map(livekit_row).collect();
    Ok(KeyList { total: items.len(), items, livekit })
}

/// Revokes the virtual key of a number or the LiveKit pair of an api key. Servers let go
/// of it within half a minute. One that was revoked already stays as it is.
///
/// # Errors
/// [`Error::NoKey`]; when the store cannot be written.
pub async fn key_revoke(url: &str, id: &str, now: UnixMicros) -> Result<Revoked, Error> {
    let desk = Desk::new(url)?;
    let no_key = || Error::NoKey { id: id.to_owned() };
    if let Ok(number) = id.parse::<i64>() {
        let key = desk.virtual_key_revoke(number, now).await?;
        return key.map(virtual_row).map(Revoked::Virtual).ok_or_else(no_key);
    }
    let key = desk.livekit_key_revoke(id, now).await?;
    key.map(livekit_row).map(Revoked::Livekit).ok_or_else(no_key)
}

fn issue(secrets: &Secrets, new: NewKey, now: UnixMicros) -> Result<Issue, Error> {
    let named = |what, text: &str| match text.chars().count() {
        length if length > LONGEST_NAME || text.trim().is_empty() => Err(Error::BadName { what, length }),
        _ => Ok(()),
    };
    named("name", &new.name)?;
    new.tenant.as_deref().map_or(Ok(()), |tenant| named("tenant", tenant))?;
    Ok(Issue {
        secret_id: secrets.id().to_owned(),
        name: new.name,
        project: new.project,
        tenant_id: new.tenant,
        issued_by: new.issued_by,
        issued_at: now,
    })
}

fn virtual_row(key: VirtualKey) -> VirtualKeyRow {
    VirtualKeyRow {
        id: key.id,
        key_prefix: key.prefix,
        name: key.issue.name,
        project: key.issue.project,
        tenant_id: key.issue.tenant_id,
        issued_by: key.issue.issued_by,
        issued_at: key.issue.issued_at,
        last_used_at: key.last_used_at,
        revoked_at: key.revoked_at,
        secret_id: key.issue.secret_id,
    }
}

fn livekit_row(key: LivekitKey) -> LivekitKeyRow {
    LivekitKeyRow {
        api_key: key.api_key,
        name: key.issue.name,
        project: key.issue.project,
        tenant_id: key.issue.tenant_id,
        issued_by: key.issue.issued_by,
        issued_at: key.issue.issued_at,
        revoked_at: key.revoked_at,
        secret_id: key.issue.secret_id,
    }
}
