//! Stage `call`: tries a plan's candidates in turn at their providers. The sole caller of provider clients.
//!
//! Every call runs in a task of its own that the engine tracks, not in the future of whoever asked: when the asker
//! goes (drops its end), the provider's stream is cancelled, and what was metered is settled. Each try of a
//! candidate is an attempt, thus a line of the ledger; the attempts of one call share a request id.

mod batch;
mod deafness;
mod llm;
mod mulaw;
mod replay;
mod stt;
mod tries;
mod tts;

use crate::Engine;
use std::{future::Future, time::Duration};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vg_core::call::{ChatPiece, Failure, Heard, ListenInput, Spoken};

/// A chat in progress. Dropping it cancels.
#[derive(Debug)]
pub struct ChatCall {
    /// The pieces of the answer; the last item is an error when no candidate could finish it.
    pub pieces: mpsc::Receiver<Result<ChatPiece, Failure>>,
}

/// A listening stream in progress. Dropping `events` cancels.
#[derive(Debug)]
pub struct ListenCall {
    /// Takes audio; dropping it says that no more comes, and the events then end after the last transcript.
    pub input: mpsc::Sender<ListenInput>,
    /// What is heard, with times from the first sample sent on `input`, whichever candidate hears it.
    /// Boxed, since a channel keeps room for dozens and there are thousands of streams.
    pub events: mpsc::Receiver<Box<Result<Heard, Failure>>>,
}

/// A synthesis in progress. Dropping `events` cancels.
#[derive(Debug)]
pub struct SpeakCall {
    /// Takes texts, a sentence or so each; dropping it says that no more comes, and the events then end after the
    /// last audio.
    pub input: mpsc::Sender<String>,
    /// What is spoken, with times from the first sample, whichever candidate speaks it.
    pub events: mpsc::Receiver<Result<Spoken, Failure>>,
}

/// The calls that run.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    tasks: TaskTracker,
    /// Cancelled when every call must end now.
    stop: CancellationToken,
}

impl Calls {
    /// Runs a call in a task of its own. The task must end soon after [`Calls::stopped`] resolves.
    pub(crate) fn spawn(&self, call: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(call);
    }

    /// Resolves when every call must end.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + '_ {
        self.stop.cancelled()
    }
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Calls that ended by themselves within the grace.
    pub finished: usize,
    /// Calls that were cancelled after it.
    pub cancelled: usize,
}

impl Engine {
    /// Waits for the calls that run, at most `grace`, then cancels and settles the rest. Whoever asks for calls must
    /// have stopped before.
    pub async fn drain(&self, grace: Duration) -> Drained {
        let calls = &self.shared.calls;
        let running = calls.tasks.len();
        calls.tasks.close();
        let cancelled = match tokio::time::timeout(grace, calls.tasks.wait()).await {
            Ok(()) => 0,
            Err(_) => calls.tasks.len(),
        };
        calls.stop.cancel();
        calls.tasks.wait().await;
        Drained { finished: running.saturating_sub(cancelled), cancelled }
    }
}
