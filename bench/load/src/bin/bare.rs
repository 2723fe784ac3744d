//! The libraries the gateway stands on with nothing on them: passes chats on, and looks at none.
//!
//! Usage: bare PORT UPSTREAM
//!
//! What it adds is what axum, hyper and tokio cost; what the gateway adds beyond is the gateway.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::{get, post},
    serve::ListenerExt,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::env;
use tokio::net::TcpListener;
use vg_load as _;

type Upstream = (Client<HttpConnector, Body>, String);

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [port, upstream] = &arguments[..] else { panic!("usage: bare PORT UPSTREAM") };
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(tcp);
    let router = Router::new()
        .route("/v1/chat/completions", post(pass))
        .route("/health", get(async || "ok"))
        .with_state((client, format!("http://{upstream}/openai/v1/chat/completions")));
    let address = ("127.0.0.1", port.parse().expect("a port"));
    let listener = TcpListener::bind(address).await.expect("a free port");
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    axum::serve(listener, router).await.expect("serves until killed");
}

async fn pass(State((client, upstream)): State<Upstream>, mut request: Request) -> Response {
    *request.uri_mut() = upstream.parse().expect("a URL");
    request.headers_mut().remove("host");
    client.request(request).await.expect("an answer").map(Body::new)
}
