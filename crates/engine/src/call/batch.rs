//! Recordings and files: one request, one answer, along the same chain.

use super::tries::{Tries, Try};
use crate::{Engine, admit::Scope, route::Plan, settle::Outcome};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::{sync::mpsc, time::timeout};
use vg_core::{
    Status,
    call::{Failure, SynthesizeRequest, TranscribeRequest, Transcription},
};
use vg_providers::client::{Call, Synthesized};

/// How long a recording may take to be transcribed, or a file to be begun.
const WHOLE: Duration = Duration::from_secs(300);
/// How long a file may pause in its middle.
const STALL: Duration = Duration::from_secs(20);
/// Pieces that may wait for the asker.
const AHEAD: usize = 16;

impl Engine {
    /// Transcribes a recording. Dropping the future cancels.
    ///
    /// # Errors
    /// The last failure, when no candidate could.
    pub async fn transcribe(
        &self,
        plan: Plan,
        scope: Scope,
        request: TranscribeRequest,
    ) -> Result<Transcription, Failure> {
        let mut tries = Tries::new(self.clone(), plan, scope, false);
        loop {
            let tried = tries.next().await?;
            let answer = match tried.candidate.clients.stt {
                Some(client) => in_time(client.transcribe(patient(&tried), request.clone())).await,
                None => Err(Failure::unsupported("this provider does not transcribe")),
            };
            match answer {
                Ok(transcription) => {
                    tries.succeeded(&tried, Outcome::new(Status::Success));
                    return Ok(transcription);
                }
                Err(failure) => tries.failed(&tried, failure, Outcome::new(Status::Error)),
            }
        }
    }

    /// Speaks one text into one file. Resolves when its first bytes have come; only before may another candidate
    /// step in. Dropping the future or the audio cancels.
    ///
    /// # Errors
    /// The last failure, when no candidate could.
    pub async fn synthesize(
        &self,
        plan: Plan,
        scope: Scope,
        request: SynthesizeRequest,
    ) -> Result<Synthesized, Failure> {
        let mut tries = Tries::new(self.clone(), plan, scope, false);
        loop {
            let tried = tries.next().await?;
            match in_time(begin(&tried, request.clone())).await {
                Ok((first, rest)) => return Ok(self.pass_on(tries, tried, first, rest)),
                Err(failure) => tries.failed(&tried, failure, Outcome::new(Status::Error)),
            }
        }
    }

    /// Lets the rest of a file pass through a task of its own, which settles it.
    fn pass_on(
        &self,
        mut tries: Tries,
        tried: Try,
        first: Option<bytes::Bytes>,
        mut rest: Synthesized,
    ) -> Synthesized {
        let (pieces, receiver) = mpsc::channel(AHEAD);
        let engine = self.clone();
        let content_type = std::mem::take(&mut rest.content_type);
        let passing = async move {
            let gone = pieces.clone();
            let pass = async {
                if let Some(first) = first
                    && pieces.send(Ok(first)).await.is_err()
                {
                    return None;
                }
                loop {
                    match timeout(STALL, rest.audio.next()).await {
                        Ok(Some(Ok(piece))) => pieces.send(Ok(piece)).await.ok()?,
                        Ok(None) => return Some(Ok(())),
                        Ok(Some(Err(failure))) => return Some(Err(failure)),
                        Err(_) => return Some(Err(Failure::timed_out("the audio stopped in its middle"))),
                    }
                }
            };
            let ended = tokio::select! {
                ended = pass => ended,
                () = gone.closed() => None,
                () = engine.shared.calls.stopped() => None,
            };
            match ended {
                Some(Ok(())) => tries.succeeded(&tried, Outcome::new(Status::Success)),
                Some(Err(failure)) => {
                    tries.failed(&tried, failure.clone(), Outcome::new(Status::Error));
                    tries.tell(gone.send(Err(failure))).await;
                }
                None => drop(tried),
            }
        };
        self.shared.calls.spawn(passing);
        let audio = futures_util::stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|piece| (piece, receiver))
        });
        Synthesized { content_type, audio: audio.boxed() }
    }
}

fn patient(tried: &Try) -> Call {
    Call { connect_timeout: WHOLE, ..tried.call.clone() }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = || Failure::timed_out(format!("no answer within {} s", WHOLE.as_secs()));
    timeout(WHOLE, answer).await.unwrap_or_else(|_| Err(late()))
}

/// Asks one candidate and waits for its first bytes.
async fn begin(
    tried: &Try,
    mut request: SynthesizeRequest,
) -> Result<(Option<bytes::Bytes>, Synthesized), Failure> {
    let Some(client) = tried.candidate.clients.tts else {
        return Err(Failure::unsupported("this provider does not speak"));
    };
    request.voice = tried.candidate.target.endpoint.voice.clone();
    if let Some(extra) = &tried.candidate.extra {
        request.extra.clone_from(extra);
    }
    let mut spoken = client.synthesize(patient(tried), request).await?;
    let first = spoken.audio.next().await.transpose()?;
    Ok((first, spoken))
}
