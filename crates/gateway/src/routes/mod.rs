//! The desk routes, a file a noun: read the request, call the service, write the answer.

pub(crate) mod costs;
pub(crate) mod health;
pub(crate) mod latency;
pub(crate) mod logs;
pub(crate) mod metrics;
mod params;
pub(crate) mod projects;
pub(crate) mod routing;
pub(crate) mod sessions;
pub(crate) mod status;

pub(crate) use params::Params;
