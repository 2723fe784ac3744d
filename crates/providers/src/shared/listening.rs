//! A stream of audio into transcripts on one WebSocket: what is the same whatever the provider's messages look
//! like. One task's worth of work without a task: all of it happens in the caller's `send` and `next`.

use super::websocket;
use crate::client::{Call, Listening, Socket, Words};
use bytes::BytesMut;
use futures_util::{FutureExt, SinkExt, StreamExt, future::BoxFuture};
use http::Request;
use serde_json::{Map, Value};
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::{self, Bytes, Message, Utf8Bytes, protocol::CloseFrame};
use vg_core::call::{Failure, Heard, ListenInput, Transcript};

/// How long the provider may take to confirm that all audio before a `Finalize` was transcribed.
const FINALIZE_WAIT: Duration = Duration::from_millis(1500);
/// How long the provider may take to say what is left when no more audio comes.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// How one provider words it.
pub trait Dialect: Send + 'static {
    /// How often it wants a sign of life while no audio is sent, and which.
    const KEEP_ALIVE: (Duration, fn() -> Message);
    /// After how long without audio it may close, though nothing is wrong.
    const IDLE: Duration;
    /// Whether its last message says that it is the last. Where it does not, any end will do.
    const SAYS_END: bool;
    /// Whether its first message says that it takes the stream. A refusal may come in that one's place.
    const SAYS_BEGIN: bool = false;
    /// Whether it keeps and bills the session until it is told to end, even if nobody is there any more.
    const OUTLIVES_SOCKET: bool = false;
    /// The shortest and the longest frame of audio it takes, in milliseconds; only the last one may be shorter. None
    /// where any will do.
    const FRAME_MILLIS: Option<(u64, u64)> = None;

    /// That sign, where it says something of this stream.
    fn sign_of_life(&self) -> Message {
        (Self::KEEP_ALIVE.1)()
    }

    /// The message that carries audio.
    fn audio(&mut self, audio: Bytes) -> Message {
        Message::Binary(audio)
    }

    /// Silence to send before a `Finalize` or the end, where the provider wants more audio than it got for that.
    fn padding(&mut self) -> Bytes {
        Bytes::new()
    }

    /// Whether the provider has nothing left to say if no more audio comes, so that nothing is to be waited for.
    fn is_settled(&self) -> bool {
        false
    }

    /// Opens the socket, with the options as they are now.
    ///
    /// # Errors
    /// When there is no key, or the address makes no sense.
    fn request(&self, call: &Call) -> Result<Request<()>, Failure>;

    /// What a refusal's body says.
    fn words(body: &[u8]) -> Words;

    /// What the provider's close means.
    fn closed(frame: Option<&CloseFrame>) -> Failure {
        websocket::closed(frame)
    }

    /// A new socket was opened; times on it begin at 0.
    fn opened(&mut self);

    /// Reads a text frame; `now` is how much audio was sent so far, in seconds. What it says was heard is put
    /// into `heard`.
    ///
    /// # Errors
    /// What the provider failed with, or a frame that cannot be read.
    fn read(&mut self, text: &str, now: f64, heard: &mut VecDeque<Heard>) -> Result<Notice, Failure>;

    /// Transcribe now what was sent. None when the provider cannot be asked.
    fn finalize(&mut self) -> Option<Utf8Bytes>;

    /// The provider did not confirm a `Finalize` in time.
    fn finalize_overdue(&mut self, _: &mut VecDeque<Heard>) {}

    /// Merges options; gives the message with what can change in mid-stream.
    fn update(&mut self, language: Option<String>, extra: Map<String, Value>) -> Option<String>;

    /// No more audio comes.
    fn finish(&mut self) -> Utf8Bytes;

    /// The provider says no more of what was sent so far: an open utterance ends here.
    fn settle(&mut self, heard: &mut VecDeque<Heard>);
}

/// What a frame says beside what was heard.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Notice {
    /// It carries output of the model.
    pub is_output: bool,
    /// Audio the provider says it processed on this socket, in nanoseconds.
    pub processed_nanos: Option<u64>,
    /// How long the provider says the session on this socket lasted, in nanoseconds.
    pub session_nanos: Option<u64>,
    /// The provider takes the stream.
    pub is_begin: bool,
    /// It confirms a `Finalize`.
    pub is_finalized: bool,
    /// Nothing follows it.
    pub is_end: bool,
}

/// An open stream.
pub struct Stream<D: Dialect> {
    call: Call,
    dialect: D,
    /// None when it has ended, or sleeps: the provider closed because no audio came, and the next audio opens anew.
    socket: Option<Socket>,
    /// The socket's number at the meter.
    number: usize,
    bytes_per_second: u32,
    /// Audio sent on this socket, and the asker's on those before it, in bytes.
    sent_bytes: u64,
    earlier_bytes: u64,
    /// How much of what was sent on this socket is silence of ours.
    padded_bytes: u64,
    /// Audio that is too short to be sent.
    pending: BytesMut,
    heard: VecDeque<Heard>,
    failure: Option<Failure>,
    is_over: bool,
    last_audio: Instant,
    last_sign: Instant,
    finalize_by: Option<Instant>,
    close_by: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

/// Opens a stream for 16-bit audio of one channel.
///
/// # Errors
/// No connection, or a refusal.
pub async fn open<D: Dialect>(
    call: Call,
    sample_rate: u32,
    dialect: D,
) -> Result<Box<dyn Listening>, Failure> {
    let now = Instant::now();
    let mut stream = Stream {
        call,
        dialect,
        socket: None,
        number: 0,
        bytes_per_second: sample_rate.saturating_mul(2),
        sent_bytes: 0,
        earlier_bytes: 0,
        padded_bytes: 0,
        pending: BytesMut::new(),
        heard: VecDeque::new(),
        failure: None,
        is_over: false,
        last_audio: now,
        last_sign: now,
        finalize_by: None,
        close_by: None,
        timer: Box::pin(tokio::time::sleep_until(now)),
    };
    stream.connect().await?;
    Ok(Box::new(stream))
}

enum Event {
    Message(Option<Result<Message, tungstenite::Error>>),
    Time,
}

impl<D: Dialect> Stream<D> {
    async fn connect(&mut self) -> Result<(), Failure> {
        let request = self.dialect.request(&self.call)?;
        let opened = self.call.network.socket(request, self.call.connect_timeout, D::words).await;
        let opened = match opened {
            Ok((socket, _)) if D::SAYS_BEGIN => self.begun(socket).await,
            opened => opened.map(|(socket, _)| socket),
        };
        let socket = opened.inspect_err(|failure| {
            if let Some(status) = failure.status {
                self.call.tap.refused(status);
            }
        })?;
        self.number = self.call.tap.audio_socket_opened(self.bytes_per_second);
        self.socket = Some(socket);
        let padded = std::mem::take(&mut self.padded_bytes);
        let asked = std::mem::take(&mut self.sent_bytes).saturating_sub(padded);
        self.earlier_bytes = self.earlier_bytes.saturating_add(asked);
        self.dialect.opened();
        (self.last_audio, self.last_sign) = (Instant::now(), Instant::now());
        Ok(())
    }

    /// Waits for the provider to take the stream.
    async fn begun(&mut self, mut socket: Socket) -> Result<Socket, Failure> {
        let limit = self.call.connect_timeout;
        let begin = async {
            loop {
                match socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        if self.dialect.read(&text, 0.0, &mut self.heard)?.is_begin {
                            return Ok(socket);
                        }
                    }
                    Some(Ok(Message::Close(frame))) => return Err(D::closed(frame.as_ref())),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(websocket::broken(&error)),
                    None => return Err(D::closed(None)),
                }
            }
        };
        let begun = tokio::time::timeout(limit, begin).await;
        begun.unwrap_or_else(|_| {
            Err(Failure::timed_out(format!("the provider did not begin the stream within {limit:?}")))
        })
    }

    /// Sends audio in frames of a length the provider takes.
    async fn send_audio(&mut self, audio: Bytes) -> Result<(), Failure> {
        let Some((shortest, longest)) = D::FRAME_MILLIS else { return self.send_frame(audio).await };
        self.pending.extend_from_slice(&audio);
        let (shortest, longest) = (self.bytes(shortest), self.bytes(longest));
        while self.pending.len() >= shortest {
            let frame = self.pending.split_to(self.pending.len().min(longest)).freeze();
            self.send_frame(frame).await?;
        }
        Ok(())
    }

    /// Sends what waits for more: none comes for now.
    async fn send_rest(&mut self) -> Result<(), Failure> {
        let rest = self.pending.split().freeze();
        self.send_frame(rest).await
    }

    /// How many bytes of audio are that long: whole samples, at least one.
    fn bytes(&self, millis: u64) -> usize {
        let samples = u64::from(self.bytes_per_second / 2) * millis / 1_000;
        usize::try_from(samples.max(1) * 2).unwrap_or(usize::MAX)
    }

    async fn send_frame(&mut self, audio: Bytes) -> Result<(), Failure> {
        // An empty frame ends the stream at Deepgram.
        if audio.is_empty() {
            return Ok(());
        }
        if self.socket.is_none() {
            // Boxed, so that what every frame allocates is not as large as a handshake.
            Box::pin(self.connect()).await?;
        }
        let length = audio.len() as u64;
        let message = self.dialect.audio(audio);
        self.write(message).await?;
        self.sent_bytes = self.sent_bytes.saturating_add(length);
        self.call.tap.sent_audio(self.number, length);
        self.last_audio = Instant::now();
        self.last_sign = self.last_audio;
        Ok(())
    }

    async fn pad(&mut self) -> Result<(), Failure> {
        let silence = self.dialect.padding();
        self.padded_bytes = self.padded_bytes.saturating_add(silence.len() as u64);
        self.send_audio(silence).await
    }

    async fn write(&mut self, message: Message) -> Result<(), Failure> {
        let Some(socket) = &mut self.socket else { return Ok(()) };
        match socket.send(message).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.lost(&error)),
        }
    }

    /// Why nothing can be written any more: what the provider said before it closed, if it said something.
    fn lost(&mut self, error: &tungstenite::Error) -> Failure {
        while self.failure.is_none()
            && let Some(socket) = &mut self.socket
            && let Some(message) = socket.next().now_or_never()
        {
            self.receive(message);
        }
        self.leave();
        self.is_over = true;
        self.failure.take().unwrap_or_else(|| websocket::broken(error))
    }

    async fn finalize(&mut self) -> Result<(), Failure> {
        if self.socket.is_none() || self.dialect.is_settled() {
            self.heard.push_back(Heard::Finalized);
            return Ok(());
        }
        self.pad().await?;
        self.send_rest().await?;
        self.finalize_by = Some(Instant::now() + FINALIZE_WAIT);
        match self.dialect.finalize() {
            Some(text) => self.write(Message::Text(text)).await,
            None => Ok(()),
        }
    }

    fn refuse_input(&mut self) -> Result<(), Failure> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.is_over || self.close_by.is_some() {
            return Err(Failure::dropped("the stream has ended"));
        }
        Ok(())
    }

    /// When something is to be done though nothing comes.
    fn due(&self) -> Option<Instant> {
        let sign =
            (self.socket.is_some() && self.close_by.is_none()).then(|| self.last_sign + D::KEEP_ALIVE.0);
        [sign, self.finalize_by, self.close_by].into_iter().flatten().min()
    }

    /// Waits for the next frame or the next due time, and takes nothing before it returns.
    fn event(&mut self) -> impl Future<Output = Event> {
        poll_fn(|context| {
            if let Some(socket) = &mut self.socket
                && let Poll::Ready(message) = socket.poll_next_unpin(context)
            {
                return Poll::Ready(Event::Message(message));
            }
            let Some(due) = self.due() else { return Poll::Pending };
            // The due time moves with every frame of audio; the timer is touched only when it has to be earlier,
            // or went off too early.
            if due < self.timer.deadline() || self.timer.is_elapsed() {
                self.timer.as_mut().reset(due);
            }
            loop {
                ready!(self.timer.as_mut().poll(context));
                if Instant::now() >= due {
                    return Poll::Ready(Event::Time);
                }
                self.timer.as_mut().reset(due);
            }
        })
    }

    fn time_came(&mut self) {
        let now = Instant::now();
        if self.close_by.is_some_and(|by| by <= now) {
            return self.end();
        }
        if self.finalize_by.take_if(|by| *by <= now).is_some() {
            self.dialect.finalize_overdue(&mut self.heard);
            self.heard.push_back(Heard::Finalized);
        }
        if self.last_sign + D::KEEP_ALIVE.0 <= now {
            self.last_sign = now;
            if let Some(socket) = &mut self.socket {
                // A socket that takes nothing is alive as far as the provider can see, or will be found broken.
                let _ = socket.send(self.dialect.sign_of_life()).now_or_never();
            }
        }
    }

    fn receive(&mut self, message: Option<Result<Message, tungstenite::Error>>) {
        match message {
            Some(Ok(Message::Text(text))) => self.read(&text),
            Some(Ok(Message::Close(frame))) => self.closed(frame.as_ref()),
            Some(Ok(_)) => {}
            Some(Err(error)) => self.cut(websocket::broken(&error)),
            None => self.cut(D::closed(None)),
        }
    }

    /// The connection ended without a word.
    fn cut(&mut self, failure: Failure) {
        if self.close_by.is_some() && !D::SAYS_END { self.end() } else { self.fail(failure) }
    }

    fn read(&mut self, text: &str) {
        let known = self.heard.len();
        let now = self.seconds(self.sent_bytes);
        let notice = match self.dialect.read(text, now, &mut self.heard) {
            Ok(notice) => notice,
            Err(failure) => {
                if let Some(status) = failure.status {
                    self.call.tap.refused(status);
                }
                return self.fail(failure);
            }
        };
        self.shift(known);
        if notice.is_output {
            self.call.tap.output();
        }
        if let Some(nanos) = notice.processed_nanos {
            self.call.tap.reported_audio(self.number, nanos);
        }
        if let Some(nanos) = notice.session_nanos {
            self.call.tap.reported_session(self.number, nanos);
        }
        if notice.is_finalized && self.finalize_by.take().is_some() {
            self.heard.push_back(Heard::Finalized);
        }
        if notice.is_end && self.close_by.is_some() {
            self.end();
        }
    }

    fn closed(&mut self, frame: Option<&CloseFrame>) {
        if self.close_by.is_some() && frame.is_none_or(|frame| u16::from(frame.code) <= 1001) {
            return self.end();
        }
        // A second is taken off for the way the last audio took.
        let is_idle = self.last_audio.elapsed() + Duration::from_secs(1) >= D::IDLE;
        if is_idle && self.close_by.is_none() {
            self.settle();
            self.leave();
            return;
        }
        self.fail(D::closed(frame));
    }

    fn fail(&mut self, failure: Failure) {
        self.leave();
        self.failure = Some(failure);
        self.is_over = true;
    }

    /// Ends in good order.
    fn end(&mut self) {
        self.settle();
        if let Some(socket) = &mut self.socket {
            // One that is closed already, or takes nothing, needs no farewell.
            let _ = socket.send(Message::Close(None)).now_or_never();
        }
        self.leave();
        self.is_over = true;
    }

    fn settle(&mut self) {
        let known = self.heard.len();
        self.dialect.settle(&mut self.heard);
        self.shift(known);
        if self.finalize_by.take().is_some() {
            self.heard.push_back(Heard::Finalized);
        }
    }

    fn leave(&mut self) {
        if let Some(mut socket) = self.socket.take() {
            if D::OUTLIVES_SOCKET && self.close_by.is_none() {
                // Without waiting: a socket that takes nothing will not be told.
                let _ = socket.send(Message::Text(self.dialect.finish())).now_or_never();
            }
            self.call.tap.audio_socket_closed(self.number);
        }
    }

    fn seconds(&self, bytes: u64) -> f64 {
        bytes as f64 / f64::from(self.bytes_per_second.max(1))
    }

    /// Makes the times of what was heard last count from the first sample of the stream.
    fn shift(&mut self, known: usize) {
        if self.earlier_bytes == 0 {
            return;
        }
        let earlier = self.seconds(self.earlier_bytes);
        for heard in self.heard.iter_mut().skip(known) {
            if let Heard::Interim(transcript) | Heard::Preflight(transcript) | Heard::Final(transcript) =
                heard
            {
                delay(transcript, earlier);
            }
        }
    }
}

fn delay(transcript: &mut Transcript, seconds: f64) {
    transcript.start += seconds;
    for word in &mut transcript.words {
        word.start += seconds;
        word.end += seconds;
    }
}

impl<D: Dialect> Listening for Stream<D> {
    fn send(&mut self, input: ListenInput) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            self.refuse_input()?;
            match input {
                ListenInput::Audio(audio) => self.send_audio(audio).await,
                ListenInput::Finalize => self.finalize().await,
                ListenInput::Update(update) => match self.dialect.update(update.language, update.extra) {
                    Some(text) => self.write(Message::text(text)).await,
                    None => Ok(()),
                },
            }
        })
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Heard, Failure>>> {
        Box::pin(async move {
            loop {
                if let Some(heard) = self.heard.pop_front() {
                    return Some(Ok(heard));
                }
                if let Some(failure) = self.failure.take() {
                    return Some(Err(failure));
                }
                if self.is_over {
                    return None;
                }
                match self.event().await {
                    Event::Message(message) => self.receive(message),
                    Event::Time => self.time_came(),
                }
            }
        })
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            self.refuse_input()?;
            if self.socket.is_none() || self.dialect.is_settled() {
                self.end();
                return Ok(());
            }
            self.pad().await?;
            self.send_rest().await?;
            let text = self.dialect.finish();
            self.write(Message::Text(text)).await?;
            self.close_by = Some(Instant::now() + CLOSE_WAIT);
            Ok(())
        })
    }
}

/// A stream that is dropped is cancelled: the socket closes with it.
impl<D: Dialect> Drop for Stream<D> {
    fn drop(&mut self) {
        self.leave();
    }
}
