//! axon: a reverse proxy and HTTP/SOAP mediation proxy that reads Apache Synapse configuration as it is.

pub mod codes;
pub mod config;
pub mod exchange;
pub mod mediation;
pub mod soap;
pub mod transport;
pub mod util;
