//! Black box: the real program on port 0, scripted back ends, clients that see every byte. One file per capability.
//!
//! One binary and not one per file: it is linked once, and tests that wait for a timer run beside those that do not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod admin;
mod affinity;
mod answers;
mod balancing;
mod changed;
mod content;
mod default_endpoint;
mod drain;
mod dynamic;
mod examples;
mod explain;
mod failover;
mod faults;
mod flow;
mod formats;
mod gateway;
mod health;
mod http1;
mod http_endpoint;
mod lenient;
mod limits;
mod load_balance;
mod logs;
mod orders;
mod proxy_service;
mod recipients;
mod references;
mod registry;
mod reload;
mod replay;
mod routing;
mod samples;
mod stores;
mod support;
mod suspension;
mod tasks;
mod timeout;
mod tls;
mod upgrade;
mod why;
mod wsdl;
