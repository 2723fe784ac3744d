//! A server for one test, and the plainest of clients.

use futures_util::future::{BoxFuture, FutureExt, ready};
use std::{collections::HashMap, net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use vg_core::config::{self, Secret};
use vg_engine::Engine;
use vg_gateway::{Gateway, Keys, KeysError, Limits, LivekitKey, Setup, Stop, VirtualKey};

/// Keys as a store would hold them.
#[derive(Default)]
pub struct TestKeys {
    /// Secret and project by API key.
    pub livekit: HashMap<&'static str, (&'static str, &'static str)>,
    /// Tenant by virtual key.
    pub virtual_keys: HashMap<&'static str, Option<&'static str>>,
}

impl Keys for TestKeys {
    fn any(&self) -> BoxFuture<'_, Result<bool, KeysError>> {
        ready(Ok(!self.livekit.is_empty() || !self.virtual_keys.is_empty())).boxed()
    }

    fn livekit<'a>(&'a self, api_key: &'a str) -> BoxFuture<'a, Result<Option<LivekitKey>, KeysError>> {
        let key = self.livekit.get(api_key).map(|(secret, project)| LivekitKey {
            secret: Secret::from(*secret),
            project: (*project).into(),
            tenant: None,
        });
        ready(Ok(key)).boxed()
    }

    fn virtual_key<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<VirtualKey>, KeysError>> {
        let key = self.virtual_keys.get(token).map(|tenant| VirtualKey {
            id: "1".into(),
            project: None,
            tenant: tenant.map(Into::into),
        });
        ready(Ok(key)).boxed()
    }
}

/// A running server.
pub struct TestServer {
    pub address: SocketAddr,
    pub gateway: Arc<Gateway>,
    pub stop: Option<oneshot::Sender<()>>,
    pub served: JoinHandle<std::io::Result<()>>,
}

impl TestServer {
    /// Starts one with this configuration.
    pub async fn start(yaml: &str, keys: TestKeys, limits: Limits) -> TestServer {
        TestServer::start_over(None, yaml, Arc::new(keys), limits).await
    }

    /// Starts one over the ledger at `database_url`.
    pub async fn start_over(
        database_url: Option<String>,
        yaml: &str,
        keys: Arc<dyn Keys>,
        limits: Limits,
    ) -> TestServer {
        let config = config::load(yaml, "voicegw.yaml", &|_| None, &[]).unwrap().config;
        let variables: HashMap<String, String> = ["OPENAI_API_KEY", "DEEPGRAM_API_KEY", "CARTESIA_API_KEY"]
            .map(|name| (name.into(), "k".into()))
            .into();
        let engine = Engine::open(vg_engine::Setup {
            config: config.clone(),
            variables: variables.clone(),
            database_url: database_url.clone(),
        })
        .unwrap();
        let gateway = Gateway::new(Setup {
            engine: Arc::new(engine),
            keys,
            config,
            variables,
            database_url,
            temporary: std::env::temp_dir(),
            version: "1.2.3",
            limits,
        })
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stop_of_server = Stop {
            gracefully: Box::pin(async move { drop(stopped.await) }),
            now: Box::pin(std::future::pending()),
        };
        let served = tokio::spawn(vg_gateway::serve(Arc::clone(&gateway), listener, stop_of_server));
        TestServer { address, gateway, stop: Some(stop), served }
    }

    /// An open server with the usual limits.
    pub async fn open() -> TestServer {
        TestServer::start("", TestKeys::default(), Limits::default()).await
    }

    /// Asks, and reads the whole answer: status, head, body.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        Answer::parse(&String::from_utf8(answer).unwrap())
    }

    /// Asks for a path.
    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        self.ask("GET", path, &headers, "").await
    }
}

/// What a server said.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    /// As it came.
    pub raw_head: String,
    pub body: String,
}

impl Answer {
    fn parse(text: &str) -> Answer {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), raw_head: head.to_owned(), body: body.to_owned() }
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}
