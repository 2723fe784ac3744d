//! `voicegw.yaml`, checked: pure functions from text to values.
//!
//! [`load`] takes the text and a way to look up variables; finding and reading files is for the edges, helped
//! by [`files`]. [`env`] lists every environment variable there is. [`reference`] is the schema described by
//! itself.

pub mod env;
pub mod files;
mod links;
mod prices;
mod problems;
mod project;
mod providers;
mod reader;
mod reconcile;
pub mod reference;
mod running;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod values;

pub use prices::{Prices, Tariffs};
pub use problems::{Position, Problem, Problems, nearest};
pub use project::{
    Branding, BudgetAction, GUARDRAIL_CATEGORIES, GuardrailAction, Guardrails, Metrics, Project, Replay,
    Routing,
};
pub use providers::{FallbackMode, Model, PerModality, Provider, Stack};
pub use reconcile::{Billing, Reconcile, Tolerances};
pub use running::{
    ApiKey, Auth, CostTracking, Failover, Ingest, Latency, Listener, Observability, Retention, Scope, Workers,
};
pub use text::{Extra, Secret, Text, Unset, masked};

use crate::{
    Modality,
    price::{Book, Tariff},
    provider,
};
use indexmap::IndexMap;
use links::Target;
use reader::{Context, Reader, Unknown};
use std::sync::Arc;

/// The project that every configuration has, written down or not.
pub const DEFAULT_PROJECT: &str = "default";

/// The checked configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Accounts and runtimes by id.
    pub providers: IndexMap<String, Provider>,
    /// Models under the owner's names.
    pub models: PerModality<IndexMap<String, Model>>,
    /// Triples by name.
    pub stacks: IndexMap<String, Stack>,
    /// The project of requests that name none; empty for `default`.
    pub default_project: Text,
    /// What is tried in turn.
    pub fallbacks: PerModality<Vec<Text>>,
    /// When chains are walked in the agent's process.
    pub fallback_mode: FallbackMode,
    /// When a call moves on along its chain.
    pub failover: Failover,
    /// Projects by id.
    pub projects: IndexMap<String, Project>,
    /// What is observed.
    pub observability: Observability,
    /// The ledger.
    pub cost_tracking: CostTracking,
    /// How latency is reported.
    pub latency: Latency,
    /// Requests per minute by provider; 0 is no limit.
    pub rate_limits: IndexMap<String, u32>,
    /// The server.
    pub serve: Listener,
    /// The dashboard's own listener.
    pub dashboard: Listener,
    /// Who may ask.
    pub auth: Auth,
    /// Lines from agents elsewhere.
    pub ingest: Ingest,
    /// How long detail is kept.
    pub retention: Retention,
    /// Background jobs.
    pub workers: Workers,
    /// How the ledger is held against bills.
    pub reconcile: Reconcile,
    /// What requests cost where a project says nothing else.
    pub prices: Prices,
    tariffs: Tariffs,
    inert: Vec<String>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// What is odd about it, one line each when displayed.
    pub warnings: Problems,
}

/// Reads a configuration file.
///
/// `file` is the name used in messages, `variable` looks up an environment variable, `providers` are those of
/// this version, which names in the file may mean.
///
/// # Errors
/// Every problem of the file at once, in its order.
pub fn load(
    text: &str,
    file: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    providers: &[&dyn provider::Provider],
) -> Result<Loaded, Problems> {
    let context = Context::new(variable);
    let parsed = tree::parse(text, &mut context.problems.borrow_mut());
    let root = parsed.map_err(|problem| Problems::new(file, vec![problem]))?;
    let mut config = Config::read(&context, root.as_ref());
    let Context { problems, warnings, inert, links, .. } = &context;
    if !problems.borrow().is_empty() {
        return Err(Problems::new(file, problems.take()));
    }
    config.inert = inert.take();
    let mut warnings = warnings.take();
    warnings.extend(links.take().iter().filter_map(|link| links::check(link, &config, providers)));
    Ok(Loaded { config, warnings: Problems::new(file, warnings) })
}

impl Config {
    /// What holds when there is no file: keys come from the environment, the project is `default`, the ledger
    /// is kept at its default place.
    pub fn without_file() -> Self {
        Config::read(&Context::new(&|_| None), None)
    }

    /// Keys present in the file that are accepted and checked but that nothing in this version acts on.
    pub fn inert_sections(&self) -> &[String] {
        &self.inert
    }

    /// What is tried in turn for a project: its own chain, else the shared one.
    pub fn chain(&self, project: &str, modality: Modality) -> &[Text] {
        let own = self.projects.get(project).map(|project| project.fallbacks.get(modality));
        own.filter(|chain| !chain.is_empty()).unwrap_or_else(|| self.fallbacks.get(modality))
    }

    /// The project of requests that name none.
    ///
    /// # Errors
    /// [`Unset`] when it was written with a variable that is not set.
    pub fn default_project(&self) -> Result<&str, Unset> {
        let name = self.default_project.get()?;
        Ok(if name.is_empty() { DEFAULT_PROJECT } else { name })
    }

    /// The account that speaks for `id` in `project`: the project's own block, else the shared one. The two
    /// are never mixed.
    pub fn provider(&self, project: &str, id: &str) -> Option<&Provider> {
        let own = self.projects.get(project).and_then(|project| project.providers.get(id));
        own.or_else(|| self.providers.get(id))
    }

    /// The provider type of a configured id: its `type`, else the id itself.
    ///
    /// # Errors
    /// [`Unset`] when the type was written with a variable that is not set.
    pub fn provider_type<'a>(&'a self, project: &str, id: &'a str) -> Result<&'a str, Unset> {
        match self.provider(project, id).and_then(|provider| provider.provider_type.as_ref()) {
            Some(provider_type) => provider_type.get(),
            None => Ok(id),
        }
    }

    /// What the requests of a project cost; of one that is not configured, what the shared prices say.
    pub fn tariff(&self, project: &str) -> &Arc<Tariff> {
        self.tariffs.of(self, project)
    }

    /// Puts a price book that was read from a file in force: for one project, or for all that have none of their own.
    pub fn put_in_force(&mut self, project: Option<&str>, book: Arc<Book>) {
        let prices = match project {
            Some(project) => self.projects.get_mut(project).map(|project| &mut project.prices),
            None => Some(&mut self.prices),
        };
        if let Some(prices) = prices {
            prices.in_force = Some(book);
        }
        self.tariffs = Tariffs::default();
    }

    /// The key for `id` in `project`: from its account, else the one its type has in the environment.
    /// `None` when there is none, or when the account is switched off.
    ///
    /// # Errors
    /// [`Unset`] when the account's key was written with a variable that is not set: another account's key
    /// must not step in for it.
    pub fn api_key(
        &self,
        project: &str,
        id: &str,
        in_environment: impl FnOnce() -> Option<String>,
    ) -> Result<Option<Secret>, Unset> {
        let account = self.provider(project, id);
        if account.is_some_and(|account| !account.enabled) {
            return Ok(None);
        }
        if let Some(account) = account.filter(|account| !account.api_key.is_empty()) {
            account.api_key.expose()?;
            return Ok(Some(account.api_key.clone()));
        }
        Ok(in_environment().map(|key| Secret::from(key.as_str())))
    }

    fn read(context: &Context<'_>, root: Option<&tree::Node>) -> Self {
        let mut reader = Reader::new(context, root, "");
        let s = &mut reader;
        let accounts = providers::providers(s, "accounts at providers, by provider");
        let (models, stacks) = (providers::models(s), providers::stacks(s));
        let default_project = s.text("default_project", "the project of requests that name none");
        let (fallbacks, fallback_mode) = providers::fallbacks(s);
        let prices = prices::prices(s, &Prices::default(), "what requests cost");
        let mut config = Config {
            providers: accounts,
            models,
            stacks,
            default_project,
            fallbacks,
            fallback_mode,
            failover: running::failover(s),
            projects: s.named("projects", "my-project", Unknown::Refuse, "projects by id", |_, s| {
                Project::read(s, &prices)
            }),
            observability: running::observability(s),
            cost_tracking: running::cost_tracking(s),
            latency: running::latency(s),
            rate_limits: providers::rate_limits(s),
            serve: running::serve(s),
            dashboard: running::dashboard(s),
            auth: running::auth(s),
            ingest: running::ingest(s),
            retention: running::retention(s),
            workers: running::workers(s),
            reconcile: reconcile::reconcile(s),
            prices,
            tariffs: Tariffs::default(),
            inert: Vec::new(),
        };
        s.points_to("default_project", Target::Project);
        s.without_effect(&["rate_limits", "dashboard"]);
        s.without_effect(&["ingest", "retention", "workers"]);
        reader.finish(Unknown::Refuse);
        let built_in = || Project::built_in(&config.prices);
        config.projects.entry(DEFAULT_PROJECT.to_owned()).or_insert_with(built_in);
        config
    }
}
