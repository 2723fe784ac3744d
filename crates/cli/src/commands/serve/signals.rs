//! SIGINT and SIGTERM: the first one asks for an end in good order, the second for an end.

use std::io;
use tokio::sync::oneshot;
use vg_gateway::Stop;

/// Listens from now on.
///
/// # Errors
/// When the system gives no signals.
pub(super) fn stop() -> io::Result<Stop> {
    let mut signals = Signals::new()?;
    let (first, first_came) = oneshot::channel::<()>();
    let (second, second_came) = oneshot::channel::<()>();
    tokio::spawn(async move {
        signals.next().await;
        tracing::warn!(
            "stopping: calls that run may end within their grace; interrupt again to stop at once"
        );
        drop(first);
        signals.next().await;
        drop(second);
    });
    Ok(Stop {
        gracefully: Box::pin(async move { drop(first_came.await) }),
        now: Box::pin(async move { drop(second_came.await) }),
    })
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) {
        drop(tokio::signal::ctrl_c().await);
    }
}
