//! What a provider's client tells the meter while bytes pass.

use crate::Usage;

/// The meter, as a provider's client sees it: it is told what leaves and arrives on the provider's wire, at the
/// moment it does. No method blocks or fails, and after settlement none changes anything.
pub trait Tap: Send + Sync {
    /// A request left; nothing came back yet.
    fn sent(&self);

    /// Text to speak left, in characters (Unicode code points), inside a frame or a body.
    fn sent_text(&self, characters: u64);

    /// Text to speak leaves whose characters are told later; the time to first byte runs from the first text.
    fn text_leaves(&self) {}

    /// Audio to hear left inside a body or a text frame, in nanoseconds.
    fn sent_body_audio(&self, nanos: u64);

    /// A new socket was opened for this attempt.
    fn socket_opened(&self);

    /// A new socket that carries audio in binary frames was accepted; returns its number within the attempt.
    fn audio_socket_opened(&self, bytes_per_second: u32) -> usize;

    /// Audio left on such a socket, in bytes.
    fn sent_audio(&self, socket: usize, bytes: u64);

    /// The provider said how much audio it processed on such a socket, in nanoseconds.
    fn reported_audio(&self, socket: usize, nanos: u64);

    /// The provider said how long the session on such a socket lasted, in nanoseconds.
    fn reported_session(&self, socket: usize, nanos: u64);

    /// Such a socket closed, from whichever side.
    fn audio_socket_closed(&self, socket: usize);

    /// Output of the provider arrived; the first one sets the time to first byte.
    fn output(&self);

    /// Text a chat model wrote arrived: content, names and arguments of tool calls, shown reasoning. It is kept
    /// only for the estimate of an answer that is cut before its usage message.
    fn output_text(&self, text: &str);

    /// Speech arrived, in nanoseconds.
    fn received_audio(&self, nanos: u64);

    /// The provider refused with an HTTP status, a close code or an error frame.
    fn refused(&self, status: u16);

    /// The provider's usage message for the whole attempt; a later one replaces the quantities it names.
    fn reported(&self, usage: &Usage);

    /// A usage message for one part of the attempt, such as one utterance; parts add up.
    fn reported_more(&self, part: &Usage);
}
