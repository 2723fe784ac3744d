//! Stage `meter`: counts what leaves and comes back on the provider's wire during one attempt.

use std::time::Instant;
use vg_core::{
    Measured, Quantity, Source, Usage,
    provider::{Direction, Reach},
};

/// Nanoseconds in a second.
const NANOS: u128 = 1_000_000_000;

/// One socket of an attempt.
#[derive(Debug)]
struct Socket {
    opened: Instant,
    closed: Option<Instant>,
    /// How many bytes one second of audio takes in the format this socket was opened with.
    bytes_per_second: u32,
    audio_bytes: u64,
    reported_nanos: Option<u64>,
    reported_session_nanos: Option<u64>,
}

impl Socket {
    fn sent_nanos(&self) -> u64 {
        let rate = u128::from(self.bytes_per_second.max(1));
        u64::try_from(u128::from(self.audio_bytes) * NANOS / rate).unwrap_or(u64::MAX)
    }

    fn open_nanos(&self, now: Instant) -> u64 {
        micros_between(self.opened, self.closed.unwrap_or(now)).saturating_mul(1_000)
    }
}

/// The counters of one attempt. Pure bookkeeping: it knows no provider and no price.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    /// When the first text left on a socket. A speech stream is opened before there is anything to say, so its
    /// time to first byte runs from here.
    first_text: Option<Instant>,
    first_output: Option<Instant>,
    reach: Reach,
    refusal: Option<u16>,
    sockets: Vec<Socket>,
    connections: u32,
    /// The provider's name for this attempt on a socket that several share.
    context: Option<String>,
    sent_characters: Option<u64>,
    body_audio_nanos: Option<u64>,
    output_audio_nanos: Option<u64>,
    /// What a chat model wrote, where we are the one who reads it; kept for the estimate only.
    output_text: String,
    reported: Usage,
}

/// What a meter holds when its attempt ends.
#[derive(Debug)]
pub struct Reading {
    /// How far the attempt got.
    pub reach: Reach,
    /// The status the provider gave up with, even if it had begun to answer.
    pub refusal: Option<u16>,
    /// Counted on the wire.
    pub wire: Usage,
    /// The provider's own numbers.
    pub reported: Usage,
    /// Sockets opened.
    pub sockets: u32,
    /// From the start, or from the first text on a socket, to the first output, in microseconds.
    pub ttfb_micros: Option<u64>,
    /// Start to end, in microseconds.
    pub latency_micros: u64,
}

impl Meter {
    /// Starts counting.
    pub fn start() -> Meter {
        Meter {
            started: Instant::now(),
            first_text: None,
            first_output: None,
            reach: Reach::NotSent,
            refusal: None,
            sockets: Vec::new(),
            connections: 0,
            context: None,
            sent_characters: None,
            body_audio_nanos: None,
            output_audio_nanos: None,
            output_text: String::new(),
            reported: Usage::UNKNOWN,
        }
    }

    /// Whether a frame of that context is this attempt's. What we send names our context; a frame received
    /// for another one is the rest of an interrupted request on a pooled socket.
    pub fn is_own_context(&mut self, direction: Direction, context: &str) -> bool {
        match direction {
            Direction::Sent => {
                self.context.get_or_insert_with(|| context.to_owned());
                true
            }
            Direction::Received => self.context.as_deref() == Some(context),
        }
    }

    /// The request left; nothing came back yet.
    pub fn sent(&mut self) {
        if self.reach == Reach::NotSent {
            self.reach = Reach::Sent;
        }
    }

    /// Text leaves whose characters are told later.
    pub fn text_leaves(&mut self) {
        self.first_text.get_or_insert_with(Instant::now);
    }

    /// Text left inside a frame, in characters (Unicode code points).
    pub fn sent_text_frame(&mut self, characters: u64) {
        self.text_leaves();
        self.sent_text(characters);
    }

    /// Text left inside a body, in characters (Unicode code points).
    pub fn sent_text(&mut self, characters: u64) {
        self.sent();
        self.sent_characters = Some(self.sent_characters.unwrap_or(0).saturating_add(characters));
    }

    /// Audio left inside a request body.
    pub fn sent_body_audio(&mut self, nanos: u64) {
        self.sent();
        self.body_audio_nanos = Some(self.body_audio_nanos.unwrap_or(0).saturating_add(nanos));
    }

    /// A socket that carries audio was accepted by the provider. Returns its number within this attempt.
    pub fn audio_socket_opened(&mut self, bytes_per_second: u32) -> usize {
        self.socket_opened();
        self.reach = Reach::Answered;
        self.sockets.push(Socket {
            opened: Instant::now(),
            closed: None,
            bytes_per_second,
            audio_bytes: 0,
            reported_nanos: None,
            reported_session_nanos: None,
        });
        self.sockets.len().saturating_sub(1)
    }

    /// A socket was opened for this attempt. One that other attempts share counts where it was opened.
    pub fn socket_opened(&mut self) {
        self.connections = self.connections.saturating_add(1);
    }

    /// Audio left on a socket, in bytes.
    pub fn sent_audio(&mut self, socket: usize, bytes: u64) {
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.audio_bytes = socket.audio_bytes.saturating_add(bytes);
        }
    }

    /// The provider said how much audio it processed on a socket.
    pub fn reported_audio(&mut self, socket: usize, nanos: u64) {
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.reported_nanos = Some(nanos);
        }
    }

    /// The provider said how long the session on a socket lasted.
    pub fn reported_session(&mut self, socket: usize, nanos: u64) {
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.reported_session_nanos = Some(nanos);
        }
    }

    /// A socket closed, from whichever side.
    pub fn audio_socket_closed(&mut self, socket: usize) {
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.closed.get_or_insert_with(Instant::now);
        }
    }

    /// Output of the provider arrived: the first time sets the time to first byte.
    pub fn output(&mut self) {
        self.reach = Reach::Answered;
        self.first_output.get_or_insert_with(Instant::now);
    }

    /// Text a chat model wrote arrived.
    pub fn output_text(&mut self, text: &str) {
        self.output();
        self.output_text.push_str(text);
    }

    /// What a chat model wrote so far.
    pub fn text(&self) -> &str {
        &self.output_text
    }

    /// Whether the provider's usage message came.
    pub fn has_reported_tokens(&self) -> bool {
        self.reported.get(Quantity::OutputTokens).is_some()
    }

    /// Audio the provider made arrived.
    pub fn received_audio(&mut self, nanos: u64) {
        self.output();
        self.output_audio_nanos = Some(self.output_audio_nanos.unwrap_or(0).saturating_add(nanos));
    }

    /// The provider refused with an HTTP status, a close code or an error frame. After output it stays answered.
    pub fn refused(&mut self, status: u16) {
        self.refusal = Some(status);
        if self.reach != Reach::Answered {
            self.reach = Reach::Refused(status);
        }
    }

    /// The provider's usage message for the whole attempt; a later one replaces the quantities it names.
    pub fn reported(&mut self, usage: &Usage) {
        self.reported = usage.or(&self.reported);
    }

    /// A usage message for one part of the attempt, such as one utterance; parts add up.
    pub fn reported_more(&mut self, part: &Usage) {
        for (quantity, measured) in part.iter() {
            let before = self.reported.value(quantity).unwrap_or(0);
            self.reported.set(quantity, before.saturating_add(measured.value), measured.source);
        }
    }

    /// What was counted, as of now.
    pub fn read(&self) -> Reading {
        let now = Instant::now();
        let asked = self.first_text.unwrap_or(self.started);
        let mut wire = Usage::UNKNOWN;
        let mut reported = self.reported;
        if let Some(characters) = self.sent_characters {
            wire.set(Quantity::SentCharacters, characters, Source::WireMeasured);
        }
        if let Some(nanos) = self.output_audio_nanos {
            wire.set(Quantity::OutputAudioNanos, nanos, Source::WireMeasured);
        }
        if let Some(nanos) = self.body_audio_nanos {
            wire.set(Quantity::SentAudioNanos, nanos, Source::WireMeasured);
        }
        if !self.sockets.is_empty() {
            let sent = self.sockets.iter().map(Socket::sent_nanos).sum();
            let open = self.sockets.iter().map(|socket| socket.open_nanos(now)).sum();
            wire.set(Quantity::SentAudioNanos, sent, Source::WireMeasured);
            wire.set(Quantity::SessionNanos, open, Source::WireMeasured);
            if let Some(audio) = self.of_sockets(|socket| socket.reported_nanos, Socket::sent_nanos) {
                reported.set(Quantity::AudioNanos, audio.value, audio.source);
            }
            let open_nanos = |socket: &Socket| socket.open_nanos(now);
            if let Some(session) = self.of_sockets(|socket| socket.reported_session_nanos, open_nanos) {
                reported.set(Quantity::SessionNanos, session.value, session.source);
            }
        }
        Reading {
            reach: self.reach,
            refusal: self.refusal,
            wire,
            reported,
            sockets: self.connections,
            ttfb_micros: self.first_output.map(|first| micros_between(asked, first)),
            latency_micros: micros_between(self.started, now),
        }
    }

    /// A quantity over all sockets when the provider reported at least one of them: its number where it gave one, ours
    /// where the socket was cut; the weaker source names the sum.
    fn of_sockets(
        &self,
        theirs: impl Fn(&Socket) -> Option<u64>,
        ours: impl Fn(&Socket) -> u64,
    ) -> Option<Measured> {
        let reports = self.sockets.iter().filter(|socket| theirs(socket).is_some()).count();
        let value = self.sockets.iter().map(|socket| theirs(socket).unwrap_or_else(|| ours(socket))).sum();
        let source =
            if reports == self.sockets.len() { Source::ProviderReported } else { Source::WireMeasured };
        (reports > 0).then_some(Measured { value, source })
    }
}

fn micros_between(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_one_attempt_add_up_and_the_weaker_source_names_the_sum() {
        let mut meter = Meter::start();
        let first = meter.audio_socket_opened(32_000);
        meter.sent_audio(first, 16_000);
        meter.audio_socket_closed(first);
        let second = meter.audio_socket_opened(16_000);
        meter.sent_audio(second, 16_000);
        assert_eq!(meter.read().wire.value(Quantity::SentAudioNanos), Some(1_500_000_000));
        assert_eq!(meter.read().reported.get(Quantity::AudioNanos), None);
        meter.reported_audio(second, 999_000_000);
        let audio = meter.read().reported.get(Quantity::AudioNanos).unwrap();
        assert_eq!((audio.value, audio.source), (1_499_000_000, Source::WireMeasured));
        meter.reported_audio(first, 500_000_000);
        assert_eq!(meter.read().reported.get(Quantity::AudioNanos).unwrap().source, Source::ProviderReported);
        assert_eq!(meter.read().sockets, 2);
    }

    #[test]
    fn a_session_lasts_as_long_as_the_provider_says_or_as_its_socket_was_open() {
        let mut meter = Meter::start();
        let first = meter.audio_socket_opened(32_000);
        meter.audio_socket_closed(first);
        assert_eq!(meter.read().reported.get(Quantity::SessionNanos), None);
        meter.reported_session(first, 15_000_000_000);
        let session = meter.read().reported.get(Quantity::SessionNanos).unwrap();
        assert_eq!((session.value, session.source), (15_000_000_000, Source::ProviderReported));
        let second = meter.audio_socket_opened(32_000);
        std::thread::sleep(std::time::Duration::from_millis(2));
        meter.audio_socket_closed(second);
        let both = meter.read().reported.get(Quantity::SessionNanos).unwrap();
        assert!(both.value >= 15_002_000_000 && both.source == Source::WireMeasured);
    }

    #[test]
    fn a_refusal_after_output_stays_an_answer() {
        let mut meter = Meter::start();
        meter.sent_text(5);
        assert_eq!(meter.read().reach, Reach::Sent);
        meter.output();
        meter.refused(500);
        assert_eq!(meter.read().reach, Reach::Answered);
        assert!(meter.read().ttfb_micros.is_some());
    }
}
