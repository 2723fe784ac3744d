//! Text to speech: the part that is the same whatever the provider's messages look like.

use super::{
    AudioFormat, Counts, Fault, FaultKind, Outbox, Playback, Sim, Step, Ticket, mp3,
    sound::{MILLIS_PER_CHARACTER, speech_millis, speech_samples},
};
use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, WebSocket},
};
use std::{
    collections::{HashSet, VecDeque},
    ops::Range,
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// How long after the text its first sound leaves.
const FIRST_BYTE_MILLIS: f64 = 150.0;
/// How much sound is in one message.
const CHUNK_MILLIS: u64 = 120;
/// How much faster than it plays the sound is made.
const AHEAD: f64 = 2.0;

/// A text and the voice that says it.
#[derive(Debug, Clone)]
pub(crate) struct Speech {
    text: Arc<[char]>,
    voice: u64,
    format: AudioFormat,
}

impl Speech {
    pub(crate) fn new(sim: &Sim, text: &str, voice: &str, format: AudioFormat) -> Speech {
        Speech { text: text.chars().collect(), voice: sim.draw(voice), format }
    }

    /// Unicode code points.
    pub(crate) fn characters(&self) -> u64 {
        self.text.len() as u64
    }

    /// How long it is, in milliseconds.
    pub(crate) fn millis(&self) -> u64 {
        speech_millis(self.characters())
    }

    /// The sound between two points in time, in milliseconds.
    pub(crate) fn audio(&self, millis: Range<u64>) -> Vec<u8> {
        let samples = speech_samples(&self.text, self.voice, self.format.sample_rate, millis);
        self.format.encoding.encode(&samples)
    }

    /// The same as MP3.
    pub(crate) fn mp3(&self, millis: Range<u64>) -> Vec<u8> {
        mp3::frames(&self.text, millis)
    }

    /// The words and when they sound, if the text begins at `start`.
    fn words(&self, start: u64) -> Vec<(String, Range<u64>)> {
        let mut words: Vec<(String, Range<u64>)> = Vec::new();
        let mut inside = false;
        for (letter, place) in self.text.iter().zip(0_u64..) {
            let end = start + speech_millis(place + 1);
            if letter.is_whitespace() {
                inside = false;
            } else if let (true, Some((word, times))) = (inside, words.last_mut()) {
                word.push(*letter);
                times.end = end;
            } else {
                words.push((letter.to_string(), start + speech_millis(place)..end));
                inside = true;
            }
        }
        words
    }

    fn chunks(&self) -> impl Iterator<Item = Range<u64>> + use<> {
        let end = self.millis();
        (0..end).step_by(CHUNK_MILLIS as usize).map(move |start| start..(start + CHUNK_MILLIS).min(end))
    }

    /// The speech as an HTTP answer; `bill` is booked with its first sound, `frame` makes the provider's message
    /// of what sounds between two points in time.
    pub(crate) fn playback(
        &self,
        sim: &Sim,
        mut ticket: Ticket,
        received: Counts,
        frame: impl Fn(Range<u64>) -> Bytes,
    ) -> Playback {
        ticket.add(received);
        let steps: VecDeque<Step> = self
            .chunks()
            .enumerate()
            .map(|(place, chunk)| Step {
                after_millis: if place == 0 { FIRST_BYTE_MILLIS } else { CHUNK_MILLIS as f64 / AHEAD },
                units: chunk.end / MILLIS_PER_CHARACTER,
                bytes: frame(chunk),
                counts: Counts::default(),
            })
            .collect();
        Playback::new(sim.clone(), ticket, steps)
    }
}

/// What a client's text frame asks of a speaking socket.
pub(crate) enum Asked {
    /// Say this in the request `context`.
    Say {
        /// Which request it belongs to.
        context: String,
        /// The model that says it.
        model: String,
        /// What to say.
        speech: Speech,
        /// Whether this is the last of the request.
        last: bool,
    },
    /// No more text comes for the request `context`.
    Finish {
        /// Which request.
        context: String,
    },
    /// Forget the request `context`, sound that was not sent included.
    Cancel {
        /// Which request.
        context: String,
        /// What confirms it.
        confirm: Option<Message>,
    },
    /// Send this when all sound of the request `context` up to here has left.
    Mark {
        /// Which request.
        context: String,
        /// What to send.
        message: Message,
    },
    /// Send what is left and close.
    Close,
    /// Send this and go on.
    Answer(Message),
    /// Send this, if there is something to send, and close with this code and reason.
    Refuse(Option<Message>, u16, &'static str),
    /// Nothing to do.
    Ignore,
}

/// How one provider words it.
pub(crate) trait Tongue: Send + 'static {
    /// Sent when the socket opens.
    fn opened(&mut self) -> Option<Message> {
        None
    }
    /// Reads a client's text frame.
    fn read(&mut self, text: &str) -> Asked;
    /// A piece of the request's sound.
    fn sound(&self, context: &str, sound: &Sound) -> Message;
    /// When the words of a piece of text sound, in milliseconds of the request's audio; `None` where that is not told.
    fn times(&self, _context: &str, _words: &[(String, Range<u64>)]) -> Option<Message> {
        None
    }
    /// The end of a request.
    fn finished(&mut self, context: &str) -> Message;
    /// A failure on the provider's side, with the status it would have over HTTP.
    fn failed(&self, context: &str, status: u16) -> Message;
    /// Whether a request that fails on the provider's side is free; it may have sounded before.
    fn failures_are_free(&self, has_sounded: bool) -> bool;
    /// Whether a request that ended, in whatever way, takes no more text: text for it is answered with a failure.
    fn ends_for_good(&self) -> bool;
    /// Opens the provider's books for a request of `model`.
    fn admit(&self, model: &str) -> Result<Ticket, u16>;
}

/// A piece of a request's sound.
#[derive(Debug, Clone)]
pub(crate) struct Sound {
    /// What is said.
    pub speech: Speech,
    /// Which part of it, in milliseconds.
    pub millis: Range<u64>,
    /// How much sound of the request was before what is said, in milliseconds.
    pub start: u64,
}

impl Sound {
    /// The sound.
    pub(crate) fn audio(&self) -> Vec<u8> {
        self.speech.audio(self.millis.clone())
    }

    /// The letters that sound in it and when, in milliseconds of the request.
    pub(crate) fn letters(&self) -> impl Iterator<Item = (char, Range<u64>)> {
        let letters = self.speech.text.iter().zip((0..).step_by(MILLIS_PER_CHARACTER as usize));
        let heard = letters.filter(|(_, from)| self.millis.contains(from));
        heard.map(|(letter, from)| (*letter, self.start + from..self.start + from + MILLIS_PER_CHARACTER))
    }
}

enum Out {
    Sound { context: String, sound: Sound },
    Finished { context: String },
    Failed { context: String },
    Frame { context: String, message: Message },
    Close,
    Cut,
}

impl Out {
    fn belongs_to(&self, wanted: &str) -> bool {
        match self {
            Out::Sound { context, .. }
            | Out::Finished { context }
            | Out::Failed { context }
            | Out::Frame { context, .. } => context == wanted,
            Out::Close | Out::Cut => false,
        }
    }
}

/// A request whose speech is being made.
struct Context {
    name: String,
    ticket: Ticket,
    /// When its next sound is due.
    free_at: Instant,
    voiced: u64,
    silent: bool,
    has_sounded: bool,
}

/// Speaks on `socket` until either side closes it.
pub(crate) async fn speak<T: Tongue>(
    sim: Sim,
    mut socket: WebSocket,
    mut clock: super::SocketClock,
    mut tongue: T,
) {
    let mut contexts: Vec<Context> = Vec::new();
    let mut ended: HashSet<String> = HashSet::new();
    let mut outbox: Outbox<Out> = Outbox::new();
    if let Some(message) = tongue.opened()
        && socket.send(message).await.is_err()
    {
        return;
    }
    loop {
        let frame = tokio::select! {
            biased;
            frame = socket.recv() => match frame {
                Some(Ok(frame)) => frame,
                _ => return,
            },
            out = outbox.next() => {
                let message = match out {
                    Out::Sound { context, sound } => {
                        if let Some(known) = contexts.iter_mut().find(|known| known.name == context) {
                            known.has_sounded = true;
                        }
                        tongue.sound(&context, &sound)
                    }
                    Out::Finished { context } => {
                        for done in contexts.extract_if(.., |known| known.name == context) {
                            let mut ticket = done.ticket;
                            ticket.complete();
                        }
                        let message = tongue.finished(&context);
                        ended.insert(context);
                        message
                    }
                    Out::Failed { context } => {
                        for mut failed in contexts.extract_if(.., |known| known.name == context) {
                            if tongue.failures_are_free(failed.has_sounded) {
                                failed.ticket.waive_characters();
                            }
                            failed.ticket.fail();
                        }
                        outbox.discard(|out| out.belongs_to(&context));
                        let message = tongue.failed(&context, 500);
                        ended.insert(context);
                        message
                    }
                    Out::Frame { message, .. } => message,
                    Out::Close => {
                        let frame = CloseFrame { code: 1000, reason: "".into() };
                        let _ = socket.send(Message::Close(Some(frame))).await;
                        return;
                    }
                    Out::Cut => return,
                };
                if socket.send(message).await.is_err() { return } else { continue }
            }
        };
        let Message::Text(text) = frame else { continue };
        match tongue.read(&text) {
            Asked::Say { context, .. } if tongue.ends_for_good() && ended.contains(&context) => {
                let message = tongue.failed(&context, 400);
                outbox.put(Instant::now(), Out::Frame { context, message });
            }
            Asked::Say { context, model, speech, last } => {
                if !contexts.iter().any(|known| known.name == context) {
                    clock.name_model(&model);
                    match tongue.admit(&model) {
                        Ok(ticket) => {
                            let free_at = Instant::now() + sim.paced(FIRST_BYTE_MILLIS);
                            contexts.push(Context {
                                name: context.clone(),
                                ticket,
                                free_at,
                                voiced: 0,
                                silent: false,
                                has_sounded: false,
                            });
                        }
                        Err(status) => {
                            let message = tongue.failed(&context, status);
                            ended.insert(context.clone());
                            outbox.put(Instant::now(), Out::Frame { context, message });
                            continue;
                        }
                    }
                }
                if let Some(known) = contexts.iter_mut().find(|known| known.name == context) {
                    if let Some(message) = tongue.times(&context, &speech.words(speech_millis(known.voiced)))
                    {
                        let due = known.free_at;
                        outbox.put(due, Out::Frame { context, message });
                    }
                    say(&sim, known, &speech, &mut outbox);
                    if last {
                        finish(known, &mut outbox);
                    }
                }
            }
            Asked::Finish { context } => match contexts.iter_mut().find(|known| known.name == context) {
                Some(known) => finish(known, &mut outbox),
                None => outbox.put(Instant::now(), Out::Finished { context }),
            },
            Asked::Mark { context, message } => {
                let known = contexts.iter().find(|known| known.name == context);
                let due = known.map_or_else(Instant::now, |known| known.free_at);
                outbox.put(due, Out::Frame { context, message });
            }
            Asked::Cancel { context, confirm } => {
                contexts.retain(|known| known.name != context);
                outbox.discard(|out| out.belongs_to(&context));
                ended.insert(context.clone());
                if let Some(message) = confirm {
                    outbox.put(Instant::now(), Out::Frame { context, message });
                }
            }
            Asked::Close => {
                let end = contexts.iter().map(|known| known.free_at).max();
                outbox.put(end.unwrap_or_else(Instant::now), Out::Close);
            }
            Asked::Answer(message) => {
                outbox.put(Instant::now(), Out::Frame { context: String::new(), message });
            }
            Asked::Refuse(message, code, reason) => {
                if let Some(message) = message {
                    let _ = socket.send(message).await;
                }
                let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
                return;
            }
            Asked::Ignore => {}
        }
    }
}

/// Bills `speech` and plans its sound, up to the point where the request's fault strikes.
fn say(sim: &Sim, context: &mut Context, speech: &Speech, outbox: &mut Outbox<Out>) {
    let characters = speech.characters();
    context.ticket.add(Counts { characters, sent_characters: characters, ..Counts::default() });
    context.free_at = context.free_at.max(Instant::now());
    for millis in speech.chunks() {
        let voiced = context.voiced + millis.start / MILLIS_PER_CHARACTER;
        if let Some(fault) = context.ticket.strike(voiced) {
            strike(context, fault, outbox);
        }
        if context.silent {
            return;
        }
        let length = millis.end - millis.start;
        let start = speech_millis(context.voiced);
        let sound = Sound { speech: speech.clone(), millis, start };
        outbox.put(context.free_at, Out::Sound { context: context.name.clone(), sound });
        context.free_at += sim.paced(length as f64 / AHEAD);
    }
    context.voiced += characters;
}

fn finish(context: &mut Context, outbox: &mut Outbox<Out>) {
    if let Some(fault) = context.ticket.strike(context.voiced) {
        strike(context, fault, outbox);
    }
    if !context.silent {
        outbox.put(context.free_at, Out::Finished { context: context.name.clone() });
    }
}

fn strike(context: &mut Context, fault: Fault, outbox: &mut Outbox<Out>) {
    let name = context.name.clone();
    match fault.kind {
        FaultKind::Slow => context.free_at += Duration::from_millis(fault.pause_millis()),
        FaultKind::Stall => {
            context.silent = true;
            if let Some(millis) = fault.value {
                outbox.put(context.free_at + Duration::from_millis(millis), Out::Cut);
            }
        }
        FaultKind::Malformed => {
            let message = Message::text("{\"type\": \"chun");
            outbox.put(context.free_at, Out::Frame { context: name, message });
        }
        FaultKind::ErrorFrame => {
            context.silent = true;
            outbox.put(context.free_at, Out::Failed { context: name });
        }
        _ => {
            context.silent = true;
            outbox.put(context.free_at, Out::Cut);
        }
    }
}
