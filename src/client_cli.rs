//! The verbs that talk to a running axon: `status`, `reload`, `endpoint on|off|list`.
//!
//! Exit codes: 0 done, 1 refused or a problem found, 2 usage (clap's), 3 the administration address cannot be
//! reached, 4 done but degraded (something is not active, or an older configuration serves), 5 no answer in time.

mod call;
mod show;

use clap::{Args, Subcommand, ValueEnum};

use crate::admin::{AdminAddr, EndpointView, ReloadView, StatusView};
use call::{Call, CallError, Reply};

/// A verb for a running axon.
#[derive(Debug, Subcommand)]
pub enum ClientVerb {
    /// One-screen summary of a running axon
    Status(Target),
    /// Load the configuration again and print what came of it
    Reload(Target),
    /// List endpoints, or switch one on or off
    Endpoint {
        /// What to do
        #[command(subcommand)]
        verb: EndpointVerb,
    },
}

/// What to do with endpoints.
#[derive(Debug, Subcommand)]
pub enum EndpointVerb {
    /// List endpoints with state, cause and countdown
    List {
        /// Only this one
        name: Option<String>,
        /// Where to ask
        #[command(flatten)]
        target: Target,
    },
    /// Use an endpoint again, whatever put it out of use
    On {
        /// Its path, as `axon endpoint list` prints it
        name: String,
        /// Where to ask
        #[command(flatten)]
        target: Target,
    },
    /// Leave an endpoint out until it is switched on again
    Off {
        /// Its path, as `axon endpoint list` prints it
        name: String,
        /// Why, for the events
        #[arg(long)]
        reason: Option<String>,
        /// Where to ask
        #[command(flatten)]
        target: Target,
    },
}

/// Which axon, and how to print.
#[derive(Debug, Args)]
pub struct Target {
    /// Administration address: HOST:PORT or unix:PATH
    #[arg(long, env = "AXON_ADMIN_ADDRESS", default_value = "127.0.0.1:8080")]
    admin: AdminAddr,
    /// File that holds the administration token (else AXON_ADMIN_TOKEN)
    #[arg(long)]
    token_file: Option<std::path::PathBuf>,
    /// Output
    #[arg(long, value_enum, default_value_t = Output::Human)]
    format: Output,
}

/// Output of a client verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Human,
    /// What the API said.
    Json,
}

/// Runs the verb and returns the exit code.
pub fn run(verb: &ClientVerb) -> u8 {
    let (target, call) = match verb {
        ClientVerb::Status(target) => (target, Call::get("/api/v1/status")),
        ClientVerb::Reload(target) => (target, Call::post("/api/v1/config:reload", None)),
        ClientVerb::Endpoint { verb } => match verb {
            EndpointVerb::List { name: None, target } => (target, Call::get("/api/v1/endpoints")),
            EndpointVerb::List {
                name: Some(name),
                target,
            } => (target, Call::get(&call::endpoint_path(name, ""))),
            EndpointVerb::On { name, target } => {
                (target, Call::post(&call::endpoint_path(name, ":on"), None))
            }
            EndpointVerb::Off {
                name,
                reason,
                target,
            } => (
                target,
                Call::post(&call::endpoint_path(name, ":off"), reason.as_deref()),
            ),
        },
    };
    match call.run(&target.admin, target.token_file.as_deref()) {
        Ok(reply) => report(verb, &reply, target.format),
        Err(error) => {
            eprintln!("axon: {error}");
            match error {
                CallError::Unreachable { .. } => 3,
                CallError::Timeout(_) => 5,
                CallError::Token(_) | CallError::Broken(_) => 1,
            }
        }
    }
}

fn report(verb: &ClientVerb, reply: &Reply, format: Output) -> u8 {
    let rejected_reload = matches!(verb, ClientVerb::Reload(_)) && reply.status == 422;
    if reply.status >= 300 && !rejected_reload {
        eprintln!("axon: {}", show::problem(&reply.body));
        return 1;
    }
    if format == Output::Json {
        println!("{}", reply.body.trim_end());
    }
    let human = format == Output::Human;
    let shown = match verb {
        ClientVerb::Status(_) => serde_json::from_str::<StatusView>(&reply.body).map(|view| {
            if human {
                print!("{}", show::status(&view));
            }
            let degraded = view.config != "ok" || view.endpoints.suspended + view.endpoints.off > 0;
            if degraded { 4 } else { 0 }
        }),
        ClientVerb::Reload(_) => serde_json::from_str::<ReloadView>(&reply.body).map(|view| {
            if human {
                print!("{}", show::reload(&view));
            }
            u8::from(view.result == "rejected")
        }),
        ClientVerb::Endpoint { .. } => {
            show::endpoints(&reply.body).map(|views: Vec<EndpointView>| {
                if human {
                    print!("{}", show::endpoint_table(&views));
                }
                0
            })
        }
    };
    shown.unwrap_or_else(|error| {
        eprintln!(
            "axon: the answer cannot be read ({error}); is the other end an axon of this version?"
        );
        1
    })
}

#[cfg(test)]
mod tests;
