//! Text in pieces into audio on one WebSocket: what is the same whatever the provider's messages look like. The
//! socket is kept for the next synthesis when this one leaves it clean.

use super::{pcm::Track, resample::Resampler, websocket};
use crate::client::{Call, Lifetime, PooledSocket, Speaking, Words};
use futures_util::{FutureExt, SinkExt, StreamExt, future::BoxFuture};
use http::Request;
use std::{
    collections::{VecDeque, hash_map::RandomState},
    future::poll_fn,
    hash::BuildHasher,
    task::{Context, Poll, ready},
};
use tokio_tungstenite::tungstenite::{self, Bytes, Message, Utf8Bytes, protocol::CloseFrame};
use vg_core::call::{Failure, Spoken};

/// How one provider words it.
pub trait Tongue: Send + 'static {
    /// How long its sockets live.
    const LIFETIME: Lifetime;

    /// Opens the socket.
    ///
    /// # Errors
    /// When there is no key, or the address makes no sense.
    fn request(&self, call: &Call) -> Result<Request<()>, Failure>;

    /// What a refusal's body says.
    fn words(body: &[u8]) -> Words;

    /// The messages that say `text`.
    fn say(&mut self, text: &str, orders: &mut VecDeque<Order>);

    /// The messages that ask for the rest, as no more text comes.
    fn finish(&mut self, orders: &mut VecDeque<Order>);

    /// Whether all audio of what was said has come.
    fn is_silent(&self) -> bool;

    /// What makes the provider forget a synthesis that goes on, if the socket is fit for another one then.
    fn cancel(&mut self) -> Option<Utf8Bytes>;

    /// Reads a message; `spoken` gets what it says. Gives whether it answers this synthesis.
    ///
    /// # Errors
    /// What the provider failed with, or a message that cannot be read.
    fn read(&mut self, message: Message, spoken: &mut VecDeque<Spoken>) -> Result<bool, Failure>;
}

/// A message to the provider.
#[derive(Debug)]
pub struct Order {
    /// It.
    pub text: Utf8Bytes,
    /// The characters to speak in it; 0 once the meter knows.
    pub characters: u64,
}

/// An open synthesis.
pub struct Stream<T: Tongue> {
    call: Call,
    tongue: T,
    link: Link,
    /// What is to be sent; from the start as long as a reused socket has not answered, since the provider may have
    /// closed it before it read any of it.
    orders: VecDeque<Order>,
    /// How many of them were given to the socket, which may not have sent the last.
    written: usize,
    is_flushed: bool,
    /// Whether anything left on this socket.
    has_sent: bool,
    spoken: VecDeque<Spoken>,
    track: Track,
    /// None when the provider speaks at the rate that was asked for.
    resampler: Option<Resampler>,
    failure: Option<Failure>,
    is_finished: bool,
    is_over: bool,
}

enum Link {
    Open { pooled: Box<PooledSocket>, is_proven: bool },
    Opening(BoxFuture<'static, Result<PooledSocket, Failure>>),
    None,
}

/// The rate to be made for `asked`: the next one above that the provider has, so that nothing of it is lost.
pub fn made_rate(asked: u32, rates: &[u32]) -> u32 {
    rates.iter().copied().filter(|rate| *rate >= asked).min().or(rates.iter().copied().max()).unwrap_or(asked)
}

/// A name no other synthesis has, for those that share a socket.
pub fn context_name() -> String {
    let [one, two] = [RandomState::new(), RandomState::new()].map(|state| state.hash_one(0_u8));
    format!("vg{one:016x}{two:016x}")
}

/// Opens a synthesis into 16-bit audio of one channel, on a kept socket if there is one. The provider makes it at
/// the first rate, the caller gets it at the second.
///
/// # Errors
/// No connection, or a refusal, or a rate that is none.
pub async fn open<T: Tongue>(
    call: Call,
    (made, asked): (u32, u32),
    tongue: T,
) -> Result<Box<dyn Speaking>, Failure> {
    let resampler = if made == asked { None } else { Some(Resampler::new(made, asked)?) };
    let request = tongue.request(&call)?;
    let (pooled, is_proven) = match call.network.kept_socket(&request) {
        Some(pooled) => (pooled, false),
        None => (connect(call.clone(), request, T::words).await?, true),
    };
    Ok(Box::new(Stream {
        call,
        tongue,
        link: Link::Open { pooled: Box::new(pooled), is_proven },
        orders: VecDeque::new(),
        written: 0,
        is_flushed: true,
        has_sent: false,
        spoken: VecDeque::new(),
        track: Track::new(made),
        resampler,
        failure: None,
        is_finished: false,
        is_over: false,
    }))
}

async fn connect(
    call: Call,
    request: Request<()>,
    words: fn(&[u8]) -> Words,
) -> Result<PooledSocket, Failure> {
    let opened = call.network.new_socket(request, call.connect_timeout, words).await;
    match &opened {
        Ok(_) => call.tap.socket_opened(),
        Err(Failure { status: Some(status), .. }) => call.tap.refused(*status),
        Err(_) => {}
    }
    opened
}

impl<T: Tongue> Stream<T> {
    /// Sends what is to be sent, on a new socket if the kept one proves closed.
    fn poll_orders(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Link::Opening(opening) = &mut self.link {
                match ready!(opening.poll_unpin(context)) {
                    Ok(pooled) => self.link = Link::Open { pooled: Box::new(pooled), is_proven: true },
                    Err(failure) => self.fail(failure),
                }
            }
            match ready!(self.poll_write(context)) {
                Ok(()) => return Poll::Ready(()),
                Err(error) => self.lost(&error),
            }
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Result<(), tungstenite::Error>> {
        let Link::Open { pooled, is_proven } = &mut self.link else { return Poll::Ready(Ok(())) };
        while let Some(order) = self.orders.get(self.written) {
            ready!(pooled.socket.poll_ready_unpin(context))?;
            pooled.socket.start_send_unpin(Message::Text(order.text.clone()))?;
            self.written += 1;
            self.is_flushed = false;
        }
        if !self.is_flushed {
            ready!(pooled.socket.poll_flush_unpin(context))?;
            (self.is_flushed, self.has_sent) = (true, true);
            let sent = self.orders.iter_mut().take(self.written);
            let characters: u64 = sent.map(|order| std::mem::take(&mut order.characters)).sum();
            if characters > 0 {
                self.call.tap.sent_text(characters);
            }
        }
        if *is_proven {
            self.orders.clear();
            self.written = 0;
        }
        Poll::Ready(Ok(()))
    }

    /// The socket takes nothing any more.
    fn lost(&mut self, error: &tungstenite::Error) {
        // What the provider said before it closed says why.
        while let Link::Open { pooled, .. } = &mut self.link
            && let Some(message) = pooled.socket.next().now_or_never()
        {
            match message {
                Some(Ok(message)) => self.receive(message),
                _ => break,
            }
        }
        match &self.link {
            Link::Open { is_proven: false, .. } if !self.has_sent => self.start_over(),
            Link::Open { .. } => self.fail(websocket::broken(error)),
            Link::Opening(_) | Link::None => {}
        }
    }

    fn receive(&mut self, message: Message) {
        if let Message::Close(frame) = message {
            return self.closed(frame.as_ref());
        }
        let known = self.spoken.len();
        match self.tongue.read(message, &mut self.spoken) {
            Ok(is_answer) => {
                if let (true, Link::Open { is_proven, .. }) = (is_answer, &mut self.link) {
                    *is_proven = true;
                }
            }
            Err(failure) => {
                if let Some(status) = failure.status {
                    self.call.tap.refused(status);
                }
                self.fail(failure);
            }
        }
        for spoken in self.spoken.split_off(known) {
            match spoken {
                Spoken::Audio(audio) => self.hear(audio),
                other => self.spoken.push_back(other),
            }
        }
    }

    fn hear(&mut self, audio: Bytes) {
        self.call.tap.output();
        let (whole, nanos) = self.track.add(audio);
        self.call.tap.received_audio(nanos);
        let audio = match &mut self.resampler {
            Some(resampler) => resampler.push(whole),
            None => whole,
        };
        if !audio.is_empty() {
            self.spoken.push_back(Spoken::Audio(audio));
        }
    }

    /// A socket that was kept and closes in good order before it answered was idle for too long: its side had
    /// closed before it read what we sent, so nothing of it is billed, and it is sent anew.
    fn closed(&mut self, frame: Option<&CloseFrame>) {
        match &self.link {
            Link::Open { is_proven: false, .. } if frame.is_none_or(|f| u16::from(f.code) <= 1001) => {
                self.start_over();
            }
            _ => self.fail(websocket::closed(frame)),
        }
    }

    fn start_over(&mut self) {
        (self.written, self.is_flushed, self.has_sent) = (0, true, false);
        match self.tongue.request(&self.call) {
            Ok(request) => {
                self.link = Link::Opening(Box::pin(connect(self.call.clone(), request, T::words)));
            }
            Err(failure) => self.fail(failure),
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.link = Link::None;
        self.failure = Some(failure);
        self.is_over = true;
    }

    fn is_done(&self) -> bool {
        self.is_finished && self.tongue.is_silent() && self.is_flushed && self.written == self.orders.len()
    }

    /// Puts the socket back.
    fn keep(&mut self) {
        if let Link::Open { pooled, .. } = std::mem::replace(&mut self.link, Link::None) {
            self.call.network.keep_socket(*pooled, T::LIFETIME);
        }
        self.is_over = true;
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // What cannot be sent at the moment does not keep what comes from being read.
        let _ = self.poll_orders(context);
        if self.is_over {
            return Poll::Ready(());
        }
        let Link::Open { pooled, .. } = &mut self.link else { return Poll::Pending };
        match ready!(pooled.socket.poll_next_unpin(context)) {
            Some(Ok(message)) => self.receive(message),
            // Cut without a word, the provider may have read what was sent, even on a kept socket.
            Some(Err(error)) => self.fail(websocket::broken(&error)),
            None => self.closed(None),
        }
        Poll::Ready(())
    }

    async fn say_all(&mut self) -> Result<(), Failure> {
        poll_fn(|context| self.poll_orders(context)).await;
        self.failure.take().map_or(Ok(()), Err)
    }

    fn refuse_input(&mut self) -> Result<(), Failure> {
        match self.failure.take() {
            Some(failure) => Err(failure),
            None if self.is_over || self.is_finished => Err(Failure::dropped("the stream has ended")),
            None => Ok(()),
        }
    }
}

impl<T: Tongue> Speaking for Stream<T> {
    fn say(&mut self, text: String) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            self.refuse_input()?;
            if !text.is_empty() {
                self.tongue.say(&text, &mut self.orders);
            }
            self.say_all().await
        })
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            self.refuse_input()?;
            self.is_finished = true;
            self.tongue.finish(&mut self.orders);
            self.say_all().await
        })
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Spoken, Failure>>> {
        Box::pin(async move {
            loop {
                if let Some(spoken) = self.spoken.pop_front() {
                    return Some(Ok(spoken));
                }
                if let Some(failure) = self.failure.take() {
                    return Some(Err(failure));
                }
                if self.is_over {
                    return None;
                }
                if self.is_done() {
                    self.keep();
                    let rest = self.resampler.take().map(|mut resampler| resampler.finish());
                    return rest.filter(|rest| !rest.is_empty()).map(|rest| Ok(Spoken::Audio(rest)));
                }
                poll_fn(|context| self.poll_message(context)).await;
            }
        })
    }
}

/// A synthesis that is dropped is cancelled: the provider is told, if that takes no waiting, and the socket is
/// kept; else the socket closes.
impl<T: Tongue> Drop for Stream<T> {
    fn drop(&mut self) {
        let is_settled = self.is_flushed && self.written == self.orders.len();
        let Link::Open { pooled, .. } = &mut self.link else { return };
        let is_clean = is_settled
            && (self.tongue.is_silent()
                || self.tongue.cancel().is_some_and(|text| {
                    matches!(pooled.socket.send(Message::Text(text)).now_or_never(), Some(Ok(())))
                }));
        if is_clean {
            self.keep();
        }
    }
}
