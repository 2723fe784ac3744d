//! What is tried in turn: the one source of chains, for calls in the gateway and for objects built in an agent.

use crate::{Ask, Engine, Error};
use std::sync::Arc;
use vg_core::{Modality, config::Text, model};
use vg_providers::registry;

/// The models of a request in the order of its project's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The model asked for, as the ledger names it: what an answer of another one names as `fallback_from`.
    pub asked: Arc<str>,
    /// The model string asked for, spelled out.
    pub first: String,
    /// Those that stand in for it, in turn.
    pub following: Vec<String>,
}

impl Engine {
    /// The chain of a request: what it asks for, then what follows that in the chain of its project. A model that is
    /// named and no member of the chain stands alone; one that the project chose is followed by the whole chain.
    ///
    /// # Errors
    /// When the model asked for leads nowhere. That is the caller's mistake, whatever else might answer.
    pub fn chain(&self, ask: &Ask<'_>) -> Result<Chain, Error> {
        let config = self.shared.config();
        let first = ask.spelled_out(&config)?;
        let asked =
            model::resolve(&config, registry::ALL, ask.project, ask.modality, &first)?.model_id.into();
        let chain = config.chain(ask.project, ask.modality);
        let following = match place_of(chain, &first, ask.modality) {
            Some(place) => chain.get(place + 1..).unwrap_or_default(),
            None if ask.is_for_the_default() => chain,
            None => &[],
        };
        Ok(Chain { asked, first, following: named(following, ask.modality) })
    }

    /// The modalities whose model routing chooses when none is named: those with a roster, unless the project has a
    /// model of its own.
    pub fn routed_modalities(&self, project: &str) -> Vec<Modality> {
        let config = self.shared.config();
        let Some(section) = config.projects.get(project) else { return Vec::new() };
        let is_routed = |modality: &Modality| {
            section.default_models.get(*modality).is_none()
                && !section.routing.rosters.get(*modality).is_empty()
        };
        Modality::ALL.into_iter().filter(is_routed).collect()
    }

    /// The model strings of a project's chain, or of the one that all projects share; none when there is none.
    pub fn fallbacks(&self, project: &str, modality: Modality) -> Vec<String> {
        named(self.shared.config().chain(project, modality), modality)
    }
}

/// The members that can be told: a variable that is not set leaves one out.
pub(super) fn named(chain: &[Text], modality: Modality) -> Vec<String> {
    let told = |name: &Text| match name.get() {
        Ok(name) => Some(name.to_owned()),
        Err(error) => {
            tracing::warn!(%error, %modality, "a model is left out");
            None
        }
    };
    chain.iter().filter_map(told).collect()
}

/// Where `asked` stands in a chain. A member may carry a voice or a language that LiveKit's clients cut off the string
/// and send apart, so without one that is written the same the model decides.
fn place_of(chain: &[Text], asked: &str, modality: Modality) -> Option<usize> {
    let stem = model::split_suffix(asked, modality).0;
    let place_of = |is: &dyn Fn(&str) -> bool| chain.iter().position(|name| name.get().is_ok_and(is));
    place_of(&|name| name == asked)
        .or_else(|| place_of(&|name| model::split_suffix(name, modality).0 == stem))
}
