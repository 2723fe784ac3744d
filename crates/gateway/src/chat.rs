//! `POST /v1/chat/completions`, for LiveKit's clients and OpenAI's alike: one answer, or a stream of events.

use crate::{Caller, Error, Gateway, body::Whole, booking, occupancy::CallGuard};
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{Stream, stream::unfold};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::{borrow::Cow, convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc::error::TryRecvError,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use vg_core::{
    Modality,
    call::{ChatPiece, ChatRequest, Failure},
};
use vg_engine::{Ask, ChatCall, Fallback, Plan, Wishes};
use vg_wire::{
    livekit::headers::{PROVIDER, RPM_LIMIT, RPM_USED},
    openai::chat::ChatBody,
};

/// How long the head of a stream's answer waits for the first piece, so that a refusal still has a status of its
/// own. Longer, and a client that waits for the head gives up: Node's waits 10 s for it and no longer.
const HEAD_WAIT: Duration = Duration::from_millis(1_500);
/// A comment is sent after so long a silence: Python's client gives up after 10 s without a byte.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(3);
/// Pieces that are there at once leave in one write, up to about this size.
const WRITE_BYTES: usize = 16 << 10;

/// Asks a model. Dropping the answer, as a client does that hangs up, cancels upstream.
pub(crate) async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, Error> {
    gateway.admit()?;
    let chat = ChatBody::read(&body)?;
    let project = booking::project(&gateway, &caller);
    let model = served_by(&gateway, &project, &chat.model, &headers);
    let ask = Ask { modality: Modality::Llm, model: Some(&model), ..Ask::of_project(&project) };
    let fallback = |model| Fallback { model, ..Fallback::default() };
    let fallbacks = chat.fallbacks.map(|models| models.into_iter().map(fallback).collect());
    let plan = gateway.engine().plan(&ask, &Wishes { fallbacks, ..Wishes::default() })?;
    let quota = quota(&gateway, &plan);
    let scope = booking::scope(&gateway, &caller, &headers)?;
    let guard = gateway.occupancy.call();
    let request = ChatRequest { body: chat.body, stream: chat.stream };
    let call = gateway.engine().chat(plan, scope, request);
    let answer = if chat.stream { streamed(&gateway, call, guard).await } else { whole(call).await };
    // Clients log it when they are refused, so it is told then too.
    let mut response = answer.unwrap_or_else(Error::into_response);
    response.headers_mut().extend(quota.into_iter().flatten());
    Ok(response)
}

/// What the provider that is asked first allows in a minute, and how much of it was used; nothing without a limit.
fn quota(gateway: &Gateway, plan: &Plan) -> Option<[(HeaderName, HeaderValue); 2]> {
    let provider = &plan.candidates.first()?.target.provider_name;
    let limit = gateway.config().rate_limits.get(&**provider).copied().filter(|limit| *limit > 0)?;
    let used = gateway.quota.count(provider);
    Some([
        (HeaderName::from_static(RPM_LIMIT), limit.into()),
        (HeaderName::from_static(RPM_USED), used.into()),
    ])
}

/// The model at the provider that `X-LiveKit-Inference-Provider` names, where the owner has one of that name.
fn served_by<'a>(gateway: &Gateway, project: &str, model: &'a str, headers: &HeaderMap) -> Cow<'a, str> {
    let named = headers.get(PROVIDER).and_then(|value| value.to_str().ok());
    match named.filter(|name| gateway.config().provider(project, name).is_some()) {
        Some(name) => {
            let bare = model.split_once('/').map_or(model, |(_, bare)| bare);
            Cow::Owned(format!("{name}/{bare}"))
        }
        None => Cow::Borrowed(model),
    }
}

async fn whole(mut call: ChatCall) -> Result<Response, Error> {
    // A call that ends without a word was cut off by us.
    let piece = call.pieces.recv().await.ok_or_else(Error::stopping)??;
    let mut response = Response::new(Body::from(piece.json));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

async fn streamed(gateway: &Gateway, mut call: ChatCall, guard: CallGuard) -> Result<Response, Error> {
    let first = match timeout(HEAD_WAIT, call.pieces.recv()).await {
        Ok(None) => return Err(Error::stopping()),
        Ok(Some(Err(failure))) => return Err(failure.into()),
        Ok(Some(Ok(piece))) => Some(piece),
        Err(_) => None,
    };
    let stopped = gateway.stopped().clone();
    let events = Events { call, first, is_over: false, last_write: Instant::now(), stopped, _guard: guard };
    let mut response = Response::new(Body::from_stream(events.stream()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Proxies of nginx's kind would collect the events otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// A stream of server-sent events.
struct Events {
    call: ChatCall,
    first: Option<ChatPiece>,
    is_over: bool,
    last_write: Instant,
    /// Cancelled when the server stops: a call that ends then was cut off.
    stopped: CancellationToken,
    _guard: CallGuard,
}

impl Events {
    fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        unfold(self, async |mut events| Some((Ok(events.next().await?), events)))
    }

    /// What is to be written next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        let mut written = BytesMut::new();
        let item = match self.first.take() {
            Some(piece) => Some(Ok(piece)),
            None => match timeout_at(self.last_write + KEEPALIVE_EVERY, self.call.pieces.recv()).await {
                Ok(item) => item,
                Err(_) => {
                    self.last_write = Instant::now();
                    return Some(Bytes::from_static(b": keepalive\n\n"));
                }
            },
        };
        self.write(item, &mut written);
        while !self.is_over && written.len() < WRITE_BYTES {
            match self.call.pieces.try_recv() {
                Ok(item) => self.write(Some(item), &mut written),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.write(None, &mut written),
            }
        }
        self.last_write = Instant::now();
        Some(written.freeze())
    }

    /// No `[DONE]` follows: what came is not all there was.
    fn fail(&mut self, error: &Error, written: &mut BytesMut) {
        event(written, error.openai_body().to_string().as_bytes());
        self.is_over = true;
    }

    fn write(&mut self, item: Option<Result<ChatPiece, Failure>>, written: &mut BytesMut) {
        match item {
            Some(Ok(piece)) => event(written, &piece.json),
            Some(Err(failure)) => self.fail(&failure.into(), written),
            None if self.stopped.is_cancelled() => self.fail(&Error::stopping(), written),
            None => {
                event(written, b"[DONE]");
                self.is_over = true;
            }
        }
    }
}

fn event(written: &mut BytesMut, data: &[u8]) {
    written.reserve(data.len() + 8);
    written.put_slice(b"data: ");
    written.put_slice(data);
    written.put_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use tokio::sync::mpsc;

    fn events(pieces: mpsc::Receiver<Result<ChatPiece, Failure>>) -> impl Stream<Item = String> {
        let guard = Arc::new(crate::occupancy::Occupancy::default()).call();
        let call = ChatCall { pieces };
        let stopped = CancellationToken::new();
        let last_write = Instant::now();
        let events = Events { call, first: None, is_over: false, last_write, stopped, _guard: guard };
        Box::pin(events.stream().map(|bytes| String::from_utf8(bytes.unwrap().to_vec()).unwrap()))
    }

    fn piece(json: &'static str) -> Result<ChatPiece, Failure> {
        Ok(ChatPiece { json: Bytes::from_static(json.as_bytes()), is_output: true })
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_is_kept_alive_with_comments_and_ends_with_done() {
        let (send, pieces) = mpsc::channel(4);
        let mut events = events(pieces);
        let before = Instant::now();
        assert_eq!(events.next().await.unwrap(), ": keepalive\n\n");
        assert_eq!(events.next().await.unwrap(), ": keepalive\n\n");
        assert_eq!(before.elapsed(), 2 * KEEPALIVE_EVERY);
        send.send(piece("{\"a\":1}")).await.unwrap();
        send.send(piece("{}")).await.unwrap();
        drop(send);
        assert_eq!(events.next().await.unwrap(), "data: {\"a\":1}\n\ndata: {}\n\ndata: [DONE]\n\n");
        assert_eq!(events.next().await, None);
    }

    #[tokio::test]
    async fn a_stream_that_fails_says_so_and_is_not_done() {
        let (send, pieces) = mpsc::channel(4);
        send.send(piece("{}")).await.unwrap();
        send.send(Err(Failure::refused(429, "slow down"))).await.unwrap();
        let events: Vec<String> = events(pieces).collect().await;
        let text = events.concat();
        let error = text.strip_prefix("data: {}\n\ndata: ").unwrap();
        let error: serde_json::Value = serde_json::from_str(error.trim()).unwrap();
        assert_eq!(error["error"]["code"], "rate_limit_exceeded");
        assert_eq!(error["error"]["message"], "slow down");
    }
}
