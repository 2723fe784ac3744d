//! Every environment variable the product reads, once. The environment itself is read by the edges only.

use super::{Config, Unset, files};
use std::path::Path;

/// An environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one line.
    pub meaning: &'static str,
}

macro_rules! variables {
    ($($(#[doc = $meaning:literal])+ $name:ident;)*) => {
        $($(#[doc = $meaning])+ pub const $name: &str = stringify!($name);)*

        /// All of them, in the order of the reference.
        pub const ALL: &[Variable] = &[$(Variable { name: $name, meaning: concat!($($meaning),+) }),*];
    };
}

variables! {
    /// Path of the configuration file.
    VOICEGW_CONFIG;
    /// Path of the SQLite ledger, over `cost_tracking.db_path`; turns the ledger on.
    VOICEGW_DB_PATH;
    /// Database URL (`sqlite://` or `postgresql://`), over everything; turns the ledger on.
    VOICEGW_DB_URL;
    /// Interface the server listens on, over `serve.host`.
    VOICEGW_HOST;
    /// Port the server listens on, over `serve.port`.
    VOICEGW_PORT;
    /// The project, over `default_project`.
    VOICEGW_ACTIVE_PROJECT;
    /// A static key for everything, used when `auth.api_keys` gives none; sent by commands that call the server.
    VOICEGW_API_KEY;
    /// Bearer token of the MCP endpoints.
    VOICEGW_MCP_TOKEN;
    /// Another name of `VOICEGW_MCP_TOKEN`.
    VOICEGW_MCP_API_KEY;
    /// Fernet key that issued keys are kept under; by default the file `~/.config/voicegateway/.secret`.
    VOICEGW_SECRET;
    /// Older Fernet keys, comma-separated, that keys issued under them still need.
    VOICEGW_SECRET_FALLBACK;
    /// Collector that ledger lines of this agent are sent to.
    VOICEGW_COLLECTOR_URL;
    /// Virtual key sent to the collector.
    VOICEGW_VIRTUAL_KEY;
    /// Name of this agent in the fleet.
    VOICEGW_AGENT_ID;
    /// The Python that has the local runtimes, for `voicegw models`; by default `voicegw`'s own, else `python3`.
    VOICEGW_PYTHON;
    /// Deepgram's key when the configuration has none.
    DEEPGRAM_API_KEY;
    /// OpenAI's key when the configuration has none.
    OPENAI_API_KEY;
    /// Anthropic's key when the configuration has none.
    ANTHROPIC_API_KEY;
    /// Groq's key when the configuration has none.
    GROQ_API_KEY;
    /// Cartesia's key when the configuration has none.
    CARTESIA_API_KEY;
    /// ElevenLabs' key when the configuration has none.
    ELEVENLABS_API_KEY;
    /// The name that LiveKit's plugin has for `ELEVENLABS_API_KEY`, read when that one is not set.
    ELEVEN_API_KEY;
    /// AssemblyAI's key when the configuration has none.
    ASSEMBLYAI_API_KEY;
    /// Deepgram's key for its bill, for `voicegw reconcile --fetch`; else `DEEPGRAM_API_KEY`.
    DEEPGRAM_ADMIN_KEY;
    /// OpenAI's admin key for its bill, for `voicegw reconcile --fetch`.
    OPENAI_ADMIN_KEY;
    /// Anthropic's admin key for its bill, for `voicegw reconcile --fetch`.
    ANTHROPIC_ADMIN_KEY;
    /// Another name of `ANTHROPIC_ADMIN_KEY`.
    ANTHROPIC_ADMIN_API_KEY;
    /// Cartesia's admin key for its bill, for `voicegw reconcile --fetch`.
    CARTESIA_ADMIN_KEY;
    /// Another name of `CARTESIA_ADMIN_KEY`.
    CARTESIA_ADMIN_API_KEY;
    /// ElevenLabs' key for its bill, for `voicegw reconcile --fetch`; else `ELEVENLABS_API_KEY`.
    ELEVENLABS_ADMIN_KEY;
    /// Any value but nothing: no colours.
    NO_COLOR;
    /// What the libraries log to stderr; `warn` by default.
    RUST_LOG;
    /// The home folder, where the default places are.
    HOME;
    /// Accepted from older deployments, unread.
    VOICEGW_PROFILE;
    /// Accepted from older deployments, unread.
    VOICEGW_API_URL;
    /// Accepted from older deployments, unread.
    VOICEGW_PG_PASSWORD;
}

/// The ledger's URL, or `None` when there is to be no ledger: `VOICEGW_DB_URL`, else `VOICEGW_DB_PATH`, else,
/// when cost tracking is on, `cost_tracking.db_path` or its default place. Whether requests are written down is
/// also a matter of `observability.cost_tracking`; what was written stays readable.
///
/// # Errors
/// [`Unset`] when `db_path` was written with a variable that is not set.
pub fn database_url(
    config: &Config,
    variable: &dyn Fn(&str) -> Option<String>,
    home: Option<&Path>,
) -> Result<Option<String>, Unset> {
    let given = |name| variable(name).filter(|value| !value.is_empty());
    let file = |path: &str| Ok(Some(format!("sqlite://{}", files::expand(path, home).display())));
    if let Some(url) = given(VOICEGW_DB_URL) {
        return Ok(Some(url.replacen("postgresql+asyncpg://", "postgresql://", 1)));
    }
    if let Some(path) = given(VOICEGW_DB_PATH) {
        return file(&path);
    }
    if !config.cost_tracking.enabled {
        return Ok(None);
    }
    match &config.cost_tracking.db_path {
        Some(path) if !path.is_empty() => file(path.get()?),
        _ => file(&format!("~/{}/voicegw.db", files::CONFIG_FOLDER)),
    }
}

/// The project of requests that name none: `VOICEGW_ACTIVE_PROJECT`, else `default_project`, else `default`.
///
/// # Errors
/// [`Unset`] when `default_project` was written with a variable that is not set.
pub fn active_project(config: &Config, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, Unset> {
    match variable(VOICEGW_ACTIVE_PROJECT).filter(|project| !project.is_empty()) {
        Some(project) => Ok(project),
        None => config.default_project().map(str::to_owned),
    }
}
