//! A server for one test, and the plainest of clients.

use futures_util::future::{BoxFuture, FutureExt, ready};
use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use vg_core::{
    Line,
    config::{self, Secret},
};
use vg_engine::Engine;
use vg_gateway::{Gateway, Keys, KeysError, Limits, LivekitKey, Setup, Stop, VirtualKey};
use vg_testkit::{
    http::{Answer, ask},
    ledger,
    sim::{PROVIDERS, Sim},
};

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
    /// Where its ledger lies, if it has one of its own.
    folder: Option<tempfile::TempDir>,
}

const DATABASE: &str = "ledger.db";

impl TestServer {
    /// Starts one with this configuration and a ledger of its own.
    pub async fn start(yaml: &str, keys: TestKeys, limits: Limits) -> TestServer {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join(DATABASE).display());
        let server = TestServer::start_over(Some(url), yaml, Arc::new(keys), limits).await;
        TestServer { folder: Some(folder), ..server }
    }

    /// Starts one over the ledger at `database_url`.
    pub async fn start_over(
        database_url: Option<String>,
        yaml: &str,
        keys: Arc<dyn Keys>,
        limits: Limits,
    ) -> TestServer {
        let config = config::load(yaml, "voicegw.yaml", &|_| None, PROVIDERS).unwrap().config;
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
        TestServer { address, gateway, stop: Some(stop), served, folder: None }
    }

    /// An open server with the usual limits.
    pub async fn open() -> TestServer {
        TestServer::start("", TestKeys::default(), Limits::default()).await
    }

    /// An open server whose providers are simulated.
    pub async fn simulated(sim: &Sim) -> TestServer {
        TestServer::start(&sim.providers(), TestKeys::default(), Limits::default()).await
    }

    /// The ledger, oldest line first, once it has `count` lines.
    pub async fn lines(&self, count: usize) -> Vec<Line> {
        let path = self.folder.as_ref().unwrap().path().join(DATABASE);
        for _ in 0..200 {
            let engine = Arc::clone(self.gateway.engine());
            tokio::task::spawn_blocking(move || engine.flush(Duration::from_secs(60))).await.unwrap();
            let lines = ledger::read(&path).await;
            if lines.len() >= count {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the ledger has no {count} lines");
    }

    /// Asks, and reads the whole answer.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        ask(self.address, method, path, headers, body).await
    }

    /// Asks for a path.
    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        self.ask("GET", path, &headers, "").await
    }
}
