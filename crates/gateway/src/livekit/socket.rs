//! A client's WebSocket: opened when nothing speaks against it, small, and never waited for without end.

use crate::{Caller, Error, Gateway, booking, occupancy::SocketGuard, serve::Slot};
use axum::{
    extract::{
        FromRequestParts,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    response::Response,
};
use futures_util::SinkExt;
use http::request::Parts;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use vg_core::Modality;
use vg_engine::{Ask, Fallback, Scope, Wishes};
use vg_wire::livekit::{self, Connection, hinted_model};

/// What is read at once. There are thousands of sockets, and 50 ms of audio fit.
const READ_BYTES: usize = 4 << 10;
/// How long the other side may take to answer our close frame.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// An attempt upstream is given at least and at most this long, whatever the client wishes.
const PATIENCE: (f64, f64) = (0.1, 60.0);
/// More tries than this are not made for one candidate.
const MOST_RETRIES: u32 = 10;

/// Close codes of RFC 6455.
pub(super) mod close {
    /// All is said.
    pub(crate) const NORMAL: u16 = 1000;
    /// The server stops.
    pub(crate) const AWAY: u16 = 1001;
    /// The client broke a rule.
    pub(crate) const POLICY: u16 = 1008;
    /// The call failed.
    pub(crate) const FAILED: u16 = 1011;
}

/// A client that asks for a socket: who it is, what its handshake says.
pub(crate) struct Visit {
    pub(super) gateway: Arc<Gateway>,
    pub(super) caller: Caller,
    pub(super) scope: Scope,
    hint: Option<String>,
    upgrade: WebSocketUpgrade,
    guard: SocketGuard,
    slot: Option<Slot>,
}

#[derive(Default, Deserialize)]
struct Hint {
    model: Option<String>,
}

/// Everything that can be refused is refused here, before the upgrade: afterwards it costs a client four dials.
impl FromRequestParts<Arc<Gateway>> for Visit {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Error> {
        gateway.admit()?;
        let caller = Caller::from_request_parts(parts, gateway).await?;
        let upgrade = WebSocketUpgrade::from_request_parts(parts, gateway).await;
        let upgrade =
            upgrade.map_err(|_| Error::bad_request("this path takes WebSockets only").with_status(426))?;
        let query = axum::extract::Query::<Hint>::try_from_uri(&parts.uri);
        let hint = query.map_or_else(|_| None, |query| query.0.model);
        let guard = gateway.occupancy.socket(caller.key.clone(), gateway.limits.sockets_per_key)?;
        let scope = booking::scope(gateway, &caller, &parts.headers)?;
        let hint = hinted_model(hint.as_deref());
        let slot = parts.extensions.get::<Slot>().cloned();
        Ok(Visit { gateway: Arc::clone(gateway), caller, scope, hint, upgrade, guard, slot })
    }
}

/// What stays of a visit once its socket is open.
pub(super) struct Opened {
    pub(super) gateway: Arc<Gateway>,
    pub(super) project: Arc<str>,
    pub(super) scope: Scope,
    _guard: SocketGuard,
    _slot: Option<Slot>,
}

impl Visit {
    /// Opens the socket and hands it to `serve`, unless the handshake names a model that is not there.
    pub(super) fn open<F>(
        self,
        modality: Modality,
        serve: impl FnOnce(Opened, Socket) -> F + Send + 'static,
    ) -> Result<Response, Error>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Visit { gateway, caller, scope, hint, upgrade, guard, slot } = self;
        let project = booking::project(&gateway, &caller);
        if let Some(model) = &hint {
            let ask = Ask { modality, model: Some(model), ..Ask::of_project(&project) };
            gateway.engine().plan(&ask, &Wishes::default())?;
        }
        let limits = &gateway.limits;
        let upgrade = upgrade
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(limits.message_bytes)
            .max_frame_size(limits.message_bytes);
        let write_wait = limits.write_wait;
        let token = gateway.tasks().token();
        let opened = Opened { gateway, project, scope, _guard: guard, _slot: slot };
        Ok(upgrade.on_upgrade(move |ws| async move {
            serve(opened, Socket { ws, write_wait }).await;
            drop(token);
        }))
    }
}

/// What a `fallback` and a `connection` of a first message wish.
pub(super) fn wishes(fallbacks: Option<Vec<livekit::Fallback>>, connection: Connection) -> Wishes {
    let fallback = |fallback: livekit::Fallback| Fallback {
        model: fallback.model,
        voice: Some(fallback.voice).filter(|voice| !voice.is_empty()),
        extra: fallback.extra,
    };
    let (least, most) = PATIENCE;
    Wishes {
        fallbacks: fallbacks.map(|models| models.into_iter().map(fallback).collect()),
        timeout: connection
            .timeout
            .filter(|seconds| *seconds > 0.0)
            .map(|seconds| Duration::from_secs_f64(seconds.clamp(least, most))),
        retries: connection.retries.map(|retries| retries.min(MOST_RETRIES)),
    }
}

/// The client went away, or does not read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gone;

/// An open socket. Text frames only, both ways.
pub(super) struct Socket {
    ws: WebSocket,
    write_wait: Duration,
}

impl Socket {
    /// The next text; `None` once the client is gone, whose close frame is then answered. Cancel-safe.
    pub(super) async fn text(&mut self) -> Option<Utf8Bytes> {
        loop {
            match self.ws.recv().await {
                Some(Ok(Message::Text(text))) => return Some(text),
                Some(Ok(Message::Close(_))) => {
                    // The answer is written by the library, but only when it is asked to do something.
                    drop(timeout(CLOSE_WAIT, self.ws.flush()).await);
                    return None;
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    tracing::debug!(%error, "a socket broke");
                    return None;
                }
                None => return None,
            }
        }
    }

    /// Sends a text, if the client takes it in time.
    pub(super) async fn send(&mut self, text: String) -> Result<(), Gone> {
        match timeout(self.write_wait, self.ws.send(Message::Text(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Gone),
            Err(_) => {
                tracing::debug!("a client does not read; its socket is dropped");
                Err(Gone)
            }
        }
    }

    /// Closes: a close frame, and a while for the answer, so that nothing already sent is lost to a reset.
    pub(super) async fn close(mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        let closing = async {
            if self.ws.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.ws.recv().await {}
            }
        };
        drop(timeout(CLOSE_WAIT, closing).await);
    }
}
