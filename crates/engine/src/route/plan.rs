//! Who is a candidate.

use super::{Candidate, Fallback, Patience, Plan, Wishes};
use crate::{Ask, Engine, Error, target::Target};
use std::sync::Arc;
use vg_core::{Modality, config::Text, model};
use vg_providers::registry;

impl Engine {
    /// The candidates for a request: the model asked for, then the fallbacks the request names, else those that
    /// follow it in the project's chain. One that cannot be called (no key, switched off, no client) is left out with
    /// a line in the log.
    ///
    /// # Errors
    /// When the model asked for leads nowhere, or no candidate at all can be called.
    pub fn plan(&self, ask: &Ask<'_>, wishes: &Wishes) -> Result<Plan, Error> {
        let config = self.shared.config();
        let asked = match ask.model.filter(|model| *model != "auto") {
            Some(model) => model.to_owned(),
            None => model::default_model(&config, ask.project, ask.modality)?.to_owned(),
        };
        let ask = Ask { model: Some(&asked), ..*ask };
        let first = self.candidate(&ask);
        // A model string that means nothing is the caller's mistake, whatever else might answer.
        if let Err(error @ (Error::Model(_) | Error::UnknownProvider(_))) = first {
            return Err(error);
        }
        let mut candidates = Vec::new();
        let mut refusal = None;
        let mut add = |candidate: Result<Candidate, Error>, name: &str| match candidate {
            Ok(candidate) => candidates.push(candidate),
            Err(error) => {
                tracing::warn!(model = name, %error, "a candidate is left out");
                refusal.get_or_insert(error);
            }
        };
        let asked_id = first.as_ref().ok().map(|candidate| Arc::clone(&candidate.target.model_id));
        add(first, &asked);
        match &wishes.fallbacks {
            Some(fallbacks) => {
                for fallback in fallbacks {
                    add(self.fallback(&ask, fallback), &fallback.model);
                }
            }
            None => {
                for name in following(config.chain(ask.project, ask.modality), &asked, ask.modality) {
                    match name.get() {
                        Ok(name) => add(self.fallback(&ask, &Fallback::of(name)), name),
                        Err(unset) => add(Err(unset.into()), &asked),
                    }
                }
            }
        }
        if let (true, Some(refusal)) = (candidates.is_empty(), refusal) {
            return Err(refusal);
        }
        let asked = asked_id.unwrap_or_else(|| asked.as_str().into());
        Ok(Plan { candidates, asked, patience: Patience::new(&config.failover, wishes) })
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
        let target = match self.resolve(ask) {
            // LiveKit's clients may name a provider alone.
            Err(Error::Model(error)) => {
                match ask.model.and_then(|model| of_provider_alone(model, ask.modality)) {
                    Some(model) => self.resolve(&Ask { model: Some(&model), ..*ask })?,
                    None => return Err(error.into()),
                }
            }
            resolved => resolved?,
        };
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

/// The whole model string for a provider's name, with or without a suffix.
fn of_provider_alone(given: &str, modality: Modality) -> Option<String> {
    let (provider, suffix) = model::split_suffix(given, modality);
    let model = registry::clients(provider).default_model(modality)?;
    Some(match suffix {
        Some(suffix) => format!("{provider}/{model}:{suffix}"),
        None => format!("{provider}/{model}"),
    })
}

/// What follows `asked` in a chain; nothing, if it is no member. A member may carry a voice or a language that LiveKit's
/// clients cut off the string and send apart, so without one that is written the same the model decides.
fn following<'a>(chain: &'a [Text], asked: &str, modality: Modality) -> &'a [Text] {
    let stem = model::split_suffix(asked, modality).0;
    let place_of = |is: &dyn Fn(&str) -> bool| chain.iter().position(|name| name.get().is_ok_and(is));
    let place = place_of(&|name| name == asked)
        .or_else(|| place_of(&|name| model::split_suffix(name, modality).0 == stem));
    place.and_then(|place| chain.get(place + 1..)).unwrap_or_default()
}
