//! The engine and the command line as the Python extension `voicegateway._native`. One file per thing exposed.
//!
//! No Rust thread ever calls into Python, and no call of this module blocks the event loop but those documented to
//! wait, which release the interpreter lock.

mod attempt;
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

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(run_cli, module)?)?;
    module.add_class::<engine::Engine>()?;
    module.add_class::<target::Target>()?;
    module.add_class::<attempt::Attempt>()?;
    errors::add(module)
}
