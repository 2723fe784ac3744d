//! Speech of many texts, one request each, for providers that take no text in pieces. The request of the next text leaves while the audio of the one before is
//! still coming, so that no pause falls between them.

use super::{one_request::one_request, resample::Resampler};
use crate::client::{Call, Speaking, Synthesized, TtsClient};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use std::{
    collections::VecDeque,
    future::{poll_fn, ready},
    task::{Context, Poll, ready},
};
use vg_core::call::{AudioFormat, Failure, SpeakRequest, Spoken, SynthesizeRequest};

/// How many requests may be open: the one that is heard, and the next.
const OPEN: usize = 2;

/// An open speaking stream.
pub struct Texts {
    call: Call,
    request: SpeakRequest,
    client: &'static dyn TtsClient,
    rate: u32,
    waiting: VecDeque<String>,
    lanes: VecDeque<Lane>,
    /// Texts whose audio has come.
    done: usize,
    no_more_comes: bool,
}

/// The audio of one text.
struct Lane {
    state: State,
    resampler: Resampler,
}

enum State {
    Asked(BoxFuture<'static, Result<Synthesized, Failure>>),
    Comes(BoxStream<'static, Result<Bytes, Failure>>),
    Failed(Option<Failure>),
    /// Nothing to say, or all of it said.
    Over,
}

impl Texts {
    /// Opens a stream; nothing is sent yet. `client` makes each text a file of bare audio of so many samples a second.
    ///
    /// # Errors
    /// When there is no such audio.
    pub fn open(
        call: Call,
        request: SpeakRequest,
        client: &'static dyn TtsClient,
        rate: u32,
    ) -> Result<Texts, Failure> {
        Resampler::new(rate, request.sample_rate)?;
        Ok(Texts {
            call,
            request,
            client,
            rate,
            waiting: VecDeque::new(),
            lanes: VecDeque::new(),
            done: 0,
            no_more_comes: false,
        })
    }

    fn ask(&self, text: String) -> Result<Lane, Failure> {
        let resampler = Resampler::new(self.rate, self.request.sample_rate)?;
        if text.trim().is_empty() {
            return Ok(Lane { state: State::Over, resampler });
        }
        let request = SynthesizeRequest {
            text,
            voice: self.request.voice.clone(),
            format: AudioFormat::Pcm,
            speed: None,
            instructions: None,
            as_events: false,
            extra: self.request.extra.clone(),
        };
        Ok(Lane { state: State::Asked(self.client.synthesize(one_request(&self.call), request)), resampler })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Spoken, Failure>>> {
        loop {
            while self.lanes.len() < OPEN
                && let Some(text) = self.waiting.pop_front()
            {
                match self.ask(text) {
                    Ok(lane) => self.lanes.push_back(lane),
                    Err(failure) => return Poll::Ready(Some(Err(self.fail(failure)))),
                }
            }
            for lane in &mut self.lanes {
                lane.state.advance(cx);
            }
            let Some(lane) = self.lanes.front_mut() else {
                // Whoever says the next text asks again afterwards, so nobody needs to be woken.
                return if self.no_more_comes { Poll::Ready(None) } else { Poll::Pending };
            };
            match ready!(lane.poll(cx)) {
                Some(Ok(audio)) if audio.is_empty() => {}
                Some(Ok(audio)) => return Poll::Ready(Some(Ok(Spoken::Audio(audio)))),
                Some(Err(failure)) => return Poll::Ready(Some(Err(self.fail(failure)))),
                None => {
                    self.lanes.pop_front();
                    self.done += 1;
                    return Poll::Ready(Some(Ok(Spoken::TextsDone(self.done))));
                }
            }
        }
    }

    /// Ends the stream.
    fn fail(&mut self, failure: Failure) -> Failure {
        self.lanes.clear();
        self.waiting.clear();
        self.no_more_comes = true;
        failure
    }
}

impl State {
    /// Moves a request on, so that it is answered by the time its turn comes.
    fn advance(&mut self, cx: &mut Context<'_>) {
        if let State::Asked(answer) = self
            && let Poll::Ready(answer) = answer.poll_unpin(cx)
        {
            *self = match answer {
                Ok(spoken) => State::Comes(spoken.audio),
                Err(failure) => State::Failed(Some(failure)),
            };
        }
    }
}

impl Lane {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        match &mut self.state {
            State::Asked(_) => Poll::Pending,
            State::Failed(failure) => Poll::Ready(failure.take().map(Err)),
            State::Over => Poll::Ready(None),
            State::Comes(audio) => Poll::Ready(Some(match ready!(audio.poll_next_unpin(cx)) {
                Some(audio) => audio.map(|audio| self.resampler.push(audio)),
                None => {
                    self.state = State::Over;
                    Ok(self.resampler.finish())
                }
            })),
        }
    }
}

impl Speaking for Texts {
    fn say(&mut self, text: String) -> BoxFuture<'_, Result<(), Failure>> {
        self.waiting.push_back(text);
        Box::pin(ready(Ok(())))
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        self.no_more_comes = true;
        Box::pin(ready(Ok(())))
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Spoken, Failure>>> {
        Box::pin(poll_fn(|cx| self.poll(cx)))
    }
}
