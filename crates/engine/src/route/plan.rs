//! Who is a candidate.

use super::{Candidate, Fallback, Patience, Plan, Wishes};
use crate::{Ask, Engine, Error, target::Target};
use vg_core::{Modality, model};
use vg_providers::registry;

impl Engine {
    /// The candidates for a request: the model asked for, then the fallbacks the request names, else those that
    /// follow it in the project's chain. One that cannot be called (no key, switched off, no client) is left out with
    /// a line in the log.
    ///
    /// # Errors
    /// When the model asked for leads nowhere, or no candidate at all can be called.
    pub fn plan(&self, ask: &Ask<'_>, wishes: &Wishes) -> Result<Plan, Error> {
        let chain = whole(ask, |ask| self.chain(ask))?;
        let mut candidates = Vec::new();
        let mut refusal = None;
        let mut add = |candidate: Result<Candidate, Error>, name: &str| match candidate {
            Ok(candidate) => candidates.push(candidate),
            Err(error) => {
                tracing::warn!(model = name, %error, "a candidate is left out");
                refusal.get_or_insert(error);
            }
        };
        add(self.candidate(&Ask { model: Some(&chain.first), provider: None, ..*ask }), &chain.first);
        match &wishes.fallbacks {
            Some(fallbacks) => {
                fallbacks.iter().for_each(|fallback| add(self.fallback(ask, fallback), &fallback.model));
            }
            None => {
                let following = chain.following.iter();
                following.for_each(|name| add(self.fallback(ask, &Fallback::of(name)), name));
            }
        }
        if let (true, Some(refusal)) = (candidates.is_empty(), refusal) {
            return Err(refusal);
        }
        let patience = Patience::new(&self.shared.config().failover, wishes);
        Ok(Plan { candidates, asked: chain.asked, patience })
    }

    /// A fallback speaks the language asked for, in a voice of its own.
    fn fallback(&self, ask: &Ask<'_>, fallback: &Fallback) -> Result<Candidate, Error> {
        let ask = Ask {
            model: Some(&fallback.model),
            voice: fallback.voice.as_deref().filter(|voice| !voice.is_empty()),
            provider: None,
            api_key: None,
            base_url: None,
            ..*ask
        };
        let mut candidate = self.candidate(&ask)?;
        candidate.extra = Some(fallback.extra.clone());
        Ok(candidate)
    }

    fn candidate(&self, ask: &Ask<'_>) -> Result<Candidate, Error> {
        let target = whole(ask, |ask| self.resolve(ask))?;
        let clients = registry::clients(target.provider.id());
        let is_offered = match ask.modality {
            Modality::Stt => clients.stt.is_some(),
            Modality::Llm => clients.llm.is_some(),
            Modality::Tts => clients.tts.is_some(),
        };
        if !is_offered {
            return Err(no_client(&target));
        }
        Ok(Candidate { target, clients, extra: None })
    }
}

fn no_client(target: &Target) -> Error {
    Error::NoClient { provider: target.provider_name.to_string(), modality: target.modality }
}

/// What `find` makes of a request. LiveKit's clients may name a provider alone: where that leads nowhere, it is asked
/// again with the provider's own model.
fn whole<T>(ask: &Ask<'_>, find: impl Fn(&Ask<'_>) -> Result<T, Error>) -> Result<T, Error> {
    match find(ask) {
        Err(Error::Model(error)) => {
            match ask.model.and_then(|model| of_provider_alone(model, ask.modality)) {
                Some(model) => find(&Ask { model: Some(&model), ..*ask }),
                None => Err(error.into()),
            }
        }
        found => found,
    }
}

/// The whole model string for a provider's name, with or without a suffix.
fn of_provider_alone(given: &str, modality: Modality) -> Option<String> {
    let (provider, suffix) = model::split_suffix(given, modality);
    let model = registry::clients(provider).default_model(modality)?;
    Some(match suffix {
        Some(suffix) => format!("{provider}/{model}:{suffix}"),
        None => format!("{provider}/{model}"),
    })
}
