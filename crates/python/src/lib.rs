//! The engine and the command line as the Python extension `voicegateway._native`. One file per thing exposed.
//!
//! No Rust thread ever calls into Python, and no call of this module blocks the event loop but those documented to
//! wait, which release the interpreter lock.

mod attempt;
mod configuration;
mod desk;
mod engine;
mod errors;
mod log;
mod target;

use pyo3::prelude::*;
use std::{collections::HashMap, ffi::OsString};

/// Runs the command line and returns its exit code.
#[pyfunction]
fn run_cli(py: Python<'_>, arguments: Vec<OsString>, environment: HashMap<String, String>) -> i32 {
    py.detach(|| i32::from(vg_cli::run(arguments, environment)))
}

/// The configuration of a file, or of the one that is found, as JSON without a secret.
#[pyfunction]
#[pyo3(signature = (environment, file=None))]
fn load_configuration(
    py: Python<'_>,
    environment: HashMap<String, String>,
    file: Option<String>,
) -> PyResult<String> {
    let settings = py.detach(|| engine::load(file.as_deref(), &vg_cli::Environment::new(environment)))?;
    Ok(configuration::shown(&settings).to_string())
}

/// Takes a model string apart: provider, model, and what follows the last colon in this modality.
#[pyfunction]
fn parse_model(text: &str, modality: &str) -> PyResult<(String, String, Option<String>)> {
    let modality = engine::parsed(modality)?;
    match vg_core::model::ModelId::parse(text, modality) {
        Some(id) => Ok((id.provider, id.model, id.suffix)),
        None => Err(errors::ModelResolutionError::new_err(format!(
            "`{text}` is not a model: it must be `provider/model`, such as `openai/gpt-4.1-mini`"
        ))),
    }
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(run_cli, module)?)?;
    module.add_function(wrap_pyfunction!(load_configuration, module)?)?;
    module.add_function(wrap_pyfunction!(parse_model, module)?)?;
    module.add_class::<desk::Desk>()?;
    module.add_class::<engine::Engine>()?;
    module.add_class::<target::Target>()?;
    module.add_class::<attempt::Attempt>()?;
    errors::add(module)
}
