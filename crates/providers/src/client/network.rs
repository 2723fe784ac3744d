//! Connections to providers: one HTTP client with warm pools, and WebSockets. TLS by rustls; `TCP_NODELAY`
//! everywhere, since Nagle's algorithm and delayed acknowledgements together cost 40 ms a message.

use super::pool::{IdleSockets, Lifetime, PooledSocket};
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{self, protocol::WebSocketConfig},
};
use tokio_util::either::Either;
use vg_core::call::Failure;

/// How long a TCP connection may take, whatever the request may wait for.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);
/// A message of a provider above this size is refused.
const MESSAGE_LIMIT: usize = 16 << 20;
/// What a WebSocket reads at once. Small, since there are thousands of them; a speech frame fits.
const SOCKET_READ: usize = 4 << 10;
/// The body of a refusal is read up to this size, for its message.
const REFUSAL_LIMIT: usize = 64 << 10;

/// A request's body.
pub type Body = UnsyncBoxBody<Bytes, Failure>;
/// A WebSocket to a provider.
pub type Socket = WebSocketStream<Either<TcpStream, TlsStream<TcpStream>>>;

/// A body that is known in full.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// The same, and `leaving` is called once, at the moment it is written to a connection: a request that got no
/// connection was never sent.
pub fn full_leaving(bytes: impl Into<Bytes>, leaving: impl FnOnce() + Send + Unpin + 'static) -> Body {
    Leaving { bytes: Some(bytes.into()), leaving: Some(leaving) }
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body that tells when it leaves.
struct Leaving<F> {
    bytes: Option<Bytes>,
    leaving: Option<F>,
}

impl<F: FnOnce() + Unpin> hyper::body::Body for Leaving<F> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(leaving) = self.leaving.take() {
            leaving();
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// The connections of an engine. Pools belong to the runtime they were opened on.
pub struct Network {
    http: Client<HttpsConnector<HttpConnector>, Body>,
    tls: Arc<ClientConfig>,
    idle: IdleSockets,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Network")
    }
}

impl Network {
    /// Connects nothing yet. Trusts the roots that browsers ship, and those of the system (`SSL_CERT_FILE`,
    /// `SSL_CERT_DIR` decide which), so that a proxy of the owner's that signs anew is trusted too.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new() -> Result<Network, io::Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        tcp.enforce_http(false);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(config.clone())
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(https);
        Ok(Network { http, tls: Arc::new(config), idle: IdleSockets::default() })
    }

    /// Sends a request and waits for the head of the answer. A status that is not 2xx is a failure with the
    /// provider's words, found by `words` in the body.
    ///
    /// # Errors
    /// No connection, no answer within `timeout`, or a refusal.
    pub async fn send(
        &self,
        request: Request<Body>,
        timeout: Duration,
        words: fn(&[u8]) -> Words,
    ) -> Result<Response<Incoming>, Failure> {
        let host = host_of(request.uri());
        accepted(&host, self.answer(request, timeout).await?, timeout, words).await
    }

    /// Sends a request and waits for the head of the answer, whatever its status is.
    ///
    /// # Errors
    /// No connection, or no answer within `timeout`.
    pub async fn answer(
        &self,
        request: Request<Body>,
        timeout: Duration,
    ) -> Result<Response<Incoming>, Failure> {
        let host = host_of(request.uri());
        let answer = tokio::time::timeout(timeout, self.http.request(request)).await;
        answer
            .map_err(|_| Failure::timed_out(format!("{host} did not answer within {timeout:?}")))?
            .map_err(|error| Failure::dropped(format!("no answer from {host}: {}", root_cause(&error))))
    }

    /// Opens a WebSocket. The request carries the `ws`, `wss`, `http` or `https` URL and the headers of the
    /// provider; those of the protocol are added.
    ///
    /// # Errors
    /// No connection, no answer within `timeout`, or a refusal.
    pub async fn socket(
        &self,
        request: Request<()>,
        timeout: Duration,
        words: fn(&[u8]) -> Words,
    ) -> Result<(Socket, http::HeaderMap), Failure> {
        let host = host_of(request.uri());
        match tokio::time::timeout(timeout, self.open(request)).await {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(tungstenite::Error::Http(response))) => {
                let mut words = words(response.body().as_deref().unwrap_or_default());
                if words.message.is_empty() {
                    // What comes of the body is what came with the head; some say it in the head, too.
                    let said = response.headers().get("dg-error").and_then(|said| said.to_str().ok());
                    words.message = said.unwrap_or_default().to_owned();
                }
                Err(refusal(&host, response.status().as_u16(), words))
            }
            Ok(Err(error)) => Err(Failure::dropped(format!("no socket to {host}: {error}"))),
            Err(_) => Err(Failure::timed_out(format!("{host} opened no socket within {timeout:?}"))),
        }
    }

    /// A socket kept from an earlier call with the same address and headers, if one is still open. What its
    /// earlier call left unread is gone.
    pub fn kept_socket(&self, request: &Request<()>) -> Option<PooledSocket> {
        self.idle.take(&self.idle.key(request))
    }

    /// Opens a WebSocket that can be kept.
    ///
    /// # Errors
    /// As [`Network::socket`].
    pub async fn new_socket(
        &self,
        request: Request<()>,
        timeout: Duration,
        words: fn(&[u8]) -> Words,
    ) -> Result<PooledSocket, Failure> {
        let key = self.idle.key(&request);
        let (socket, _) = self.socket(request, timeout, words).await?;
        Ok(PooledSocket::new(socket, key))
    }

    /// Keeps a socket for another call with the same address and headers. Only a clean one: what comes on it
    /// before the next call is dropped unread.
    pub fn keep_socket(&self, socket: PooledSocket, lifetime: Lifetime) {
        self.idle.put(socket, lifetime);
    }

    async fn open(&self, mut request: Request<()>) -> Result<(Socket, http::HeaderMap), tungstenite::Error> {
        let is_tls = matches!(request.uri().scheme_str(), Some("wss" | "https"));
        let scheme = if is_tls { "wss" } else { "ws" };
        let host = request.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        *request.uri_mut() = format!("{scheme}://{authority}{path}").parse::<Uri>()?;
        let port = request.uri().port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let tcp = TcpStream::connect((host.as_str(), port)).await?;
        tcp.set_nodelay(true)?;
        let stream = if is_tls {
            let name = ServerName::try_from(host).map_err(io::Error::other)?;
            Either::Right(TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await?)
        } else {
            Either::Left(tcp)
        };
        let mut config = WebSocketConfig::default();
        config.read_buffer_size = SOCKET_READ;
        config.write_buffer_size = 0;
        config.max_write_buffer_size = 1 << 20;
        config.max_message_size = Some(MESSAGE_LIMIT);
        config.max_frame_size = Some(MESSAGE_LIMIT);
        let (socket, response) = client_async_with_config(handshake(request)?, stream, Some(config)).await?;
        Ok((socket, response.into_parts().0.headers))
    }
}

/// What a provider's refusal says.
#[derive(Debug, Default)]
pub struct Words {
    /// The message.
    pub message: String,
    /// The provider's word for it.
    pub code: Option<String>,
}

/// Adds what the WebSocket protocol wants of a request.
fn handshake(request: Request<()>) -> Result<Request<()>, tungstenite::Error> {
    use tungstenite::client::IntoClientRequest;
    let mut whole = request.uri().clone().into_client_request()?;
    whole.headers_mut().extend(request.headers().clone());
    Ok(whole)
}

/// An answer of `host` that is no refusal; a refusal is read for its words first.
///
/// # Errors
/// A status that is not 2xx.
pub(crate) async fn accepted(
    host: &str,
    response: Response<Incoming>,
    timeout: Duration,
    words: fn(&[u8]) -> Words,
) -> Result<Response<Incoming>, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let limited = http_body_util::Limited::new(response.into_body(), REFUSAL_LIMIT).collect();
    let body = match tokio::time::timeout(timeout, limited).await {
        Ok(Ok(body)) => body.to_bytes(),
        _ => Bytes::new(),
    };
    Err(refusal(host, status.as_u16(), words(&body)))
}

fn refusal(host: &str, status: u16, words: Words) -> Failure {
    let said = if words.message.is_empty() { "no reason given".to_owned() } else { words.message };
    Failure::refused(status, format!("{host} answered {status}: {said}")).with_code(words.code)
}

/// The host and port of an address.
pub(crate) fn host_of(uri: &Uri) -> String {
    uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default()
}

/// The innermost cause: a legacy client's own message says only that it failed.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
