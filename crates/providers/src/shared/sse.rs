//! Server-sent events, read as they arrive: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
//!
//! The decoder works on bytes, so a character split between two reads is nothing special, and an event of one
//! `data` line, which is every event of every provider, is handed on without being copied again.

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::time::Duration;
use vg_core::call::Failure;

/// An event above this size is refused. The largest real ones carry audio in base64.
const EVENT_LIMIT: usize = 8 << 20;
/// How long to wait for the end of a body after its last event.
const END_WAIT: Duration = Duration::from_millis(20);

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The `event` field; empty where the stream names none.
    pub name: Bytes,
    /// The `data` lines, joined by line feeds.
    pub data: Bytes,
}

/// Turns bytes into events.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of line.
    searched: usize,
    /// The last line ended with a carriage return, so a line feed that follows belongs to it.
    after_return: bool,
    has_begun: bool,
    name: Bytes,
    data: Option<Bytes>,
}

impl Decoder {
    /// Takes the next bytes of the stream, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event; `None` until more bytes come.
    ///
    /// # Errors
    /// When an event is too long to be true.
    pub fn next(&mut self) -> Result<Option<Event>, Failure> {
        while let Some(line) = self.line() {
            if line.is_empty() {
                let name = std::mem::take(&mut self.name);
                if let Some(data) = self.data.take() {
                    return Ok(Some(Event { name, data }));
                }
            } else {
                self.field(&line);
            }
        }
        let held = self.buffer.len() + self.data.as_ref().map_or(0, Bytes::len);
        if held > EVENT_LIMIT {
            return Err(Failure::malformed(format!("an event longer than {EVENT_LIMIT} bytes")));
        }
        Ok(None)
    }

    /// The event that the end of the stream completes: some servers leave the last empty line out.
    pub fn finish(&mut self) -> Option<Event> {
        let rest = self.buffer.split().freeze();
        self.searched = 0;
        if !rest.is_empty() {
            self.field(&rest);
        }
        let name = std::mem::take(&mut self.name);
        self.data.take().map(|data| Event { name, data })
    }

    fn line(&mut self) -> Option<Bytes> {
        if self.after_return
            && let Some(next) = self.buffer.first()
        {
            self.after_return = false;
            if *next == b'\n' {
                self.buffer.advance(1);
            }
        }
        let Some(found) = memchr::memchr2(b'\n', b'\r', self.buffer.get(self.searched..)?) else {
            self.searched = self.buffer.len();
            return None;
        };
        let mut line = self.buffer.split_to(self.searched + found).freeze();
        self.searched = 0;
        self.after_return = self.buffer.get_u8() == b'\r';
        if !std::mem::replace(&mut self.has_begun, true) && line.starts_with(b"\xef\xbb\xbf") {
            line.advance(3);
        }
        Some(line)
    }

    fn field(&mut self, line: &Bytes) {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (name, value) = (line.slice(..colon), line.slice((colon + 1).min(line.len())..));
        let value = if value.starts_with(b" ") { value.slice(1..) } else { value };
        match name.as_ref() {
            b"data" => {
                self.data = Some(match self.data.take() {
                    None => value,
                    Some(before) => [before.as_ref(), value.as_ref()].join(&b'\n').into(),
                });
            }
            b"event" => self.name = value,
            // A comment, which keeps the connection alive, or `id` and `retry`, which no provider uses.
            _ => {}
        }
    }
}

/// The events of an answer.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    decoder: Decoder,
    has_ended: bool,
}

impl Events {
    /// Reads the events of a body.
    pub fn new(body: Incoming) -> Events {
        Events { body, decoder: Decoder::default(), has_ended: false }
    }

    /// The next event; `None` at the end of the body. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Event, Failure>> {
        loop {
            match self.decoder.next() {
                Ok(Some(event)) => return Some(Ok(event)),
                Ok(None) if self.has_ended => return None,
                Ok(None) => {}
                Err(failure) => return Some(Err(failure)),
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(bytes) = frame.data_ref() {
                        self.decoder.push(bytes);
                    }
                }
                Some(Err(error)) => {
                    self.has_ended = true;
                    return Some(Err(Failure::dropped(format!("the answer was cut: {error}"))));
                }
                None => {
                    self.has_ended = true;
                    return self.decoder.finish().map(Ok);
                }
            }
        }
    }

    /// Waits a moment for the end of the body after its last event. A connection whose answer was read to its
    /// end is kept for the next call; one that was not is closed.
    pub async fn close(&mut self) {
        let end = async { while let Some(Ok(_)) = self.body.frame().await {} };
        let _ = tokio::time::timeout(END_WAIT, end).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            while let Some(event) = decoder.next().unwrap() {
                events.push(event);
            }
        }
        events.extend(decoder.finish());
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        events.iter().map(|event| (text(&event.name), text(&event.data))).collect()
    }

    fn pair(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn every_line_end_comments_and_many_lines_are_understood() {
        let stream = b"\xef\xbb\xbf: hello\r\nevent: a\r\ndata: one\r\ndata:two\r\n\r\ndata: three\rid: 7\r\rretry\ndata\n\n";
        let wanted = [pair("a", "one\ntwo"), pair("", "three"), pair("", "")];
        assert_eq!(decode(&[stream]), wanted);
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_events() {
        let stream = "event: é\r\ndata: {\"a\":\"ü\"}\r\n\r\n: ping\n\ndata: x\n\ndata: [DONE]".as_bytes();
        let whole = decode(&[stream]);
        assert_eq!(whole, [pair("é", "{\"a\":\"ü\"}"), pair("", "x"), pair("", "[DONE]")]);
        for cut in 0..=stream.len() {
            let (head, tail) = stream.split_at(cut);
            assert_eq!(decode(&[head, tail]), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(decode(&bytes), whole);
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut decoder = Decoder::default();
        decoder.push(b"data: ");
        decoder.push(&vec![b'x'; EVENT_LIMIT]);
        assert!(decoder.next().is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_can_make_it_panic(bytes: Vec<u8>, cut: usize) {
            let (head, tail) = bytes.split_at(cut % (bytes.len() + 1));
            prop_assert_eq!(decode(&[head, tail]), decode(&[&bytes]));
        }
    }
}
