//! Chat: one candidate after the other until a token comes, then that one to its end.

use super::{
    ChatCall,
    tries::{Tries, Try},
};
use crate::{
    Engine,
    admit::Scope,
    attempt::Attempt,
    route::Plan,
    settle::{ChatText, Outcome},
};
use futures_util::{
    StreamExt,
    stream::{Fuse, FuturesUnordered},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};
use vg_core::{
    Status,
    call::{ChatPiece, ChatRequest, Failure},
};
use vg_providers::client::ChatStream;

/// Pieces that may wait for the asker.
const AHEAD: usize = 32;
/// How long an answer may pause in its middle.
const STALL: Duration = Duration::from_secs(20);
/// How long an answer in one piece may take.
const WHOLE: Duration = Duration::from_secs(600);

impl Engine {
    /// Asks the plan's candidates. Only while no piece with output was passed on may another one answer; pieces
    /// without any are held back till then, so that a restart leaves no trace.
    pub fn chat(&self, plan: Plan, scope: Scope, request: ChatRequest) -> ChatCall {
        let (pieces, receiver) = mpsc::channel(AHEAD);
        let tries = Tries::new(self.clone(), plan, scope, request.stream);
        self.shared.calls.spawn(Chat { tries, request: Arc::new(request), pieces }.run());
        ChatCall { pieces: receiver }
    }
}

struct Chat {
    tries: Tries,
    request: Arc<ChatRequest>,
    pieces: mpsc::Sender<Result<ChatPiece, Failure>>,
}

/// An answer that has begun.
struct Begun {
    /// What came so far; the last one has output, unless the answer has none.
    held: Vec<ChatPiece>,
    /// Fused: an answer without output has ended by now.
    rest: Fuse<ChatStream>,
}

impl Chat {
    async fn run(mut self) {
        let engine = self.tries.engine().clone();
        let pieces = self.pieces.clone();
        let begun = tokio::select! {
            begun = self.begin() => begun,
            () = pieces.closed() => return,
            () = engine.shared.calls.stopped() => return,
        };
        let failure = match begun {
            Ok((tried, begun)) => self.pass_on(&tried, begun).await,
            Err(failure) => Some(failure),
        };
        if let Some(failure) = failure {
            self.tries.tell(pieces.send(Err(failure))).await;
        }
    }

    /// Tries until one answers; with a hedge, up to two at the same time. A try whose future is dropped settles as
    /// cancelled.
    async fn begin(&mut self) -> Result<(Try, Begun), Failure> {
        let hedge = self.tries.plan().patience.hedge.filter(|_| self.request.stream);
        let mut running = FuturesUnordered::new();
        let mut attempts: Vec<Arc<Attempt>> = Vec::new();
        loop {
            let hedge = hedge.filter(|_| running.len() == 1 && self.tries.has_another());
            let ended = match hedge {
                Some(patience) => timeout(patience, running.next()).await.ok(),
                None => Some(running.next().await),
            };
            match ended {
                Some(Some((tried, Ok(begun)))) => {
                    self.tries.answered(&tried);
                    for lost in attempts.iter().filter(|attempt| attempt.id() != tried.attempt.id()) {
                        with_text(&self.request, lost, Status::Cancelled, |outcome| {
                            lost.settle(Outcome { note: Some(("hedge", "lost")), ..outcome });
                        });
                    }
                    return Ok((tried, begun));
                }
                Some(Some((tried, Err(failure)))) => {
                    let failed = |outcome: Outcome<'_>| self.tries.failed(&tried, failure, outcome);
                    with_text(&self.request, &tried.attempt, Status::Error, failed);
                }
                // Nothing runs yet or any more, or the hedge is due.
                Some(None) | None => {
                    let tried = self.tries.next().await?;
                    attempts.push(Arc::clone(&tried.attempt));
                    running.push(open(tried, Arc::clone(&self.request)));
                }
            }
        }
    }

    /// Passes an answer on to its end. Returns the failure the asker must be told of.
    async fn pass_on(&mut self, tried: &Try, begun: Begun) -> Option<Failure> {
        let engine = self.tries.engine().clone();
        let pieces = self.pieces.clone();
        let passing = async {
            for piece in begun.held {
                if pieces.send(Ok(piece)).await.is_err() {
                    return None;
                }
            }
            let mut rest = begun.rest;
            loop {
                match timeout(STALL, rest.next()).await {
                    Ok(Some(Ok(piece))) => {
                        if pieces.send(Ok(piece)).await.is_err() {
                            return None;
                        }
                    }
                    Ok(None) => return Some(Ok(())),
                    Ok(Some(Err(failure))) => return Some(Err(failure)),
                    Err(_) => return Some(Err(Failure::timed_out("the answer stopped in its middle"))),
                }
            }
        };
        let ended = tokio::select! {
            ended = passing => ended,
            () = pieces.closed() => None,
            () = engine.shared.calls.stopped() => None,
        };
        let request = Arc::clone(&self.request);
        match ended {
            Some(Ok(())) => {
                with_text(&request, &tried.attempt, Status::Success, |outcome| {
                    self.tries.succeeded(tried, outcome)
                });
                None
            }
            Some(Err(failure)) => {
                let told = failure.clone();
                let failed = |outcome: Outcome<'_>| self.tries.failed(tried, failure, outcome);
                with_text(&request, &tried.attempt, Status::Error, failed);
                Some(told)
            }
            None => {
                with_text(&request, &tried.attempt, Status::Cancelled, |outcome| {
                    tried.attempt.settle(outcome);
                });
                None
            }
        }
    }
}

/// Asks one candidate and waits for its first output.
async fn open(tried: Try, request: Arc<ChatRequest>) -> (Try, Result<Begun, Failure>) {
    let patience = if request.stream { tried.patience.first_token } else { WHOLE };
    let begun = match timeout(patience, begin(&tried, request, patience)).await {
        Ok(begun) => begun,
        Err(_) => Err(Failure::timed_out(format!("no first token within {} ms", patience.as_millis()))),
    };
    (tried, begun)
}

async fn begin(tried: &Try, request: Arc<ChatRequest>, patience: Duration) -> Result<Begun, Failure> {
    let candidate = &tried.candidate;
    let Some(client) = candidate.clients.llm else {
        return Err(Failure::unsupported("this provider does not chat"));
    };
    let request = match &candidate.extra {
        Some(extra) if !extra.is_empty() => {
            let mut own = ChatRequest::clone(&request);
            own.body.extend(extra.clone());
            Arc::new(own)
        }
        _ => request,
    };
    let call = vg_providers::client::Call { connect_timeout: patience, ..tried.call.clone() };
    let mut rest = client.chat(call, request).await?.fuse();
    let mut held = Vec::new();
    while let Some(piece) = rest.next().await {
        let piece = piece?;
        let is_output = piece.is_output;
        held.push(piece);
        if is_output {
            break;
        }
    }
    Ok(Begun { held, rest })
}

/// Ends a chat with its text, where the provider gave no usage message to book instead.
fn with_text(request: &ChatRequest, attempt: &Attempt, status: Status, settle: impl FnOnce(Outcome<'_>)) {
    let Some(answer) = attempt.unreported_text() else { return settle(Outcome::new(status)) };
    let json = |key| request.body.get(key).map(ToString::to_string);
    let (messages, tools) = (json("messages").unwrap_or_default(), json("tools"));
    let chat = ChatText { messages: &messages, tools: tools.as_deref(), answer: &answer };
    settle(Outcome { chat: Some(chat), ..Outcome::new(status) });
}
