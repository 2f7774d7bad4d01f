//! The verbs that talk to a running axon: `status`, `reload`, `endpoint on|off|list`, `why`, `events`.
//!
//! Exit codes: 0 done, 1 refused or a problem found, 2 usage (clap's), 3 the administration address cannot be
//! reached, 4 done but degraded (something is not active, or an older configuration serves), 5 no answer in time.

mod call;
mod explain;
mod show;
mod since;
mod why;

use clap::{Args, Subcommand, ValueEnum};

use crate::admin::explain::{ExplainRequest, ExplainView};
use crate::admin::{AdminAddr, EndpointView, ReloadView, StatusView, TimelineView};
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
    /// Tell what happened to an endpoint, when and why
    Why {
        /// Its path, as `axon endpoint list` prints it; a group tells of its children too
        name: String,
        /// How far back, as in 90s, 15m, 1h
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = since::parse)]
        since: std::time::Duration,
        /// Where to ask
        #[command(flatten)]
        target: Target,
    },
    /// Print the last events, or each as it happens
    Events {
        /// Go on until interrupted
        #[arg(short, long)]
        follow: bool,
        /// How many of the last ones
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        /// Where to ask
        #[command(flatten)]
        target: Target,
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
                let path = call::endpoint_path(name, ":on");
                (target, Call::post(&path, Some(order(None))))
            }
            EndpointVerb::Off {
                name,
                reason,
                target,
            } => (
                target,
                Call::post(
                    &call::endpoint_path(name, ":off"),
                    Some(order(reason.as_deref())),
                ),
            ),
        },
        ClientVerb::Why {
            name,
            since,
            target,
        } => {
            let since = format!("/events?since_ms={}", since.as_millis());
            (target, Call::get(&call::endpoint_path(name, &since)))
        }
        ClientVerb::Events {
            follow: true,
            target,
            ..
        } => return follow(target),
        ClientVerb::Events { limit, target, .. } => {
            (target, Call::get(&format!("/api/v1/events?limit={limit}")))
        }
    };
    match call.run(&target.admin, target.token_file.as_deref()) {
        Ok(reply) => report(verb, &reply, target.format),
        Err(error) => failed(&error),
    }
}

/// Body of a switch: why, and who runs this command.
fn order(reason: Option<&str>) -> serde_json::Value {
    let mut order = serde_json::Map::new();
    let user = std::env::var("USER").ok();
    for (key, value) in [("reason", reason.map(str::to_owned)), ("by", user)] {
        if let Some(value) = value {
            order.insert(key.to_owned(), value.into());
        }
    }
    order.into()
}

fn failed(error: &CallError) -> u8 {
    eprintln!("axon: {error}");
    match error {
        CallError::Unreachable { .. } => 3,
        CallError::Timeout(_) => 5,
        CallError::Token(_) | CallError::Broken(_) => 1,
    }
}

/// Asks a running axon which way a request would take, and prints it.
pub fn explain(target: &Target, request: &ExplainRequest) -> u8 {
    let body = serde_json::to_value(request).ok();
    let call = Call::post("/api/v1/explain", body);
    match call.run(&target.admin, target.token_file.as_deref()) {
        Ok(reply) if reply.status >= 300 => {
            eprintln!("axon: {}", show::problem(&reply.body));
            1
        }
        Ok(reply) => match serde_json::from_str(&reply.body) {
            Ok(view) => print_explained(&view, target),
            Err(error) => {
                eprintln!("axon: the answer cannot be read ({error})");
                1
            }
        },
        Err(error) => failed(&error),
    }
}

/// Prints the way of a request.
pub fn print_explained(view: &ExplainView, target: &Target) -> u8 {
    match target.format {
        Output::Human => print!("{}", explain::human(view)),
        Output::Json => match serde_json::to_string(view) {
            Ok(text) => println!("{text}"),
            Err(error) => {
                eprintln!("axon: {error}");
                return 1;
            }
        },
    }
    0
}

/// Prints each event as it happens, until one side ends it.
fn follow(target: &Target) -> u8 {
    let call = Call::get("/api/v1/events").accepting("application/x-ndjson");
    let print = |line: &str| match target.format {
        Output::Json => println!("{line}"),
        Output::Human => match serde_json::from_str(line) {
            Ok(entry) => print!("{}", why::entry(&entry, "")),
            Err(_) => println!("{}", show::plain(line)),
        },
    };
    match call.lines(&target.admin, target.token_file.as_deref(), print) {
        Ok(None) => 0,
        Ok(Some(refusal)) => {
            eprintln!("axon: {}", show::problem(&refusal.body));
            1
        }
        Err(error) => failed(&error),
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
        ClientVerb::Why { name, .. } => {
            serde_json::from_str::<TimelineView>(&reply.body).map(|view| {
                if human {
                    print!("{}", why::timeline(name, &view));
                }
                0
            })
        }
        ClientVerb::Events { .. } => {
            serde_json::from_str::<TimelineView>(&reply.body).map(|view| {
                if human {
                    for entry in &view.items {
                        print!("{}", why::entry(entry, ""));
                    }
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
