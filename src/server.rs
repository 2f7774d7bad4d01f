//! The running proxy: load, bind, serve, reload, drain.
//!
//! N workers serve (data plane); a small runtime of its own holds administration, watching and reload (control plane).
//! They share one [`Generation`] behind an atomic pointer: a reload builds a whole new one beside it and swaps; running
//! exchanges finish on the old one.

mod boot;
mod call;
mod cluster;
mod control;
mod copies;
mod counters;
mod doors;
mod executors;
mod explain;
mod gateway;
mod generation;
mod health;
mod heavy;
mod keystore;
mod listen;
mod log;
mod members;
mod orders;
mod processors;
mod registry;
mod reload;
mod reloader;
mod schedule;
mod serve;
mod sessions;
mod stats;
mod systemd;
mod tasks;
mod tls;
mod tokens;
mod watch;
mod worker;
mod wsdl;

pub use boot::{Greeting, Options, RunError, default_root, run};
pub use explain::{explain, explain_files};
pub use generation::{Generation, Origin, check_more};
