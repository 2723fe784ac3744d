//! What the end of a provider's WebSocket means.

use super::http::shortened;
use http::Request;
use tokio_tungstenite::tungstenite::{self, protocol::CloseFrame};
use vg_core::call::Failure;

/// The request that opens a WebSocket at `address`, with one header that carries the credentials.
///
/// # Errors
/// When the address or the credentials cannot be sent in a request.
pub fn request(
    address: &str,
    header: &'static str,
    credentials: &str,
) -> Result<http::request::Builder, Failure> {
    let uri: http::Uri =
        address.parse().map_err(|_| Failure::unsupported("the base URL of this provider is not one"))?;
    Ok(Request::get(uri).header(header, super::http::secret(credentials)?))
}

/// The finished request of [`request`].
///
/// # Errors
/// When one of its headers cannot be sent.
pub fn finish(builder: http::request::Builder) -> Result<Request<()>, Failure> {
    builder.body(()).map_err(|_| Failure::unsupported("the base URL of this provider is not one"))
}

/// The provider closed in the middle.
pub fn closed(frame: Option<&CloseFrame>) -> Failure {
    let Some(frame) = frame else { return Failure::dropped("the provider closed the connection") };
    let code = u16::from(frame.code);
    let reason = shortened(&frame.reason);
    let message = format!("the provider closed the connection with {code} {reason}");
    let code_word = (!reason.is_empty()).then_some(reason);
    Failure::refused(code, message.trim_end()).with_code(code_word)
}

/// The connection broke.
pub fn broken(error: &tungstenite::Error) -> Failure {
    Failure::dropped(format!("the connection to the provider broke: {error}"))
}

/// A message that is not what the provider's documentation says.
pub fn malformed(error: &serde_json::Error) -> Failure {
    // The text of a message may be the caller's, so only the place of the error is told.
    Failure::malformed(format!(
        "the provider sent a message that cannot be read (line {}, column {})",
        error.line(),
        error.column()
    ))
}
