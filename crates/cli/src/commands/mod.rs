//! The commands, each named by its path.

pub(crate) mod costs;
pub(crate) mod export_costs;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod models;
pub(crate) mod prices;
pub(crate) mod reconcile;
pub(crate) mod route;
pub(crate) mod serve;
pub(crate) mod sessions;
pub(crate) mod sim;
pub(crate) mod status;
