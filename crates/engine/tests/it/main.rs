//! The stages together: from a model string to a line read back from a real ledger.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod booking;
mod chatting;
mod hearing;
mod planning;
mod resolving;
mod scripted;
mod simulated;
mod simulated_speech;
mod speaking;
mod suite;

use std::{collections::HashMap, sync::Arc, time::Duration};
use tempfile::TempDir;
use vg_core::{Line, Modality, config};
use vg_engine::{Ask, Engine, Setup, Target};
use vg_providers::registry;
use vg_store::{LineQuery, Reader};

/// An engine on a ledger of its own.
struct House {
    engine: Engine,
    url: String,
    _folder: TempDir,
}

impl House {
    /// With this configuration, and a key in the environment for every provider of the embedded way in.
    fn new(yaml: &str) -> House {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("ledger.db").display());
        let keys = ["DEEPGRAM_API_KEY", "OPENAI_API_KEY", "CARTESIA_API_KEY"];
        let variables: HashMap<_, _> =
            keys.map(|name| (name.to_owned(), "from-environment".to_owned())).into();
        let lookup = |name: &str| variables.get(name).cloned();
        let config = config::load(yaml, "voicegw.yaml", &lookup, registry::ALL).unwrap().config;
        let setup = Setup { config, variables: variables.clone(), database_url: Some(url.clone()) };
        House { engine: Engine::open(setup).unwrap(), url, _folder: folder }
    }

    fn target(&self, modality: Modality, model: &str) -> Arc<Target> {
        self.engine.resolve(&Ask { modality, model: Some(model), ..Ask::of_project("default") }).unwrap()
    }

    /// The ledger's lines, oldest first, once all are durable.
    fn lines(&self) -> Vec<Line> {
        assert_eq!(self.engine.flush(Duration::from_secs(60)), 0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let reader = Reader::open(&self.url).await.unwrap();
            let mut lines = reader.ledger_list(&LineQuery::default()).await.unwrap();
            lines.reverse();
            lines
        })
    }
}
