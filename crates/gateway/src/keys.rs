//! Where stored keys come from: a trait, so that the server needs no store.

use futures_util::future::BoxFuture;
use std::sync::Arc;
use vg_core::config::Secret;
use vg_services::keys::LivekitPair;

/// A LiveKit key pair: agents sign their tokens with its secret.
#[derive(Debug, Clone)]
pub struct LivekitKey {
    /// The secret.
    pub secret: Secret,
    /// The project its requests are booked to.
    pub project: Arc<str>,
    /// Their tenant.
    pub tenant: Option<Arc<str>>,
}

/// A virtual key, `vk_...`.
#[derive(Debug, Clone)]
pub struct VirtualKey {
    /// Its id, as the logs and the key list name it.
    pub id: Arc<str>,
    /// The project its requests are booked to; none is the default project.
    pub project: Option<Arc<str>>,
    /// Its tenant. A key with one sees its own tenant only and does not manage.
    pub tenant: Option<Arc<str>>,
}

/// The keys cannot be looked up. The text is for the log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct KeysError(pub String);

/// Stored keys. Every answer is kept for up to 30 seconds by whoever asks.
pub trait Keys: Send + Sync {
    /// Whether any key was ever made, revoked ones included: the server is open only until the first one.
    fn any(&self) -> BoxFuture<'_, Result<bool, KeysError>>;

    /// The pair of this API key; `None` when it is unknown or revoked.
    fn livekit<'a>(&'a self, api_key: &'a str) -> BoxFuture<'a, Result<Option<LivekitKey>, KeysError>>;

    /// The virtual key of this whole token; `None` when it is unknown or revoked.
    fn virtual_key<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<VirtualKey>, KeysError>>;
}

/// The keys of the store.
impl Keys for vg_services::keys::Keys {
    fn any(&self) -> BoxFuture<'_, Result<bool, KeysError>> {
        Box::pin(async { self.exist().await.map_err(KeysError::from) })
    }

    fn livekit<'a>(&'a self, api_key: &'a str) -> BoxFuture<'a, Result<Option<LivekitKey>, KeysError>> {
        Box::pin(async {
            let pair = self.livekit(api_key).await?;
            Ok(pair.map(|LivekitPair { holder, secret }| LivekitKey {
                secret,
                project: holder.project,
                tenant: holder.tenant,
            }))
        })
    }

    fn virtual_key<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<VirtualKey>, KeysError>> {
        Box::pin(async {
            let holder = self.bearer(token).await?;
            Ok(holder.map(|holder| VirtualKey {
                id: holder.key.to_string().into(),
                project: Some(holder.project),
                tenant: holder.tenant,
            }))
        })
    }
}

impl From<vg_services::Error> for KeysError {
    fn from(error: vg_services::Error) -> Self {
        KeysError(error.chain())
    }
}
