//! The exceptions, and which error of ours becomes which.

use pyo3::{
    create_exception, exceptions::PyException, exceptions::PyNotImplementedError, exceptions::PyValueError,
    prelude::*,
};
use vg_core::model::ModelResolutionError as CoreModelResolutionError;
use vg_engine::Error;

create_exception!(
    voicegateway,
    ConfigError,
    PyException,
    "The configuration is missing or invalid, or lacks a key that is needed."
);
create_exception!(
    voicegateway,
    ModelResolutionError,
    PyValueError,
    "A model string that leads to no provider of this installation."
);

/// Adds the exceptions to the module.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("ConfigError", module.py().get_type::<ConfigError>())?;
    module.add("ModelResolutionError", module.py().get_type::<ModelResolutionError>())
}

/// An error of desk work as an exception.
pub fn desk(error: &vg_services::Error) -> PyErr {
    ConfigError::new_err(error.chain())
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
