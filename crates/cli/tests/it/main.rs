//! The compiled binary in folders of its own: whole outputs and exit codes, one file for each command.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod costs;
mod export_costs;
mod init;
mod keys;
mod ledger;
mod logs;
mod machine;
mod prices;
mod reconcile;
mod route;
mod serve;
mod sessions;
mod status;
mod usage;
