//! axon: a reverse proxy and HTTP/SOAP mediation proxy that reads Apache Synapse configuration as it is.

pub mod admin;
pub mod backend;
pub mod check;
pub mod cli;
pub mod client_cli;
pub mod cluster;
pub mod codes;
pub mod config;
pub mod demo;
pub mod endpoint;
pub mod exchange;
pub mod gateway;
pub mod mediation;
pub mod observe;
pub mod server;
pub mod settings;
pub mod simulate;
pub mod soap;
pub mod transport;
pub mod util;
