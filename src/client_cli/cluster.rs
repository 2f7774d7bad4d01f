//! `axon cluster`: what a member knows of its cluster, and orders for it.

use std::fmt::Write;

use clap::{Args, Subcommand};

use super::call::{Call, Reply};
use super::show::{glyph, plain};
use super::{Output, Target, order};
use crate::admin::{ClusterView, DifferenceView, MemberView};

/// What to do with the cluster.
#[derive(Debug, Subcommand)]
pub enum ClusterVerb {
    /// List members with state and version, what is configured otherwise, and who is sent where
    Status {
        /// The same as --format json
        #[arg(long, conflicts_with = "format")]
        json: bool,
        /// Where to ask
        #[command(flatten)]
        target: Target,
    },
    /// Have balancers leave this member out; WebSockets that are open go on
    Drain(MemberOrder),
    /// Have balancers offer this member again
    Undrain(MemberOrder),
}

/// An order for a member.
#[derive(Debug, Args)]
pub struct MemberOrder {
    /// Why, for the events
    #[arg(long)]
    reason: Option<String>,
    /// Where to ask
    #[command(flatten)]
    target: Target,
}

impl ClusterVerb {
    /// Whom to ask, and what.
    pub(super) fn call(&self) -> (&Target, Call) {
        match self {
            ClusterVerb::Status { target, .. } => (target, Call::get("/api/v1/cluster")),
            ClusterVerb::Drain(args) => args.call("drain"),
            ClusterVerb::Undrain(args) => args.call("undrain"),
        }
    }

    /// How the answer is printed, where the verb itself says so.
    pub(super) fn output(&self) -> Option<Output> {
        match self {
            ClusterVerb::Status { json: true, .. } => Some(Output::Json),
            _ => None,
        }
    }

    /// Prints the answer; the exit code is 4 when somebody is missing or configured otherwise.
    pub(super) fn report(&self, reply: &Reply, human: bool) -> serde_json::Result<u8> {
        let view: ClusterView = serde_json::from_str(&reply.body)?;
        if human {
            print!("{}", shown(&view));
        }
        let is_status = matches!(self, ClusterVerb::Status { .. });
        let wrong = |m: &MemberView| m.state == "down" || m.config_equal == Some(false);
        Ok(match is_status && view.members.iter().any(wrong) {
            true => 4,
            false => 0,
        })
    }
}

impl MemberOrder {
    fn call(&self, what: &str) -> (&Target, Call) {
        let body = Some(order(self.reason.as_deref(), None));
        let call = Call::post(&format!("/api/v1/cluster:{what}"), body);
        (&self.target, call)
    }
}

/// One screen.
fn shown(view: &ClusterView) -> String {
    let mut out = format!(
        "cluster {}  asked {}\n",
        plain(&view.name),
        plain(&view.member)
    );
    let width = |m: &MemberView| m.name.chars().count();
    let width = view.members.iter().map(width).max().unwrap_or(0);
    // Writing to a String cannot fail, here and below.
    for member in &view.members {
        let config = match (&member.config_hash, member.own) {
            (None, _) => "configuration not known".to_owned(),
            (Some(hash), true) => format!("configuration {}", plain(hash)),
            (Some(_), false) if member.config_equal == Some(true) => "configured alike".to_owned(),
            (Some(hash), false) => format!("configured otherwise ({})", plain(hash)),
        };
        let _ = writeln!(
            out,
            "{} {:<8} {:<width$}  axon {}, {} open, {config}{}{}",
            glyph(&member.state),
            plain(&member.state),
            plain(&member.name),
            plain(&member.version),
            member.connections,
            since(member),
            if member.own { ", this member" } else { "" },
        );
        for difference in &member.differences {
            let _ = writeln!(out, "    {}", told(difference));
        }
        if let Some(notice) = &member.notice {
            let _ = writeln!(out, "    {}", plain(notice));
        }
    }
    for balancer in &view.balancers {
        let _ = writeln!(out, "balance {}", plain(&balancer.balance));
        for target in &balancer.targets {
            let _ = writeln!(
                out,
                "    {} of {}: {} open{}",
                plain(&target.uri),
                plain(&target.member),
                target.connections,
                if target.offered { "" } else { ", not offered" }
            );
        }
    }
    for stranger in &view.strangers {
        let _ = writeln!(out, "stranger {}", plain(stranger));
    }
    out
}

fn since(member: &MemberView) -> String {
    let since = member.since.as_deref().map(plain);
    since.map(|at| format!(", since {at}")).unwrap_or_default()
}

fn told(difference: &DifferenceView) -> String {
    let word = |value: &Option<String>| value.as_deref().map_or("nothing".to_owned(), plain);
    format!(
        "service '{}', {}: {} here, {} there",
        plain(&difference.service),
        plain(&difference.option),
        word(&difference.here),
        word(&difference.there)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::{BalancerView, TargetView};

    #[test]
    fn one_screen_tells_states_differences_and_targets() {
        let member = |name: &str, state: &str| MemberView {
            name: name.to_owned(),
            state: state.to_owned(),
            version: "1.0".to_owned(),
            connections: 2,
            config_hash: Some("ab".to_owned()),
            config_equal: Some(true),
            ..MemberView::default()
        };
        let view = ClusterView {
            name: "c".to_owned(),
            member: "tcp://a:1".to_owned(),
            members: vec![
                MemberView {
                    own: true,
                    ..member("tcp://a:1", "online")
                },
                MemberView {
                    since: Some("2026-01-02T03:04:05.678Z".to_owned()),
                    config_equal: Some(false),
                    differences: vec![DifferenceView {
                        service: "Echo".to_owned(),
                        option: "accept".to_owned(),
                        here: Some("ws://*:1/".to_owned()),
                        there: None,
                    }],
                    ..member("tcp://b:1", "draining")
                },
            ],
            balancers: vec![BalancerView {
                balance: "ws://p/".to_owned(),
                targets: vec![TargetView {
                    uri: "ws://b/".to_owned(),
                    member: "tcp://b:1".to_owned(),
                    connections: 2,
                    offered: false,
                }],
            }],
            strangers: vec!["who\u{1b}".to_owned()],
        };
        assert_eq!(
            shown(&view),
            "cluster c  asked tcp://a:1\n\
             ● online   tcp://a:1  axon 1.0, 2 open, configuration ab, this member\n\
             ◌ draining tcp://b:1  axon 1.0, 2 open, configured otherwise (ab), since 2026-01-02T03:04:05.678Z\n\
             \x20   service 'Echo', accept: ws://*:1/ here, nothing there\n\
             balance ws://p/\n\
             \x20   ws://b/ of tcp://b:1: 2 open, not offered\n\
             stranger who?\n"
        );
    }
}
