//! An HTTP answer that is played out over time, billed as it leaves, and struck by the fault of its request.

use super::{Counts, FaultKind, Sim, Ticket};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use std::{collections::VecDeque, io, time::Duration};
use tokio::time::Instant;

/// One piece of an answer.
pub(crate) struct Step {
    /// Provider time since the piece before it, in milliseconds.
    pub after_millis: f64,
    pub bytes: Bytes,
    /// What the provider bills once it is sent.
    pub counts: Counts,
    /// How many units (tokens, characters) the pieces up to and with this one hold: what faults count by.
    pub units: u64,
}

impl Step {
    /// So many tokens, the first after the first of these times and each other one after the second, in an answer
    /// that leaves when all are made. They are made one by one, so a client that goes away pays for those made.
    pub(crate) fn tokens_at_once(
        tokens: u64,
        (first_millis, millis): (f64, f64),
        body: String,
    ) -> VecDeque<Step> {
        let mut steps: VecDeque<Step> = (0..tokens)
            .map(|place| Step {
                after_millis: if place == 0 { first_millis } else { millis },
                bytes: Bytes::new(),
                counts: Counts { output_tokens: 1, ..Counts::default() },
                units: place + 1,
            })
            .collect();
        let bytes = body.into();
        steps.push_back(Step { after_millis: 0.0, bytes, counts: Counts::default(), units: tokens });
        steps
    }
}

/// An answer on its way out. Dropping it, which happens as soon as the client is gone, ends the billing.
pub(crate) struct Playback {
    pub sim: Sim,
    pub ticket: Ticket,
    pub steps: VecDeque<Step>,
    /// The provider's own error message in the middle of an answer; `None` where it has none and can only hang up.
    pub error_frame: Option<Bytes>,
    /// Something that its client cannot decode.
    pub malformed: Bytes,
    due: Instant,
    units: u64,
}

impl Playback {
    pub(crate) fn new(sim: Sim, ticket: Ticket, steps: VecDeque<Step>) -> Playback {
        let malformed = Bytes::from_static(b"data: {\"broken\n\n");
        Playback { sim, ticket, steps, error_frame: None, malformed, due: Instant::now(), units: 0 }
    }

    /// An answer that comes in one piece after `after_millis`, or fails with `failure`.
    pub(crate) fn single(
        sim: Sim,
        ticket: Ticket,
        after_millis: f64,
        body: String,
        failure: String,
    ) -> Playback {
        let step = Step { after_millis, bytes: body.into(), counts: Counts::default(), units: 0 };
        let mut playback = Playback::new(sim, ticket, VecDeque::from([step]));
        playback.error_frame = Some(failure.into());
        // All of the request has been received, so whatever point a fault waits for is past.
        playback.units = u64::MAX;
        playback
    }

    /// The next piece when its time has come; an error is a connection to be cut.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if let Some(fault) = self.ticket.strike(self.units) {
            match (fault.kind, self.error_frame.take()) {
                (FaultKind::Slow, frame) => {
                    self.error_frame = frame;
                    let pause = Duration::from_millis(fault.pause_millis());
                    tokio::time::sleep(pause).await;
                    self.due += pause;
                }
                (FaultKind::Stall, _) => {
                    match fault.value {
                        Some(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
                        None => std::future::pending().await,
                    }
                    return Some(self.hang_up().await);
                }
                (FaultKind::Malformed, _) => return Some(Ok(self.malformed.clone())),
                (FaultKind::ErrorFrame, Some(frame)) => {
                    self.ticket.fail();
                    self.steps.clear();
                    return Some(Ok(frame));
                }
                _ => return Some(self.hang_up().await),
            }
        }
        let step = self.steps.pop_front()?;
        self.due += self.sim.paced(step.after_millis);
        tokio::time::sleep_until(self.due).await;
        self.ticket.add(step.counts);
        self.units = step.units;
        if self.steps.is_empty() {
            self.ticket.complete();
        }
        Some(Ok(step.bytes))
    }

    /// Books the request under the id that its answer tells.
    fn name_request(&mut self, headers: &HeaderMap) {
        let ids = ["x-request-id", "request-id", "dg-request-id"];
        if let Some(id) = ids.iter().find_map(|name| headers.get(*name)?.to_str().ok()) {
            self.ticket.name(id);
        }
    }

    async fn hang_up(&mut self) -> io::Result<Bytes> {
        // Lets the server write what was given to it: a cut must not take back what was sent before it.
        tokio::task::yield_now().await;
        self.ticket.fail();
        self.steps.clear();
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    }

    /// Streams the answer. The headers leave with the first piece, as they do at the real providers.
    pub(crate) async fn stream(mut self, content_type: &'static str, headers: HeaderMap) -> Response {
        self.name_request(&headers);
        let first = self.next().await;
        let rest = futures_util::stream::unfold((first, self), |(ready, mut playback)| async move {
            let item = match ready {
                Some(item) => item,
                None => playback.next().await?,
            };
            Some((item, (None, playback)))
        });
        let mut response = Response::new(Body::from_stream(rest));
        *response.headers_mut() = headers;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }

    /// Plays everything and gives it as one body with `status` 200; a fault in it spoils all of it.
    pub(crate) async fn whole(mut self, content_type: &'static str, headers: HeaderMap) -> Response {
        self.name_request(&headers);
        let mut body = Vec::new();
        let error = self.error_frame.clone();
        let mut status = StatusCode::OK;
        let mut cut = None;
        while let Some(piece) = self.next().await {
            match piece {
                Ok(bytes) if error.as_ref() == Some(&bytes) => {
                    status = StatusCode::INTERNAL_SERVER_ERROR;
                    body = bytes.into();
                }
                Ok(bytes) => body.extend(bytes),
                Err(error) => cut = Some(error),
            }
        }
        let body = match cut {
            Some(error) => Body::from_stream(futures_util::stream::iter([Err::<Bytes, _>(error)])),
            None => Body::from(body),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }
}
