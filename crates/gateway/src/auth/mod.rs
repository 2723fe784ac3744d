//! Who asks: a bearer token into a [`Caller`], once for each request or handshake.
//!
//! Three kinds of key: static ones of the configuration, virtual ones (`vk_...`) and LiveKit key pairs, whose
//! agents sign a token for each call. Without any, the server is open.

mod cache;
mod jwt;
#[cfg(test)]
mod speed;

use crate::{
    Error, Gateway, Keys, KeysError, LivekitKey, SetupError, VirtualKey,
    error::{in_desk_shape, refusal},
};
use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use cache::Cache;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use jwt::{Token, Wrong};
use sha2::{Digest, Sha256};
use std::sync::{Arc, PoisonError, RwLock};
use subtle::ConstantTimeEq;
use vg_core::{
    Kind, RequestId,
    config::{Config, Scope, env::VOICEGW_API_KEY},
};

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Call models.
    pub infer: bool,
    /// Read the desk routes.
    pub read: bool,
    /// Change things.
    pub write: bool,
}

impl Rights {
    const ALL: Rights = Rights { infer: true, read: true, write: true };
    const INFERENCE: Rights = Rights { infer: true, read: false, write: false };
}

/// Who asks. Every handler behind a key can extract it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The project its requests are booked to; none is the default project.
    pub project: Option<Arc<str>>,
    /// Its tenant: what it asks is booked to it, and what it reads is kept to it.
    pub tenant: Option<Arc<str>>,
    /// The key's name for logs and caps; none in an open server.
    pub key: Option<Arc<str>>,
    /// What it may do.
    pub rights: Rights,
    /// The request it makes, on the inference routes: told to the client, and the ledger's `request_id`.
    pub request_id: Option<RequestId>,
}

impl Caller {
    const fn new(key: Option<Arc<str>>, rights: Rights) -> Caller {
        Caller { project: None, tenant: None, key, rights, request_id: None }
    }
}

/// Behind the layers of this file there always is one.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller
            .ok_or_else(|| Error::internal(&"a route that wants a caller is outside the layers that find it"))
    }
}

type Digested = [u8; 32];

fn digest(text: &str) -> Digested {
    Sha256::digest(text.as_bytes()).into()
}

/// The static keys, as digests: two of one length compare in a time that tells nothing.
#[derive(Debug, Default)]
struct StaticKeys(Vec<(Digested, Caller)>);

impl StaticKeys {
    fn read(config: &Config, from_environment: Option<&str>) -> Result<StaticKeys, SetupError> {
        let written = &config.auth.api_keys;
        let mut keys = Vec::new();
        let mut unset = Vec::new();
        for entry in written {
            let token = match entry.token.expose() {
                Ok(token) => token,
                Err(missing) => {
                    unset.push(missing.variable);
                    continue;
                }
            };
            if token.is_empty() {
                continue;
            }
            let has = |scope| entry.scopes.contains(&scope) || entry.scopes.contains(&Scope::All);
            let (read, write) = (has(Scope::Read), has(Scope::Write));
            let name = Some(entry.name.shown()).filter(|name| !name.is_empty()).unwrap_or("static");
            keys.push((digest(token), static_caller(name, Rights { infer: write, read, write })));
        }
        if keys.is_empty() {
            let given = from_environment.filter(|token| !token.is_empty());
            match given {
                Some(token) => keys.push((digest(token), static_caller("env", Rights::ALL))),
                None if !written.is_empty() => {
                    return Err(SetupError::EmptyStaticKeys { count: written.len(), variables: unset });
                }
                None => {}
            }
        }
        Ok(StaticKeys(keys))
    }

    /// Looks at every key, so that the time does not tell which one came near.
    fn find(&self, token: &str) -> Option<&Caller> {
        let given = digest(token);
        let mut found = None;
        for (key, caller) in &self.0 {
            if bool::from(key.ct_eq(&given)) {
                found = Some(caller);
            }
        }
        found
    }
}

fn static_caller(name: &str, rights: Rights) -> Caller {
    Caller::new(Some(name.into()), rights)
}

/// Turns tokens into callers.
pub(crate) struct Verifier {
    keys: Arc<dyn Keys>,
    statics: RwLock<Arc<StaticKeys>>,
    any: Cache<(), ()>,
    livekit: Cache<Box<str>, LivekitKey>,
    virtual_keys: Cache<Digested, VirtualKey>,
    from_environment: Option<String>,
}

/// The way keys are looked up failed: nobody is let in who was not let in just before.
fn unavailable(error: &KeysError) -> Error {
    tracing::error!(%error, "the keys cannot be looked up");
    Error::new(Kind::Unavailable, "keys cannot be looked up at the moment")
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::Unauthenticated, message)
}

impl Verifier {
    pub(crate) fn new(
        keys: Arc<dyn Keys>,
        config: &Config,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Verifier, SetupError> {
        let from_environment = variable(VOICEGW_API_KEY);
        let statics = StaticKeys::read(config, from_environment.as_deref())?;
        Ok(Verifier {
            keys,
            statics: RwLock::new(Arc::new(statics)),
            any: Cache::new(),
            livekit: Cache::new(),
            virtual_keys: Cache::new(),
            from_environment,
        })
    }

    /// Takes the static keys of another configuration.
    pub(crate) fn reload(&self, config: &Config) -> Result<(), SetupError> {
        let statics = Arc::new(StaticKeys::read(config, self.from_environment.as_deref())?);
        *self.statics.write().unwrap_or_else(PoisonError::into_inner) = statics;
        Ok(())
    }

    fn statics(&self) -> Arc<StaticKeys> {
        Arc::clone(&self.statics.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many static keys there are.
    pub(crate) fn static_keys(&self) -> usize {
        self.statics().0.len()
    }

    /// Whether nobody needs a key, since there is none.
    pub(crate) async fn is_open(&self) -> Result<bool, Error> {
        if self.static_keys() > 0 {
            return Ok(false);
        }
        // That there is none is believed for a second only: the first key closes the server at once.
        let any = self.any.get((), async || Ok(self.keys.any().await?.then_some(()))).await;
        any.map(|any| any.is_none()).map_err(|error: KeysError| unavailable(&error))
    }

    /// The caller behind these headers.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Error> {
        let token = match headers.get(header::AUTHORIZATION) {
            None => None,
            Some(value) => {
                Some(bearer(value).ok_or_else(|| refused("`Authorization` must be `Bearer <key>`"))?)
            }
        };
        let Some(token) = token else {
            return match self.is_open().await? {
                true => Ok(Caller::new(None, Rights::ALL)),
                false => Err(refused("a key is required: send `Authorization: Bearer <key>`")),
            };
        };
        if let Some(caller) = self.statics().find(token) {
            return Ok(caller.clone());
        }
        if token.starts_with("vk_") {
            return self.virtual_caller(token).await;
        }
        let known = match Token::is_like(token) {
            true => self.livekit_caller(token).await,
            false => Err(refused("the key is unknown")),
        };
        match known {
            // An open server takes any token. One of a known pair was looked for first: it has a project.
            Err(error) if error.kind == Kind::Unauthenticated && self.is_open().await? => {
                Ok(Caller::new(None, Rights::ALL))
            }
            known => known,
        }
    }

    async fn virtual_caller(&self, token: &str) -> Result<Caller, Error> {
        let found = self.virtual_keys.get(digest(token), async || self.keys.virtual_key(token).await).await;
        let Some(key) = found.map_err(|error| unavailable(&error))? else {
            return Err(refused("the key is unknown or was revoked"));
        };
        // A tenant's key does not manage.
        let rights = Rights { write: key.tenant.is_none(), ..Rights::ALL };
        let (project, tenant) = (key.project, key.tenant);
        Ok(Caller { project, tenant, ..Caller::new(Some(key.id), rights) })
    }

    async fn livekit_caller(&self, token: &str) -> Result<Caller, Error> {
        let parsed = Token::parse(token).map_err(wrong)?;
        let api_key = parsed.issuer();
        let found = self.livekit.get(api_key.into(), async || self.keys.livekit(api_key).await).await;
        let Some(pair) = found.map_err(|error| unavailable(&error))? else {
            return Err(refused("the API key that the token names is unknown or was revoked"));
        };
        let secret = pair.secret.expose().map_err(|error| Error::internal(&error))?;
        parsed.verify(secret.as_bytes(), vg_engine::now().0 as f64 / 1e6).map_err(wrong)?;
        Ok(Caller {
            project: Some(pair.project),
            tenant: pair.tenant,
            ..Caller::new(Some(api_key.into()), Rights::INFERENCE)
        })
    }
}

fn wrong(wrong: Wrong) -> Error {
    let kind = if wrong == Wrong::NoGrant { Kind::Forbidden } else { Kind::Unauthenticated };
    Error::new(kind, wrong.to_string())
}

/// The token of an `Authorization` header.
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The names a request's id is told under: OpenAI's clients read the first, LiveKit's the second.
const REQUEST_ID: [HeaderName; 2] =
    [HeaderName::from_static("x-request-id"), HeaderName::from_static("x-livekit-request-id")];

/// The layer of the inference routes: a key that may call models, and an id for the request. Errors are written in
/// OpenAI's shape.
pub(crate) async fn inference(
    State(gateway): State<Arc<Gateway>>,
    mut request: Request,
    next: Next,
) -> Response {
    let request_id = match gateway.engine().mint_request_id() {
        Ok(request_id) => request_id,
        Err(error) => return Error::from(error).into_response(),
    };
    let path = request.uri().path().to_owned();
    let mut response = match gateway.verifier().caller(request.headers()).await {
        Ok(caller) if caller.rights.infer => {
            request.extensions_mut().insert(Caller { request_id: Some(request_id), ..caller });
            next.run(request).await
        }
        Ok(_) => Error::new(Kind::Forbidden, "this key may not call models").into_response(),
        Err(error) => error.into_response(),
    };
    if let Some(error) = refusal(&response) {
        // A LiveKit client never reads why a handshake was refused.
        tracing::warn!(path, status = error.status(), request.id = %request_id, "refused: {error}");
    }
    if let Ok(id) = HeaderValue::from_str(&request_id.to_string()) {
        for name in REQUEST_ID {
            response.headers_mut().insert(name, id.clone());
        }
    }
    response
}

/// The layer of what both clients of models and readers of the desk may ask, such as the list of models.
pub(crate) async fn either(
    State(gateway): State<Arc<Gateway>>,
    mut request: Request,
    next: Next,
) -> Response {
    match gateway.verifier().caller(request.headers()).await {
        Ok(caller) if caller.rights.infer || caller.rights.read => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(_) => Error::new(Kind::Forbidden, "this key may not read").into_response(),
        Err(error) => error.into_response(),
    }
}

/// The layer of the desk routes: `GET` needs a key that may read, anything else one that may write. Errors are
/// written in the desk's shape.
pub(crate) async fn desk(State(gateway): State<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let caller = gateway.verifier().caller(request.headers()).await;
    let response = match caller.and_then(|caller| may_use_desk(caller, &method)) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    };
    in_desk_shape(response, &method, &path)
}

fn may_use_desk(caller: Caller, method: &Method) -> Result<Caller, Error> {
    let is_read = method == Method::GET || method == Method::HEAD;
    match (is_read, caller.rights) {
        (true, Rights { read: true, .. }) | (false, Rights { write: true, .. }) => Ok(caller),
        (true, _) => Err(Error::new(Kind::Forbidden, "this key lacks the scope `read`")),
        (false, _) => Err(Error::new(Kind::Forbidden, "this key lacks the scope `write`")),
    }
}
