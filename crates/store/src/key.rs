//! Keys of projects as the store keeps them. Nothing here can be turned back into a key: the caller hashes and
//! encrypts.

use vg_core::UnixMicros;

/// What every kind of key has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Which of the owner's secrets hashed or encrypted it.
    pub secret_id: String,
    /// What the owner calls it.
    pub name: String,
    /// The project it speaks for.
    pub project: String,
    /// The only tenant it speaks for; `None` is all of them.
    pub tenant_id: Option<String>,
    /// Who asked for it.
    pub issued_by: Option<String>,
    /// Since when it holds.
    pub issued_at: UnixMicros,
}

/// A bearer key to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVirtualKey {
    /// Its first characters, to be recognized by.
    pub prefix: String,
    /// Its keyed hash.
    pub hash: [u8; 32],
    /// The rest.
    pub issue: Issue,
}

/// A bearer key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualKey {
    /// Its number, never given twice.
    pub id: i64,
    /// Its first characters, to be recognized by.
    pub prefix: String,
    /// The rest.
    pub issue: Issue,
    /// When it was last used, give or take a minute; `None` is never.
    pub last_used_at: Option<UnixMicros>,
    /// Since when it no longer holds.
    pub revoked_at: Option<UnixMicros>,
}

/// A LiveKit key pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivekitKey {
    /// The public half.
    pub api_key: String,
    /// The other half, encrypted.
    pub secret_encrypted: String,
    /// The rest.
    pub issue: Issue,
    /// Since when it no longer holds.
    pub revoked_at: Option<UnixMicros>,
}
