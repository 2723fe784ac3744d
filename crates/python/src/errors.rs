//! The exceptions, and which error of ours becomes which.

use pyo3::{
    create_exception, exceptions::PyException, exceptions::PyNotImplementedError, exceptions::PyValueError,
    prelude::*,
};
use vg_core::model::ModelResolutionError as CoreModelResolutionError;
use vg_engine::{Error, RouteError};
use vg_services::Error as DeskError;

create_exception!(
    voicegateway,
    ConfigError,
    PyException,
    "The configuration is missing or invalid, or lacks a key that is needed."
);
create_exception!(
    voicegateway.errors,
    MiddlewareError,
    PyException,
    "A request that VoiceGateway itself refuses, not its provider."
);
create_exception!(
    voicegateway.errors,
    BudgetExceeded,
    MiddlewareError,
    "No models of the project's rosters are predicted to be fast enough, and `fallback_to_fastest` is false."
);
create_exception!(
    voicegateway.errors,
    LatencyUnknown,
    ModelResolutionError,
    "Nothing is known of how fast any candidate of a modality is."
);
create_exception!(
    voicegateway,
    ModelResolutionError,
    PyValueError,
    "A model string that leads to no provider of this installation."
);

/// Adds the exceptions to the module.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("BudgetExceeded", module.py().get_type::<BudgetExceeded>())?;
    module.add("ConfigError", module.py().get_type::<ConfigError>())?;
    module.add("LatencyUnknown", module.py().get_type::<LatencyUnknown>())?;
    module.add("MiddlewareError", module.py().get_type::<MiddlewareError>())?;
    module.add("ModelResolutionError", module.py().get_type::<ModelResolutionError>())
}

/// An error of desk work as an exception.
pub fn desk(error: &DeskError) -> PyErr {
    match error {
        DeskError::Route(error) => route(error),
        error => ConfigError::new_err(error.chain()),
    }
}

fn route(error: &RouteError) -> PyErr {
    let message = error.to_string();
    match error {
        RouteError::OverBudget { .. } | RouteError::Unpredictable { is_strict: true, .. } => {
            BudgetExceeded::new_err(message)
        }
        RouteError::Unpredictable { .. } => LatencyUnknown::new_err(message),
        RouteError::Model(_) | RouteError::EmptyRoster { .. } => ModelResolutionError::new_err(message),
    }
}

/// An error of the engine as an exception.
pub fn engine(error: &Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Model(CoreModelResolutionError::NotOffered { .. }) => PyNotImplementedError::new_err(message),
        Error::Model(_) | Error::UnknownProvider(_) | Error::NoClient { .. } => {
            ModelResolutionError::new_err(message)
        }
        Error::MissingKey { .. }
        | Error::Disabled { .. }
        | Error::Unset(_)
        | Error::Randomness(_)
        | Error::Store(_) => ConfigError::new_err(message),
    }
}
