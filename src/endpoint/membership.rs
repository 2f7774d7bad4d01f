//! Where the members of a dynamic group come from (spec/endpoints.md 15): one file per provider, one row in [`PROVIDERS`].
//!
//! A provider is asked now and then, beside the data plane; what it says last is built into the tree like members that were
//! written out. So a member that stays keeps its state, its counters and its sessions, and messages that are under way to
//! one that goes end as they began.

mod dns;
mod file;
mod list;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{
    DynamicLoadBalanceDef, EndpointDef, EndpointKind, LoadBalanceChildren, MemberDef,
    MembershipDef, RecipientsDef,
};
use crate::config::source::{Span, Spanned};

/// Most members of one group.
pub const MEMBERS_MAX: usize = 1000;

/// A member as a provider knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// Port for http.
    pub http_port: Option<u16>,
    /// Port for https.
    pub https_port: Option<u16>,
}

/// Finds members.
pub trait Source: Send + Sync {
    /// The members now, at most [`MEMBERS_MAX`]. Blocks (a file, a resolver): not for a worker. After an error what was
    /// found last stays.
    fn look(&self) -> io::Result<Vec<Address>>;
    /// How long an answer is good; `None`: for ever.
    fn period(&self) -> Option<Duration>;
}

/// One row of [`PROVIDERS`].
pub struct Provider {
    /// Names in a file: axon's own first, then Java classes.
    pub names: &'static [&'static str],
    /// One sentence for people.
    pub doc: &'static str,
    /// Reads the settings; `None` when one is wrong, which was reported.
    pub build: fn(&Settings<'_>, &mut Diagnostics) -> Option<Box<dyn Source>>,
}

/// Every provider.
pub const PROVIDERS: &[Provider] = &[
    Provider {
        names: &["static"],
        doc: "the members that the property lists",
        build: list::build,
    },
    Provider {
        names: &["dns"],
        doc: "the addresses of a host name, asked for again and again",
        build: dns::build,
    },
    Provider {
        names: &["file"],
        doc: "the lines of a file, read again when it changes",
        build: file::build,
    },
    Provider {
        names: &[
            "cluster",
            "org.apache.synapse.core.axis2.Axis2LoadBalanceMembershipHandler",
        ],
        doc: "the members of a cluster's domain (not supported yet)",
        build: no_cluster,
    },
];

/// The settings of a handler, and the folders that relative paths start from.
pub struct Settings<'a> {
    /// The handler.
    pub def: &'a MembershipDef,
    /// Folders in which a relative path is looked for, in this order.
    pub folders: &'a [PathBuf],
}

impl Settings<'_> {
    /// A setting.
    fn value(&self, name: &str) -> Option<&Spanned<String>> {
        let found = self.def.settings.iter().rfind(|(n, _)| n == name);
        found.map(|(_, value)| value)
    }

    /// A setting that must be there; its absence is reported.
    fn required(&self, name: &str, diagnostics: &mut Diagnostics) -> Option<&Spanned<String>> {
        let found = self.value(name);
        if found.is_none() {
            diagnostics.error_help(
                DiagnosticCode::MissingAttribute,
                self.def.provider.span,
                format!(
                    "the provider {} needs the property {name}",
                    self.def.provider.value
                ),
                format!("add <property name=\"{name}\" value=\"...\"/>"),
            );
        }
        found
    }

    /// A number in a range; `default` when it is not given, `None` when it is wrong, which is reported.
    fn number(
        &self,
        name: &str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
        diagnostics: &mut Diagnostics,
    ) -> Option<u64> {
        let Some(text) = self.value(name) else {
            return Some(default);
        };
        let number = text.value.parse().ok().filter(|n| range.contains(n));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            let message = format!("{name} is not a whole number from {least} to {most}");
            diagnostics.error(DiagnosticCode::BadNumber, text.span, message);
        }
        number
    }

    /// Warns of settings that the provider does not read.
    fn only(&self, known: &[&str], diagnostics: &mut Diagnostics) {
        for (name, value) in &self.def.settings {
            if !known.contains(&name.as_str()) {
                diagnostics.warn(
                    DiagnosticCode::NoEffect,
                    value.span,
                    format!(
                        "{name} is no setting of the provider {}",
                        self.def.provider.value
                    ),
                    format!("its settings are: {}", known.join(", ")),
                );
            }
        }
    }
}

/// The source that a handler describes; `None` when it is wrong or not supported, which was reported.
pub fn build(settings: &Settings<'_>, diagnostics: &mut Diagnostics) -> Option<Box<dyn Source>> {
    let name = settings.def.provider.value.as_str();
    match PROVIDERS.iter().find(|row| row.names.contains(&name)) {
        Some(row) => (row.build)(settings, diagnostics),
        None => {
            let row = DiagnosticCode::UnknownProvider.row();
            let message = format!("no membership provider is named {name}");
            // Another class is Java code like any other: the rest of the configuration serves.
            diagnostics.unsupported(row.code, settings.def.provider.span, message, row.help);
            None
        }
    }
}

fn no_cluster(settings: &Settings<'_>, diagnostics: &mut Diagnostics) -> Option<Box<dyn Source>> {
    diagnostics.unsupported(
        DiagnosticCode::NotSupportedYet,
        settings.def.provider.span,
        "members of a cluster's domain are not supported yet",
        "add ax:provider=\"static\", \"dns\" or \"file\" to the handler; until then the group has no members",
    );
    None
}

/// One member of a text: `host`, `host:port` or `host:httpPort:httpsPort`, an IPv6 address in brackets.
fn member(text: &str) -> Option<Address> {
    let text = text.trim();
    let (host, ports) = match text.strip_prefix('[') {
        Some(v6) => {
            let (host, rest) = v6.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let good = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if host.is_empty() || !(text.starts_with('[') || host.chars().all(good)) {
        return None;
    }
    let mut numbers = Vec::new();
    for port in ports.split(':').skip(1) {
        numbers.push(port.parse::<u16>().ok().filter(|port| *port > 0)?);
    }
    if !(ports.is_empty() || ports.starts_with(':')) || numbers.len() > 2 {
        return None;
    }
    Some(Address {
        host: host.to_owned(),
        http_port: numbers.first().copied(),
        https_port: numbers.get(1).copied(),
    })
}

/// Calls with every dynamic group of a definition.
pub fn each_group(def: &mut EndpointDef, visit: &mut dyn FnMut(&mut DynamicLoadBalanceDef)) {
    match &mut def.kind {
        EndpointKind::DynamicLoadBalance(group) => visit(group),
        EndpointKind::ServiceDynamicLoadBalance(services) => {
            for service in &mut services.services {
                visit(&mut service.group);
            }
        }
        EndpointKind::Template(used) => {
            if let Some(inner) = &mut used.endpoint {
                each_group(inner, visit);
            }
        }
        EndpointKind::Failover(group) => each_child(&mut group.children, visit),
        EndpointKind::LoadBalance(group) => {
            if let LoadBalanceChildren::Endpoints(children) = &mut group.children {
                each_child(children, visit);
            }
        }
        EndpointKind::RecipientList(list) => {
            if let RecipientsDef::Endpoints(children) = &mut list.recipients {
                each_child(children, visit);
            }
        }
        _ => {}
    }
}

fn each_child(children: &mut [EndpointDef], visit: &mut dyn FnMut(&mut DynamicLoadBalanceDef)) {
    for child in children {
        each_group(child, visit);
    }
}

/// Puts the members that were found into a group, in an order that does not depend on that of the answer.
pub fn put(group: &mut DynamicLoadBalanceDef, found: &[Address]) {
    let place: Span = group.membership.span;
    let members = found.iter().map(|address| MemberDef {
        host: Spanned::new(address.host.clone(), place),
        http_port: address.http_port,
        https_port: address.https_port,
        weight: None,
        leaf: group.leaf.clone(),
        span: place,
    });
    group.group.children = LoadBalanceChildren::Members(members.collect());
}

#[cfg(test)]
mod tests;
