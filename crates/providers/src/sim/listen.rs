//! Speech to text on a socket: the part that is the same whatever the provider's messages look like.

use super::{
    AudioFormat, Counts, FaultKind, Outbox, Sim, SocketClock, Ticket,
    gate::{Gate, Noticed},
};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use std::time::Duration;
use tokio::time::Instant;

/// How often a guess is given while someone speaks.
const INTERIM_MILLIS: u64 = 300;
/// How long a spoken word is taken to last.
const WORD_MILLIS: u64 = 320;
/// How long after the audio its result leaves.
const RESULT_DELAY_MILLIS: f64 = 120.0;

/// A word and its place in the audio, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub text: String,
    pub start: u64,
    pub end: u64,
}

/// What was understood of one stretch of speech.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Utterance {
    pub words: Vec<Word>,
    /// Milliseconds of audio.
    pub start: u64,
    /// Milliseconds of audio.
    pub end: u64,
}

impl Utterance {
    pub(crate) fn text(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }
}

/// What the listener has to say about the audio.
#[derive(Debug, Clone)]
pub(crate) enum Heard {
    /// Speech began, at this millisecond of the audio.
    Started(u64),
    /// A guess at what is being said, from the first word on.
    Interim(Utterance),
    /// What was said. `asked` when the client did not wait for the pause.
    Final {
        /// The whole of it.
        utterance: Utterance,
        /// The client asked for it before the pause.
        asked: bool,
    },
    /// The client asked for a result while nobody was speaking.
    Nothing,
}

/// What a client's text frame means.
pub(crate) enum Listening {
    /// Audio inside of a text frame.
    Audio(Vec<u8>),
    /// Give the result of what was heard so far.
    Finalize,
    /// Give all results and close.
    Close,
    /// Send these and go on.
    Answer(Vec<Message>),
    /// Close at once with this code and reason.
    Refuse(u16, &'static str),
}

/// How one provider words it.
pub(crate) trait Dialect: Send + 'static {
    /// Sent when the socket opens.
    fn opened(&mut self) -> Vec<Message> {
        Vec::new()
    }
    /// Says what was heard; a provider that bills by result bills it on `ticket`.
    fn tell(&mut self, heard: Heard, ticket: &mut Ticket) -> Vec<Message>;
    /// Reads a client's text frame.
    fn read(&mut self, text: &str) -> Listening;
    /// Takes a binary frame, so many flicks long.
    fn audio(&mut self, audio: Vec<u8>, _flicks: u64) -> Listening {
        Listening::Audio(audio)
    }
    /// Bills what can be billed only when the socket is closed.
    fn ended(&mut self, _ticket: &mut Ticket) {}
    /// Whether the time of the audio is what is billed; otherwise [`Dialect::tell`] bills.
    fn bills_audio(&self) -> bool {
        true
    }
    /// How long the provider waits for a frame of the client, pings not counted, and with what it then closes.
    fn patience(&self) -> (Duration, u16, &'static str);
    /// Sent before the close that the client asked for.
    fn closing(&mut self, ticket: &Ticket) -> Vec<Message>;
    /// The error message of a failure on the provider's side, and the close code and reason that follow it.
    fn failure(&mut self) -> (Message, u16, &'static str);
}

enum Out {
    Frame(Message),
    Close(u16, &'static str),
    Cut,
}

/// Follows the audio of one stream and puts the script's sentences to what it hears.
struct Transcriber {
    sim: Sim,
    gate: Gate,
    words: Vec<String>,
    next_interim: u64,
}

impl Transcriber {
    fn new(sim: Sim, sample_rate: u32, endpointing_millis: u64) -> Transcriber {
        Transcriber {
            sim,
            gate: Gate::new(sample_rate, endpointing_millis),
            words: Vec::new(),
            next_interim: 0,
        }
    }

    fn hear(&mut self, samples: &[i16]) -> Vec<Heard> {
        self.gate.hear(samples).into_iter().filter_map(|noticed| self.understand(noticed, false)).collect()
    }

    fn finish(&mut self) -> Option<Heard> {
        let noticed = self.gate.finish()?;
        self.understand(noticed, true)
    }

    fn understand(&mut self, noticed: Noticed, asked: bool) -> Option<Heard> {
        match noticed {
            Noticed::Started { at } => {
                let sentence = self.sim.script().next_transcript();
                self.words = sentence.split_whitespace().map(str::to_owned).collect();
                self.next_interim = at + INTERIM_MILLIS;
                Some(Heard::Started(at))
            }
            Noticed::Speaking { since, at } if at >= self.next_interim => {
                self.next_interim = at + INTERIM_MILLIS;
                let spoken = usize::try_from((at - since) / WORD_MILLIS).unwrap_or(usize::MAX);
                let known = spoken.clamp(1, self.words.len().saturating_sub(1).max(1));
                Some(Heard::Interim(utterance(self.words.get(..known).unwrap_or(&self.words), since, at)))
            }
            Noticed::Speaking { .. } => None,
            Noticed::Ended { from, to } => {
                Some(Heard::Final { utterance: utterance(&self.words, from, to), asked })
            }
        }
    }
}

fn utterance(words: &[String], start: u64, end: u64) -> Utterance {
    let length = end.saturating_sub(start) / words.len().max(1) as u64;
    let words = words
        .iter()
        .zip(0_u64..)
        .map(|(text, place)| Word {
            text: text.clone(),
            start: start + place * length,
            end: start + (place + 1) * length,
        })
        .collect();
    Utterance { words, start, end }
}

/// What is said in a whole recording; empty when there is no speech in it.
pub(crate) fn transcribe(sim: &Sim, format: AudioFormat, audio: &[u8]) -> Option<Utterance> {
    // One recording is one utterance, whatever pauses it has.
    let mut transcriber = Transcriber::new(sim.clone(), format.sample_rate, u64::MAX / 2);
    transcriber.hear(&format.first_channel(audio));
    match transcriber.finish()? {
        Heard::Final { utterance, .. } => Some(utterance),
        _ => None,
    }
}

/// Listens on `socket` until either side closes it.
pub(crate) async fn listen<D: Dialect>(
    sim: Sim,
    socket: WebSocket,
    mut ticket: Ticket,
    _clock: SocketClock,
    format: AudioFormat,
    endpointing_millis: u64,
    mut dialect: D,
) {
    hear(sim, socket, &mut ticket, format, endpointing_millis, &mut dialect).await;
    dialect.ended(&mut ticket);
}

async fn hear<D: Dialect>(
    sim: Sim,
    mut socket: WebSocket,
    ticket: &mut Ticket,
    format: AudioFormat,
    endpointing_millis: u64,
    dialect: &mut D,
) {
    let mut transcriber = Transcriber::new(sim.clone(), format.sample_rate, endpointing_millis);
    let mut outbox: Outbox<Out> = Outbox::new();
    let mut bytes_heard = 0_u64;
    let mut closing = false;
    let mut mute = false;
    let (patience, idle_code, idle_reason) = dialect.patience();
    let mut idle_at = Instant::now() + patience;
    for message in dialect.opened() {
        outbox.put(Instant::now(), Out::Frame(message));
    }
    loop {
        let heard_millis = millis(format.flicks(bytes_heard));
        strike(ticket, heard_millis, &mut outbox, &mut mute, dialect);
        let frame = tokio::select! {
            biased;
            out = outbox.next() => {
                let sent = match out {
                    Out::Frame(message) => socket.send(message).await,
                    Out::Close(code, reason) => {
                        let frame = CloseFrame { code, reason: reason.into() };
                        let _ = socket.send(Message::Close(Some(frame))).await;
                        return;
                    }
                    Out::Cut => return,
                };
                if sent.is_err() { return } else { continue }
            }
            frame = socket.recv() => match frame {
                Some(Ok(frame)) => frame,
                _ => return,
            },
            () = tokio::time::sleep_until(idle_at) => {
                outbox.put(Instant::now(), Out::Close(idle_code, idle_reason));
                idle_at += patience;
                continue;
            }
        };
        let understood = match frame {
            Message::Binary(audio) => {
                let flicks = format.flicks(audio.len() as u64);
                dialect.audio(audio.into(), flicks)
            }
            Message::Text(text) => dialect.read(&text),
            _ => continue,
        };
        idle_at = Instant::now() + patience;
        let mut heard = Vec::new();
        match understood {
            Listening::Audio(audio) => {
                let before = format.flicks(bytes_heard);
                bytes_heard += audio.len() as u64;
                let audio_flicks = format.flicks(bytes_heard) - before;
                if dialect.bills_audio() {
                    ticket.add(Counts { audio_flicks, ..Counts::default() });
                }
                heard = transcriber.hear(&format.first_channel(&audio));
            }
            Listening::Finalize => heard.push(transcriber.finish().unwrap_or(Heard::Nothing)),
            Listening::Close => {
                heard.extend(transcriber.finish());
                closing = true;
            }
            Listening::Answer(messages) => {
                for message in messages {
                    outbox.put(Instant::now(), Out::Frame(message));
                }
            }
            Listening::Refuse(code, reason) => outbox.put(Instant::now(), Out::Close(code, reason)),
        }
        let mut replies: Vec<Message> = Vec::new();
        for heard in heard {
            replies.extend(dialect.tell(heard, ticket));
        }
        if closing {
            replies.extend(dialect.closing(ticket));
        }
        if mute {
            continue;
        }
        let due = Instant::now() + sim.paced(RESULT_DELAY_MILLIS);
        for message in replies {
            outbox.put(due, Out::Frame(message));
        }
        if closing {
            ticket.complete();
            outbox.put(due, Out::Close(1000, ""));
        }
    }
}

fn millis(flicks: u64) -> u64 {
    flicks / (super::meter::FLICKS_PER_SECOND / 1000)
}

/// Orders the fault of this socket, if its time has come.
fn strike<D: Dialect>(
    ticket: &mut Ticket,
    heard_millis: u64,
    outbox: &mut Outbox<Out>,
    mute: &mut bool,
    dialect: &mut D,
) {
    let Some(fault) = ticket.strike(heard_millis) else { return };
    let now = Instant::now();
    match fault.kind {
        FaultKind::Slow => outbox.postpone(Duration::from_millis(fault.pause_millis())),
        FaultKind::Stall => {
            *mute = true;
            outbox.discard(|_| true);
            if let Some(millis) = fault.value {
                outbox.put(now + Duration::from_millis(millis), Out::Cut);
            }
        }
        FaultKind::Malformed => outbox.put(now, Out::Frame(Message::text("{\"type\": \"Resul"))),
        FaultKind::ErrorFrame => {
            ticket.fail();
            let (message, code, reason) = dialect.failure();
            outbox.put(now, Out::Frame(message));
            outbox.put(now, Out::Close(code, reason));
        }
        _ => outbox.put(now, Out::Cut),
    }
}
