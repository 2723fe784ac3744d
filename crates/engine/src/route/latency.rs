//! Routing by latency: which model of each roster a conversation uses. Pure: what was observed is handed in.

use super::chain::named;
use vg_core::{
    Kind, Modality, Routed,
    config::{Config, PerModality},
    model::{self, ModelResolutionError},
};
use vg_providers::registry;

/// The median time to the first output of each provider in milliseconds, where nothing was observed: the figures that
/// VoiceGateway publishes for them (the Python product's of 2026).
const PUBLISHED: [(Modality, &str, u32); 10] = [
    (Modality::Stt, "deepgram", 250),
    (Modality::Stt, "assemblyai", 400),
    (Modality::Stt, "openai", 500),
    (Modality::Stt, "groq", 200),
    (Modality::Llm, "openai", 300),
    (Modality::Llm, "anthropic", 350),
    (Modality::Llm, "groq", 80),
    (Modality::Tts, "cartesia", 150),
    (Modality::Tts, "elevenlabs", 400),
    (Modality::Tts, "openai", 600),
];

/// Where a prediction comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The model's own median in this project.
    Observed,
    /// The published median of its provider.
    Published,
}

/// One model of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutePart {
    /// The model string, as a factory takes it.
    pub model: String,
    /// Milliseconds to its first output.
    pub predicted_ms: f64,
    /// Where that comes from.
    pub basis: Basis,
}

/// The models of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// One for each modality.
    pub parts: PerModality<RoutePart>,
    /// Milliseconds for the three parts together.
    pub budget_ms: u32,
}

impl Route {
    /// Milliseconds that the three parts are predicted to take together.
    pub fn predicted_ms(&self) -> f64 {
        Modality::ALL.into_iter().map(|modality| self.parts.get(modality).predicted_ms).sum()
    }

    /// Whether that is more than the budget.
    pub fn budget_overrun(&self) -> bool {
        self.predicted_ms() > f64::from(self.budget_ms)
    }

    /// What its conversation's lines tell of it.
    pub fn routed(&self) -> Routed {
        let model = |modality| Some(self.parts.get(modality).model.clone());
        Routed {
            stt: model(Modality::Stt),
            llm: model(Modality::Llm),
            tts: model(Modality::Tts),
            budget_ms: self.budget_ms,
            budget_overrun: self.budget_overrun(),
        }
    }
}

/// Why there is no route.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// A candidate that leads nowhere.
    #[error(transparent)]
    Model(#[from] ModelResolutionError),
    /// Nobody stands for election.
    #[error(
        "project `{project}` has no {modality} model to choose from: list some that are switched on under \
         `projects.{project}.routing.rosters.{modality}`, or name one"
    )]
    EmptyRoster {
        /// The project.
        project: String,
        /// What lacks candidates.
        modality: Modality,
    },
    /// No candidate of a modality can be predicted.
    #[error(
        "nothing is known of how fast {models} is for {modality}: in project `{project}` no request to it was timed in \
         the last 24 hours, and no median is published for its provider; add a candidate of {published}"
    )]
    Unpredictable {
        /// The project.
        project: String,
        /// The modality.
        modality: Modality,
        /// The candidates, comma-separated.
        models: String,
        /// The providers that have a published median, comma-separated.
        published: String,
        /// Whether the owner wants no conversation without a route within the budget.
        is_strict: bool,
    },
    /// The fastest route takes longer than the budget, and the owner wants none then.
    #[error(
        "the fastest models of project `{project}` ({models}) are predicted to take {predicted_ms:.1} ms, over the \
         budget of {budget_ms} ms: raise `projects.{project}.routing.budget_ms`, add faster candidates, or set \
         `fallback_to_fastest: true`"
    )]
    OverBudget {
        /// The project.
        project: String,
        /// The three models, comma-separated.
        models: String,
        /// What they are predicted to take.
        predicted_ms: f64,
        /// The budget.
        budget_ms: u32,
    },
}

impl RouteError {
    /// The kind of this error.
    pub const fn kind(&self) -> Kind {
        match self {
            RouteError::Model(error) => error.kind(),
            RouteError::OverBudget { .. } => Kind::BudgetExceeded,
            RouteError::EmptyRoster { .. } | RouteError::Unpredictable { .. } => Kind::Conflict,
        }
    }
}

/// Chooses the three models of a conversation in `project`: the lowest predicted total, ties by the order of the
/// rosters. A model in `fixed`, or the project's own `stt_model`, `llm_model` or `tts_model`, is the only candidate of
/// its modality. `observed` answers the median of a model, by its ledger name, in milliseconds. A candidate that
/// nothing is known of, or whose provider is switched off, is passed over.
///
/// # Errors
/// [`RouteError`].
pub fn route(
    config: &Config,
    project: &str,
    fixed: &PerModality<Option<String>>,
    observed: &dyn Fn(Modality, &str) -> Option<f64>,
) -> Result<Route, RouteError> {
    let empty = |modality| RouteError::EmptyRoster { project: project.to_owned(), modality };
    let section = config.projects.get(project).ok_or_else(|| empty(Modality::Stt))?;
    let fastest = |modality| {
        let own = section.default_models.get(modality).as_ref().map(|text| text.get().map(str::to_owned));
        let candidates =
            match fixed.get(modality).clone().or(own.transpose().map_err(ModelResolutionError::from)?) {
                Some(model) => vec![model],
                None => switched_on(
                    config,
                    project,
                    modality,
                    named(section.routing.rosters.get(modality), modality),
                )?,
            };
        let mut parts = Vec::new();
        for model in &candidates {
            parts.extend(predicted(config, project, modality, model, observed)?);
        }
        // The first one of equals.
        let fastest = parts.into_iter().min_by(|one, other| one.predicted_ms.total_cmp(&other.predicted_ms));
        fastest.ok_or_else(|| match candidates.as_slice() {
            [] => empty(modality),
            models => RouteError::Unpredictable {
                project: project.to_owned(),
                modality,
                models: models.join(", "),
                published: published(modality).map(|(provider, _)| provider).collect::<Vec<_>>().join(", "),
                is_strict: !section.routing.fallback_to_fastest,
            },
        })
    };
    // A total is the sum of its parts: the fastest triple of all holds the fastest candidate of each roster, and when
    // that one does not fit the budget, none does.
    let route = Route { parts: PerModality::try_from_fn(fastest)?, budget_ms: section.routing.budget_ms };
    if route.budget_overrun() && !section.routing.fallback_to_fastest {
        return Err(RouteError::OverBudget {
            project: project.to_owned(),
            models: Modality::ALL.map(|modality| route.parts.get(modality).model.as_str()).join(", "),
            predicted_ms: route.predicted_ms(),
            budget_ms: route.budget_ms,
        });
    }
    Ok(route)
}

/// The candidates whose provider the owner has not switched off.
fn switched_on(
    config: &Config,
    project: &str,
    modality: Modality,
    candidates: Vec<String>,
) -> Result<Vec<String>, RouteError> {
    let mut left = Vec::new();
    for candidate in candidates {
        let meant = model::resolve(config, registry::ALL, project, modality, &candidate)?;
        if config.provider(project, &meant.provider_id).is_none_or(|account| account.enabled) {
            left.push(candidate);
        }
    }
    Ok(left)
}

/// The candidate with its prediction; `None` when nothing is known of it.
fn predicted(
    config: &Config,
    project: &str,
    modality: Modality,
    candidate: &str,
    observed: &dyn Fn(Modality, &str) -> Option<f64>,
) -> Result<Option<RoutePart>, RouteError> {
    let meant = model::resolve(config, registry::ALL, project, modality, candidate)?;
    let of_model = observed(modality, &meant.model_id).map(|median_ms| (median_ms, Basis::Observed));
    let of_provider = || {
        let median_ms = published(modality).find(|(provider, _)| *provider == meant.provider_type)?.1;
        Some((f64::from(median_ms), Basis::Published))
    };
    // A provider alone is its first model under `models`: a route names that.
    let model = match &meant.alias {
        Some(alias) if model::split_suffix(candidate, modality).0 == meant.provider_id => alias.clone(),
        _ => candidate.to_owned(),
    };
    let prediction = of_model.or_else(of_provider);
    Ok(prediction.map(|(predicted_ms, basis)| RoutePart { model, predicted_ms, basis }))
}

fn published(modality: Modality) -> impl Iterator<Item = (&'static str, u32)> {
    PUBLISHED
        .into_iter()
        .filter(move |entry| entry.0 == modality)
        .map(|(_, provider, median)| (provider, median))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vg_core::config::load;

    const FILE: &str = "
providers: {deepgram-staging: {type: deepgram}, assemblyai: {enabled: false}}
models:
  llm: {quick: {provider: groq, model: llama-3.1-8b-instant}}
projects:
  shop:
    name: Shop
    routing:
      rosters:
        stt: [openai/whisper-1, deepgram-staging/nova-3:es, assemblyai/universal-streaming]
        llm: [openai/gpt-4.1, openai/gpt-4.1-nano, groq]
        tts: [elevenlabs/eleven_flash_v2_5, cartesia/sonic-3:ada]
  strict:
    name: Strict
    tts_model: cartesia/sonic-3
    routing:
      budget_ms: 480
      fallback_to_fastest: false
      rosters: {stt: [deepgram/nova-3], llm: [groq/llama-3.1-8b-instant, openai/gpt-4.1]}
  partial: {name: Partial, routing: {budget_ms: 100, rosters: {stt: [groq/whisper-large-v3], llm: [groq], tts: [openai/tts-1]}}}
  unknown: {name: Unknown, routing: {rosters: {stt: [cartesia/ink-2], llm: [groq], tts: []}}}
";

    fn routed(
        project: &str,
        fixed: [Option<&str>; 3],
        observed: &[(Modality, &str, f64)],
    ) -> Result<Route, RouteError> {
        let config = load(FILE, "f", &|_| None, registry::ALL).unwrap().config;
        let [stt, llm, tts] = fixed.map(|model| model.map(str::to_owned));
        let found = |modality, id: &str| {
            let row = observed.iter().find(|row| row.0 == modality && row.1 == id);
            row.map(|row| row.2)
        };
        route(&config, project, &PerModality { stt, llm, tts }, &found)
    }

    fn models(route: &Route) -> [&str; 3] {
        Modality::ALL.map(|modality| route.parts.get(modality).model.as_str())
    }

    #[test]
    fn the_lowest_total_wins_and_names_models_as_factories_take_them() {
        let route = routed("shop", [None; 3], &[]).unwrap();
        assert_eq!(models(&route), ["deepgram-staging/nova-3:es", "quick", "cartesia/sonic-3:ada"]);
        assert_eq!((route.predicted_ms(), route.budget_ms, route.budget_overrun()), (480.0, 1500, false));
        assert_eq!(route.parts.llm.basis, Basis::Published);
    }

    #[test]
    fn what_the_project_observed_of_a_model_wins_over_the_published_median_of_its_provider() {
        let slow = (Modality::Llm, "groq/llama-3.1-8b-instant", 700.0);
        // The others of OpenAI are not known by what one model took.
        let route = routed("shop", [None; 3], &[slow, (Modality::Llm, "openai/gpt-4.1", 420.0)]).unwrap();
        assert_eq!(models(&route)[1], "openai/gpt-4.1-nano");
        let quick = (Modality::Llm, "openai/gpt-4.1", 299.5);
        let route = routed("shop", [None; 3], &[slow, quick]).unwrap();
        assert_eq!((models(&route)[1], route.predicted_ms()), ("openai/gpt-4.1", 699.5));
        assert_eq!(route.parts.llm.basis, Basis::Observed);
    }

    #[test]
    fn equals_go_by_the_order_of_the_roster() {
        let slow = (Modality::Llm, "groq/llama-3.1-8b-instant", 300.0);
        assert_eq!(models(&routed("shop", [None; 3], &[slow]).unwrap())[1], "openai/gpt-4.1");
    }

    #[test]
    fn a_fixed_model_is_the_only_candidate_and_the_projects_own_is_fixed() {
        let fixed = [Some("assemblyai/universal-streaming"), Some("anthropic/claude-haiku-4-5"), None];
        let route = routed("shop", fixed, &[]).unwrap();
        assert_eq!(models(&route), [fixed[0].unwrap(), fixed[1].unwrap(), "cartesia/sonic-3:ada"]);
        assert_eq!(route.predicted_ms(), 900.0);
        let route = routed("strict", [None; 3], &[]).unwrap();
        assert_eq!((models(&route)[2], route.predicted_ms()), ("cartesia/sonic-3", 480.0));
        let route = routed("strict", [Some("groq/whisper-large-v3"), None, Some("openai/tts-1")], &[]);
        assert_eq!(route.unwrap_err().kind(), Kind::BudgetExceeded);
    }

    #[test]
    fn none_that_fits_is_the_fastest_over_budget_or_an_error() {
        let route = routed("partial", [None; 3], &[]).unwrap();
        assert_eq!((route.predicted_ms(), route.budget_overrun()), (880.0, true));
        let told = route.routed();
        assert_eq!((told.llm.as_deref(), told.budget_ms, told.budget_overrun), (Some("quick"), 100, true));
        let late = (Modality::Stt, "deepgram/nova-3", 250.1);
        let refused = routed("strict", [None; 3], &[late]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the fastest models of project `strict` (deepgram/nova-3, groq/llama-3.1-8b-instant, cartesia/sonic-3) are \
             predicted to take 480.1 ms, over the budget of 480 ms: raise `projects.strict.routing.budget_ms`, add \
             faster candidates, or set `fallback_to_fastest: true`"
        );
    }

    #[test]
    fn what_nothing_is_known_of_is_passed_over_and_nobody_left_is_said() {
        let known = routed("unknown", [Some("whisper/base"), None, Some("openai/tts-1")], &[]).unwrap_err();
        assert!(
            matches!(known, RouteError::Unpredictable { modality: Modality::Stt, is_strict: false, .. }),
            "{known}"
        );
        let seen = (Modality::Stt, "cartesia/ink-2", 90.0);
        let empty = routed("unknown", [None; 3], &[seen]).unwrap_err();
        assert!(empty.to_string().contains("`projects.unknown.routing.rosters.tts`"), "{empty}");
        assert!(routed("unknown", [None, None, Some("openai/tts-1")], &[seen]).is_ok());
        let nowhere = routed("shop", [None, Some("nobody"), None], &[]).unwrap_err();
        assert!(matches!(nowhere, RouteError::Model(_)), "{nowhere}");
        assert!(matches!(routed("none", [None; 3], &[]), Err(RouteError::EmptyRoster { .. })));
    }
}
