//! The verbs that talk to a running axon: `status`, `reload`, `endpoint`, `session`, `cluster`, `why`, `events`, `health`.
//!
//! Exit codes: 0 done, 1 refused or a problem found, 2 usage (clap's), 3 the administration address cannot be
//! reached, 4 done but degraded (something is not active, or an older configuration serves), 5 no answer in time.

mod call;
mod cluster;
mod explain;
mod process;
mod show;
mod since;
mod why;

use clap::{Args, Subcommand, ValueEnum};

use crate::admin::explain::{ExplainRequest, ExplainView};
use crate::admin::sessions::SessionList;
use crate::admin::{AdminAddr, EndpointView, ReloadView, StatusView, TimelineView};
use call::{Call, CallError, Reply};
use cluster::ClusterVerb;

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
    /// List sessions, drop or move one
    Session {
        /// What to do
        #[command(subcommand)]
        verb: SessionVerb,
    },
    /// Show the cluster, or have balancers leave this member out
    Cluster {
        /// What to do
        #[command(subcommand)]
        verb: ClusterVerb,
    },
    /// Have /ready say no, so that no more traffic is sent here
    Drain {
        /// Have it say yes again
        #[arg(long)]
        undo: bool,
        /// Wait until nothing is being served, as in 30s
        #[arg(long, value_name = "TIME", value_parser = since::parse)]
        wait: Option<std::time::Duration>,
        /// Why, for the events
        #[arg(long)]
        reason: Option<String>,
        /// Where to ask
        #[command(flatten)]
        target: Target,
    },
    /// Stop a running axon: what runs is finished, nothing new is taken
    Stop {
        /// Why, for the events
        #[arg(long)]
        reason: Option<String>,
        /// Where to ask
        #[command(flatten)]
        target: Target,
    },
    /// Exit with 0 when traffic may be sent here, with 1 when not
    Health(Target),
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
    /// Leave an endpoint out until it is switched on again; sessions that are bound to it fail
    Off(OrderArgs),
    /// Send only messages of sessions that are bound to an endpoint, until it is switched on again
    Drain(OrderArgs),
    /// Leave an endpoint out until it is switched on again; sessions that are bound to it move
    Maintain(OrderArgs),
    /// End the suspension of an endpoint now
    Resume(OrderArgs),
    /// Have the counters of `axon endpoint stats` begin at nothing
    ResetStats(OrderArgs),
    /// Show one endpoint: state, cause, settings and where each comes from
    Show {
        /// Its path, as `axon endpoint list` prints it
        name: String,
        /// Where to ask
        #[command(flatten)]
        target: Target,
    },
    /// Print the counters of an endpoint as JSON
    Stats {
        /// Its path, as `axon endpoint list` prints it
        name: String,
        /// Where to ask
        #[command(flatten)]
        target: Target,
    },
}

/// An order for an endpoint.
#[derive(Debug, Args)]
pub struct OrderArgs {
    /// Its path, as `axon endpoint list` prints it
    name: String,
    /// Why, for the events
    #[arg(long)]
    reason: Option<String>,
    /// How long, as in 90s, 30m, 2h; then it is switched on again
    #[arg(long = "for", value_name = "TIME", value_parser = since::parse)]
    how_long: Option<std::time::Duration>,
    /// Where to ask
    #[command(flatten)]
    target: Target,
}

/// What to do with sessions.
#[derive(Debug, Subcommand)]
pub enum SessionVerb {
    /// List bindings of clients to children
    List {
        /// Only those of this group
        #[arg(long)]
        group: Option<String>,
        /// Only those to this child
        #[arg(long)]
        child: Option<String>,
        /// Only the one of this id, as the client sends it
        #[arg(long)]
        key: Option<String>,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        /// Go on behind the last one of a page
        #[arg(long, value_name = "ID")]
        after: Option<String>,
        /// Where to ask
        #[command(flatten)]
        target: Target,
    },
    /// End a session
    Drop {
        /// Its id, as `axon session list` prints it
        id: String,
        /// Where to ask
        #[command(flatten)]
        target: Target,
    },
    /// Bind a session to another child of its group
    Move {
        /// Its id, as `axon session list` prints it
        id: String,
        /// Path of the child
        to: String,
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
                (target, Call::post(&path, Some(order(None, None))))
            }
            EndpointVerb::Show { name, target } => {
                (target, Call::get(&call::endpoint_path(name, "")))
            }
            EndpointVerb::Stats { name, target } => {
                (target, Call::get(&call::endpoint_path(name, "/stats")))
            }
            EndpointVerb::Off(args) => args.call(":off"),
            EndpointVerb::Drain(args) => args.call(":drain"),
            EndpointVerb::Maintain(args) => args.call(":maintain"),
            EndpointVerb::Resume(args) => args.call(":resume"),
            EndpointVerb::ResetStats(args) => args.call(":reset-stats"),
        },
        ClientVerb::Session { verb } => session_call(verb),
        ClientVerb::Cluster { verb } => verb.call(),
        ClientVerb::Drain {
            undo,
            wait,
            reason,
            target,
        } => return process::drain(target, *undo, *wait, reason.as_deref()),
        ClientVerb::Stop { reason, target } => return process::stop(target, reason.as_deref()),
        ClientVerb::Health(target) => (target, Call::get("/ready?verbose")),
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
        Ok(reply) => {
            let own = match verb {
                ClientVerb::Cluster { verb } => verb.output(),
                _ => None,
            };
            report(verb, &reply, own.unwrap_or(target.format))
        }
        Err(error) => failed(&error),
    }
}

impl OrderArgs {
    fn call(&self, action: &str) -> (&Target, Call) {
        let path = call::endpoint_path(&self.name, action);
        let body = order(self.reason.as_deref(), self.how_long);
        (&self.target, Call::post(&path, Some(body)))
    }
}

/// Body of an order: why, who runs this command, and for how long.
fn order(reason: Option<&str>, how_long: Option<std::time::Duration>) -> serde_json::Value {
    let mut order = serde_json::Map::new();
    let user = std::env::var("USER").ok();
    for (key, value) in [("reason", reason.map(str::to_owned)), ("by", user)] {
        if let Some(value) = value {
            order.insert(key.to_owned(), value.into());
        }
    }
    if let Some(ms) = how_long.and_then(|time| u64::try_from(time.as_millis()).ok()) {
        order.insert("for_ms".to_owned(), ms.into());
    }
    order.into()
}

fn session_call(verb: &SessionVerb) -> (&Target, Call) {
    match verb {
        SessionVerb::List {
            group,
            child,
            key,
            limit,
            after,
            target,
        } => {
            let mut path = format!("/api/v1/sessions?limit={limit}");
            let filters = [
                ("group", group),
                ("child", child),
                ("key", key),
                ("after", after),
            ];
            for (name, value) in filters {
                if let Some(value) = value {
                    path += &format!("&{name}={}", call::encoded(value));
                }
            }
            (target, Call::get(&path))
        }
        SessionVerb::Drop { id, target } => {
            let path = format!("/api/v1/sessions/{}", call::encoded(id));
            (target, Call::delete(&path))
        }
        SessionVerb::Move { id, to, target } => {
            let path = format!("/api/v1/sessions/{}:move", call::encoded(id));
            (
                target,
                Call::post(&path, Some(serde_json::json!({ "to": to }))),
            )
        }
    }
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
    if matches!(verb, ClientVerb::Health(_)) {
        for line in reply.body.trim_end().lines() {
            println!("{}", show::plain(line));
        }
        return u8::from(reply.status != 200);
    }
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
        // These have no more to say.
        ClientVerb::Health(_) | ClientVerb::Drain { .. } | ClientVerb::Stop { .. } => Ok(0),
        ClientVerb::Session {
            verb: SessionVerb::List { .. },
        } => serde_json::from_str::<SessionList>(&reply.body).map(|list| {
            if human {
                print!("{}", show::sessions(&list));
            }
            0
        }),
        ClientVerb::Session { .. } => Ok(0),
        ClientVerb::Cluster { verb } => verb.report(reply, human),
        ClientVerb::Endpoint {
            verb: EndpointVerb::Stats { .. },
        } => {
            if human {
                println!("{}", reply.body.trim_end());
            }
            Ok(0)
        }
        ClientVerb::Endpoint {
            verb: EndpointVerb::Show { .. },
        } => serde_json::from_str::<EndpointView>(&reply.body).map(|view| {
            if human {
                print!("{}", show::endpoint(&view));
            }
            0
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
