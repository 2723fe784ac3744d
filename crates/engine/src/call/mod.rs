//! Stage `call`: tries a plan's candidates in turn at their providers. The sole caller of provider clients.
//!
//! Every call runs in a task of its own that the engine tracks, not in the future of whoever asked: when the asker
//! goes (drops its end), the provider's stream is cancelled, and what was metered is settled. Each try of a
//! candidate is an attempt, thus a line of the ledger; the attempts of one call share a request id.

use tokio::sync::mpsc;
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
    pub events: mpsc::Receiver<Result<Heard, Failure>>,
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
