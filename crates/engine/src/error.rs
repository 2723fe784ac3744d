//! What can go wrong between an agent's request and its provider, on our side.

use vg_core::{Kind, config::Unset, model::ModelResolutionError};

/// An error of the engine. None of them is raised for trouble with the ledger's file: a broken store never breaks
/// a call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model string that leads nowhere.
    #[error(transparent)]
    Model(#[from] ModelResolutionError),
    /// A provider type that resolution knows and the registry does not.
    #[error("`{0}` is not a provider of this version")]
    UnknownProvider(String),
    /// No key for the provider, wherever it was looked for.
    #[error(
        "no API key for `{provider}` in project `{project}`: pass api_key=, set `providers.{provider}.api_key` or \
         `projects.{project}.providers.{provider}.api_key` in voicegw.yaml, set the environment variable {variable}, \
         or store one with the MCP tool `vg_add_provider`"
    )]
    MissingKey {
        /// The provider's configured id.
        provider: String,
        /// The project.
        project: String,
        /// The environment variable.
        variable: &'static str,
    },
    /// The provider is switched off.
    #[error(
        "provider `{provider}` is switched off in project `{project}`: `{path}.enabled` is false in voicegw.yaml"
    )]
    Disabled {
        /// The provider's configured id.
        provider: String,
        /// The project.
        project: String,
        /// Where its account stands in the configuration.
        path: String,
    },
    /// The gateway cannot call this provider for this modality.
    #[error("the gateway has no {modality} client for {provider} yet")]
    NoClient {
        /// The provider's type.
        provider: String,
        /// The modality asked for.
        modality: vg_core::Modality,
    },
    /// A value of the configuration is needed whose variable is not set.
    #[error(transparent)]
    Unset(#[from] Unset),
    /// The kernel gave no randomness for an id.
    #[error("the kernel gave no randomness for an id: {0}")]
    Randomness(getrandom::Error),
    /// The ledger's address is wrong.
    #[error(transparent)]
    Store(#[from] vg_store::Error),
}

impl Error {
    /// The kind of this error.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Model(_) | Error::UnknownProvider(_) | Error::NoClient { .. } => Kind::BadRequest,
            Error::MissingKey { .. } | Error::Disabled { .. } | Error::Unset(_) => Kind::Unauthenticated,
            Error::Randomness(_) => Kind::Internal,
            Error::Store(error) => error.kind(),
        }
    }
}
