//! The simulated providers on a free port of this process, for as long as the value lives.

use crate::http::{Answer, ask};
use serde_json::Value;
use std::{fmt::Write, net::SocketAddr};
use tokio::{net::TcpListener, task::JoinHandle};
use vg_providers::sim::{SimOptions, base_urls, serve};

/// The providers of this version, for a configuration to name.
pub const PROVIDERS: &[&dyn vg_core::provider::Provider] = vg_providers::registry::ALL;

/// Running simulators.
pub struct Sim {
    address: SocketAddr,
    task: JoinHandle<std::io::Result<()>>,
}

impl Sim {
    /// Starts them; `pace` 0 is as fast as they can.
    ///
    /// # Panics
    /// When there is no free port.
    #[expect(clippy::expect_used, reason = "a test that cannot set itself up has failed")]
    pub async fn start(pace: f64) -> Sim {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(serve(SimOptions { listener, seed: 1, pace }, || Ok(())));
        Sim { address, task }
    }

    /// The configuration's section that leads every provider there is to them.
    pub fn providers(&self) -> String {
        let mut yaml = "providers:\n".to_owned();
        for (provider, url) in base_urls(&format!("http://{}", self.address)) {
            let _ = writeln!(yaml, "  {provider}: {{ api_key: any, base_url: {url:?} }}");
        }
        yaml
    }

    /// Orders faults, as `POST /__faults` takes them.
    pub async fn faults(&self, orders: Value) {
        self.order("/__faults", orders).await;
    }

    /// Says what is heard and what is answered, as `POST /__script` takes it.
    pub async fn script(&self, script: Value) {
        self.order("/__script", script).await;
    }

    /// Sets prices, a discount, or where days are cut, as `PUT /__tariff` takes them.
    pub async fn tariff(&self, tariff: Value) {
        let answer = self.ask("PUT", "/__tariff", &tariff.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Writes requests of the past into the books, as `POST /__history` takes them.
    pub async fn history(&self, requests: Value) {
        self.order("/__history", requests).await;
    }

    /// A provider's bill as it is downloaded; `query` is that of `GET /__bill/PROVIDER`.
    pub async fn bill(&self, provider: &str, query: &str) -> String {
        let answer = self.ask("GET", &format!("/__bill/{provider}?{query}"), "").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// What was billed: the lines of `GET /__meter`.
    pub async fn meter(&self) -> Value {
        self.ask("GET", "/__meter", "").await.json()
    }

    /// The single requests: the lines of `GET /__requests`.
    pub async fn requests(&self) -> Value {
        self.ask("GET", "/__requests", "").await.json()
    }

    async fn order(&self, path: &str, order: Value) {
        let answer = self.ask("POST", path, &order.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        ask(self.address, method, path, &[("content-type", "application/json")], body).await
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.task.abort();
    }
}
