//! Accepts connections, and stops in order: no new calls, then a grace period, then none.

use crate::{Gateway, router, stream::Stream};
use http::Request;
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use socket2::{SockRef, TcpKeepalive};
use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
};

/// A dead peer is noticed after about this long, since nothing above TCP asks it: a pooled LiveKit socket does not
/// answer pings.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// How long calls that were cancelled may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// Out of descriptors, say: wait before the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often to look whether the last call has ended.
const DRAIN_POLL: Duration = Duration::from_millis(50);

/// When to stop.
pub struct Stop {
    /// Resolves at the first signal: take no new calls, let those that run go on for a while.
    pub gracefully: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Resolves at the second one, after the first: stop now.
    pub now: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Serves until told to stop; on return every call has ended and is settled, and lines still to be made durable
/// are the engine's to flush.
///
/// # Errors
/// None at present: trouble with one connection is that connection's.
pub async fn serve(gateway: Arc<Gateway>, listener: TcpListener, stop: Stop) -> io::Result<()> {
    let app = router(&gateway);
    let slots = Arc::new(Semaphore::new(gateway.limits.connections));
    let accepting = accept(&gateway, &listener, &app, &slots);
    tokio::select! {
        never = accepting => match never {},
        () = stop.gracefully => {}
    }
    gateway.draining().cancel();
    // Those who ask now are told; what runs goes on.
    let accepting = accept(&gateway, &listener, &app, &slots);
    tokio::select! {
        never = accepting => match never {},
        () = idle(&gateway) => {}
        () = tokio::time::sleep(gateway.limits.grace) => {}
        () = stop.now => {}
    }
    gateway.stopped().cancel();
    gateway.tasks().close();
    let goodbye = async {
        gateway.engine().drain(Duration::ZERO).await;
        gateway.tasks().wait().await;
    };
    // Nothing is left to do for a client that does not close.
    drop(tokio::time::timeout(GOODBYE, goodbye).await);
    Ok(())
}

/// A place among the connections: kept by whoever the connection becomes, a WebSocket too.
#[derive(Clone)]
pub(crate) struct Slot(#[expect(dead_code, reason = "it is held, not read")] Arc<OwnedSemaphorePermit>);

/// Resolves when no call runs.
async fn idle(gateway: &Gateway) {
    while gateway.occupancy.calls() > 0 {
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

enum Never {}

async fn accept(
    gateway: &Arc<Gateway>,
    listener: &TcpListener,
    app: &axum::Router,
    slots: &Arc<Semaphore>,
) -> Never {
    loop {
        let Ok(slot) = Arc::clone(slots).acquire_owned().await else { std::future::pending().await };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        tune(&stream);
        gateway.tasks().spawn(connection(gateway, stream, app.clone(), Slot(Arc::new(slot))));
    }
}

/// Small frames leave at once, and a peer that vanished is noticed.
fn tune(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4);
    let tuned = stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_keepalive(&keepalive));
    if let Err(error) = tuned {
        tracing::debug!(%error, "failed to tune a connection");
    }
}

/// One connection, HTTP/1.1, until it closes or becomes a WebSocket, which then lives in a task of its own.
fn connection(
    gateway: &Gateway,
    stream: TcpStream,
    app: axum::Router,
    slot: Slot,
) -> impl Future<Output = ()> + Send + 'static {
    let limits = &gateway.limits;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head_wait).max_buf_size(limits.head_bytes);
    let first_request_wait = limits.first_request_wait;
    let stopped = gateway.stopped().clone();
    let stream = Stream::new(stream, limits.stall_wait);
    async move {
        let (asked, first_request) = oneshot::channel::<()>();
        let asked = Mutex::new(Some(asked));
        let app = TowerToHyperService::new(app);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(slot.clone());
            drop(asked.lock().unwrap_or_else(PoisonError::into_inner).take());
            app.call(request)
        });
        let served = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        tokio::pin!(served);
        // A connection that asks for nothing is not kept; one that asked may idle for longer.
        let silent = tokio::time::timeout(first_request_wait, first_request);
        let ended = tokio::select! {
            ended = served.as_mut() => ended,
            Err(_) = silent => return,
            () = stopped.cancelled() => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        };
        if let Err(error) = ended {
            // Mostly clients that went away.
            tracing::debug!(%error, "a connection broke");
        }
    }
}
