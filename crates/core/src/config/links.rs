//! Names that must be found elsewhere: in the file, or among the providers of this version. One that points
//! nowhere is warned of when the file is read, and fails when it is used.

use super::{
    Config,
    problems::{Position, Problem, nearest},
};
use crate::{
    Modality, model,
    price::{self, Book},
    provider::{PriceQuery, PriceRef, Provider},
};

/// A name, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) path: String,
    pub(super) at: Position,
    pub(super) name: String,
    pub(super) target: Target,
}

/// What a name may be the name of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// A provider of this version.
    ProviderType,
    /// An id under `providers`, or a provider of this version.
    Provider,
    /// A key of `stacks`.
    Stack,
    /// A key of `projects`.
    Project,
    /// A model string.
    Model(Modality),
    /// A model string or a provider's name.
    Roster(Modality),
    /// A price to override, as `provider/model` or `provider/*`.
    Price,
    /// A price to take a discount off: one that is listed.
    ListedPrice,
}

/// The warning for a name that points nowhere.
pub(super) fn check(link: &Link, config: &Config, providers: &[&dyn Provider]) -> Option<Problem> {
    let name = link.name.as_str();
    let types = || providers.iter().map(|provider| provider.id());
    let shared = config.projects.values().flat_map(|project| project.providers.keys());
    let ids = || types().chain(config.providers.keys().chain(shared.clone()).map(String::as_str));
    let (reason, suggestion) = match link.target {
        Target::ProviderType if !types().any(|known| known == name) => {
            (format!("this version has no provider `{name}`"), nearest(name, types()))
        }
        Target::Provider if !ids().any(|known| known == name) => {
            (format!("there is no provider `{name}`"), nearest(name, ids()))
        }
        Target::Stack if !config.stacks.contains_key(name) => {
            (format!("there is no stack `{name}`"), nearest(name, config.stacks.keys().map(String::as_str)))
        }
        Target::Project if !config.projects.contains_key(name) => {
            let known = config.projects.keys().map(String::as_str);
            (format!("there is no project `{name}`"), nearest(name, known))
        }
        Target::Model(modality) | Target::Roster(modality) => {
            // A name may be an account of one project only.
            let meant = |project| model::resolve(config, providers, project, modality, name);
            if config.projects.keys().any(|project| meant(project).is_ok()) {
                return None;
            }
            (meant("").err()?.to_string(), None)
        }
        Target::Price | Target::ListedPrice => price(link, config, providers)?,
        _ => return None,
    };
    let mut problem = Problem::new(link.path.clone(), reason, link.at);
    problem.suggestion = suggestion.map(str::to_owned);
    Some(problem)
}

/// What is odd about the price that an override names, and the name that was probably meant.
fn price<'a>(
    link: &Link,
    config: &Config,
    providers: &'a [&'a dyn Provider],
) -> Option<(String, Option<&'a str>)> {
    let (provider, model) = link.name.split_once('/')?;
    let book = Book::embedded();
    let types = || providers.iter().map(|provider| provider.id());
    if let Some(known) = providers.iter().find(|known| known.id() == provider) {
        if known.price_ref(&PriceQuery { model, ..PriceQuery::default() }) == PriceRef::Local {
            return Some((format!("`{provider}` runs on the owner's machine and costs nothing"), None));
        }
    } else if !provider.contains('.') && book.models().all(|(listed, _)| listed != provider) {
        // An address stands for a service that only LiveKit's plugins know.
        let listed = book.models().map(|(provider, _)| provider);
        return Some((
            format!("there is no provider `{provider}`"),
            nearest(provider, types().chain(listed)),
        ));
    }
    // Which models a book in a file lists is not known here.
    if matches!(link.target, Target::Price) || model == "*" || config.prices.book.is_some() {
        return None;
    }
    let reference = price::PriceRef { provider: Some(provider), url: None, model };
    if book.find(&reference).is_ok() || Book::supplement().find(&reference).is_ok() {
        return None;
    }
    let of_provider = book.models().filter(|(listed, _)| *listed == provider).map(|(_, model)| model);
    Some((
        format!("no price of `{}` is listed to take a discount off", link.name),
        nearest(model, of_provider),
    ))
}
