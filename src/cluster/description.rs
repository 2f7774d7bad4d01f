//! What members compare of their configurations: the services as facts, resolved and in one spelling.
//!
//! The hash tells whether two members are configured alike; the facts tell what is different when they are not. What differs
//! from member to member by design is left out: the host of an accept URI (not that of a balancer, which all members share) and the
//! host of a bind. Order of services and of lists that have no order does not count, nor does the spelling of times and sizes.
//!
//! What is told to others is bounded: long values are cut and carry their hash, and services beyond [`TOLD_BYTES_MAX`] are told
//! by their hash only, so that it is still known which one is different.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::differences::{Difference, between};
use crate::config::AXON_NS;
use crate::config::gateway::model::{ConstraintDef, GatewayDef, MimeMapping, ServiceDef};
use crate::config::gateway::options::Options;
use crate::config::gateway::protection::Protection;
use crate::config::gateway::uri::Uri;
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// Most bytes of names and values that one member tells others.
pub const TOLD_BYTES_MAX: usize = 16 * 1024;
/// Longest value that is told as it is, in bytes.
const VALUE_BYTES_MAX: usize = 200;
/// Bytes of a hash that are told.
const HASH_BYTES: usize = 8;
/// Type of the services that all members accept alike.
const BALANCER: &str = "balancer";
/// What stands for the host of a member.
const ANY_HOST: &str = "*";

/// Options of a service, by name.
pub type Facts = BTreeMap<String, String>;

/// One service, as members tell it to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// Hash of all of it.
    pub hash: String,
    /// Its options; `None` where there was no room for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
}

/// A configuration, as members tell it to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Hash of all of it.
    pub hash: String,
    /// The services by name.
    pub services: BTreeMap<String, Described>,
}

impl Description {
    /// Describes a gateway-config.
    pub fn of(def: &GatewayDef) -> Description {
        let mut services: BTreeMap<String, Facts> = BTreeMap::new();
        for service in &def.services {
            services.insert(service.name.value.clone(), facts(service));
        }
        if !def.mime.is_empty() {
            let defaults = Facts::from([("mime-mapping".to_owned(), mime(&def.mime))]);
            services.insert("service-defaults".to_owned(), defaults);
        }
        Description::of_facts(services)
    }

    fn of_facts(services: BTreeMap<String, Facts>) -> Description {
        let mut room = TOLD_BYTES_MAX;
        let mut all = String::new();
        let mut described = BTreeMap::new();
        for (name, facts) in services {
            let text: String = facts.iter().map(|(n, v)| format!("{n}\n{v}\n\n")).collect();
            let hash = hash_of(&text);
            all += &format!("{name}\n{hash}\n");
            let facts: Facts = facts
                .into_iter()
                .map(|(n, v)| (shortened(n), shortened(v)))
                .collect();
            let name = shortened(name);
            let size = facts.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>() + name.len();
            let facts = (size <= room).then_some(facts);
            room -= if facts.is_some() { size } else { 0 };
            described.insert(name, Described { hash, facts });
        }
        Description {
            hash: hash_of(&all),
            services: described,
        }
    }

    /// Reads what another member tells; `None` for what none of ours would tell.
    pub(super) fn read(text: &str) -> Option<Description> {
        let told: Description = serde_json::from_str(text).ok()?;
        let short = |text: &String| text.len() <= VALUE_BYTES_MAX;
        let services = told.services.iter();
        let sound = short(&told.hash)
            && services.into_iter().all(|(name, described)| {
                let mut facts = described.facts.iter().flatten();
                short(name) && short(&described.hash) && facts.all(|(n, v)| short(n) && short(v))
            });
        sound.then_some(told)
    }

    /// What is different there; nothing when both are configured alike.
    pub fn differences(&self, there: &Description) -> Vec<Difference> {
        match self.hash == there.hash {
            true => Vec::new(),
            false => between(&self.services, &there.services),
        }
    }
}

fn hash_of(text: &str) -> String {
    let hash = digest(&SHA256, text.as_bytes());
    let bytes = hash.as_ref().iter().take(HASH_BYTES);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn shortened(value: String) -> String {
    if value.len() <= VALUE_BYTES_MAX {
        return value;
    }
    let kept = value.floor_char_boundary(VALUE_BYTES_MAX - 2 * HASH_BYTES - 16);
    format!("{}... (hash {})", &value[..kept], hash_of(&value))
}

/// Everything that a service says. The patterns name every field, so that a new one cannot be forgotten here.
fn facts(service: &ServiceDef) -> Facts {
    let ServiceDef {
        name: _,
        span: _,
        kind,
        accepts,
        connects,
        balances,
        properties,
        accept_options,
        connect_options,
        realm,
        roles,
        // It stands with the roles.
        constraint: _,
        mime: own_mime,
        constraints,
        unsupported: _,
    } = service;
    let shared = kind.value == BALANCER;
    let accept = |uri: &Spanned<Uri>| match shared {
        true => uri.value.to_string(),
        false => without_host(&uri.value),
    };
    let plain = |uri: &Spanned<Uri>| uri.value.to_string();
    let mut facts = Facts::new();
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            facts.insert(name.to_owned(), value);
        }
    };
    add("type", kind.value.clone());
    add("accept", sorted(accepts.iter().map(accept)));
    // The first one counts, or where each client begins: their order is meant.
    add(
        "connect",
        connects.iter().map(plain).collect::<Vec<_>>().join(", "),
    );
    add("balance", sorted(balances.iter().map(plain)));
    add(
        "realm-name",
        realm.as_ref().map(|r| r.value.clone()).unwrap_or_default(),
    );
    add(
        "authorization-constraint",
        sorted(roles.iter().map(|r| r.value.clone())),
    );
    add("mime-mapping", mime(own_mime));
    add_options(&mut add, "", accept_options);
    add_options(&mut add, "connect-options/", connect_options);
    for constraint in constraints {
        let (name, value) = constrained(constraint);
        add(&name, value);
    }
    let mut inside = BTreeMap::new();
    if let Some(properties) = properties {
        flatten(properties, "", &mut inside);
    }
    for (name, values) in inside {
        add(&name, values.join(", "));
    }
    facts
}

fn add_options(add: &mut impl FnMut(&str, String), side: &str, options: &Options) {
    let Options {
        binds,
        maximum_message,
        inactivity,
        server_header,
        encryption,
        clients,
        versions,
        unsupported,
    } = options;
    let mut named = |name: &str, value: Option<String>| {
        add(&format!("{side}{name}"), value.unwrap_or_default());
    };
    for (scheme, bind) in binds {
        named(
            &format!("{scheme}.bind"),
            Some(format!("port {}", bind.value.port)),
        );
    }
    let switch = |on: &bool| if *on { "enabled" } else { "disabled" }.to_owned();
    named(
        "ws.maximum.message.size",
        maximum_message.map(|n| n.to_string()),
    );
    named(
        "ws.inactivity.timeout",
        inactivity.map(|time| format!("{} ms", time.as_millis())),
    );
    named("http.server.header", server_header.as_ref().map(switch));
    named("ssl.encryption", encryption.as_ref().map(switch));
    let protection = Protection {
        clients: clients.as_ref().map(|c| c.value).unwrap_or_default(),
        versions: versions.unwrap_or_default(),
    };
    named(
        "ssl",
        Some(protection.suffix().trim_start_matches('-').to_owned()),
    );
    let later = unsupported.iter().map(|text| text.value.clone());
    named("options", Some(sorted(later)));
}

/// A URI without what belongs to the member.
fn without_host(uri: &Uri) -> String {
    let uri = Uri {
        host: ANY_HOST.to_owned(),
        ..uri.clone()
    };
    uri.to_string()
}

fn sorted(values: impl Iterator<Item = String>) -> String {
    let mut all: Vec<_> = values.collect();
    all.sort();
    all.dedup();
    all.join(", ")
}

fn mime(mappings: &[MimeMapping]) -> String {
    sorted(
        mappings
            .iter()
            .map(|m| format!("{}={}", m.extension, m.media_type)),
    )
}

fn constrained(constraint: &ConstraintDef) -> (String, String) {
    let origin = match &constraint.origin {
        Some(origin) => format!("{}://{}:{}", origin.scheme, origin.host, origin.port),
        None => "*".to_owned(),
    };
    let list = |text: &Option<Spanned<String>>| {
        let text = text.as_ref().map(|t| t.value.as_str()).unwrap_or_default();
        sorted(text.split(',').map(|part| part.trim().to_owned()))
    };
    let age = constraint
        .maximum_age
        .map(|age| format!(", for {} s", age.as_secs()));
    (
        format!("cross-site-constraint {origin}"),
        format!(
            "methods [{}], headers [{}]{}",
            list(&constraint.methods),
            list(&constraint.headers),
            age.unwrap_or_default()
        ),
    )
}

/// The texts below an element by the names on the way to them.
fn flatten(element: &Element, above: &str, into: &mut BTreeMap<String, Vec<String>>) {
    for child in element.elements() {
        let prefix = if child.namespace == AXON_NS {
            "ax:"
        } else {
            ""
        };
        let name = format!("{above}{prefix}{}", child.name);
        let text = child.text();
        if !text.is_empty() || child.elements().next().is_none() {
            into.entry(name.clone()).or_default().push(text);
        }
        flatten(child, &format!("{name}/"), into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(services: &[(&str, &[(&str, &str)])]) -> Description {
        let facts = |list: &&[(&str, &str)]| -> Facts {
            list.iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect()
        };
        let all = services
            .iter()
            .map(|(n, list)| ((*n).to_owned(), facts(list)));
        Description::of_facts(all.collect())
    }

    fn loaded(services: &str) -> Description {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway-config.xml");
        let text = format!(
            "<gateway-config xmlns=\"http://xmlns.kaazing.org/2016/06/gateway\">{services}</gateway-config>"
        );
        std::fs::write(&file, text).unwrap();
        let (model, diagnostics) = crate::config::loader::load(&[file], folder.path());
        assert!(!diagnostics.has_errors(), "{:?}", diagnostics.into_sorted());
        Description::of(&model.gateway.unwrap())
    }

    /// A member whose own name and address differ from those of others.
    fn member(number: u8, order: [u8; 2], size: &str, cookie: &str) -> Description {
        let service = |at| match at {
            0 => format!(
                "<service><name>public</name><accept>ws://public.test:8081/echo</accept><type>balancer</type>\
                 <properties xmlns:ax=\"urn:axon:1\"><ax:cookie>{cookie}</ax:cookie></properties>\
                 <accept-options><ws.bind>127.0.0.{number}:8081</ws.bind></accept-options></service>"
            ),
            _ => format!(
                "<service><name>echo</name><accept>ws://node{number}.test:8081/echo</accept>\
                 <balance>ws://public.test:8081/echo</balance><type>echo</type>\
                 <accept-options><ws.bind>127.0.0.{number}:8081</ws.bind>\
                 <ws.maximum.message.size>{size}</ws.maximum.message.size>\
                 <ws.inactivity.timeout>{}</ws.inactivity.timeout></accept-options></service>",
                if number == 1 { "90 s" } else { "1.5 minutes" }
            ),
        };
        loaded(&order.map(service).concat())
    }

    #[test]
    fn what_belongs_to_a_member_and_how_it_is_spelled_makes_no_difference() {
        let one = member(1, [0, 1], "128k", "A");
        assert_eq!(one, member(2, [1, 0], "131072", "A"));
        let said = |there: &Description| -> Vec<String> {
            let found = one.differences(there);
            found.iter().map(Difference::to_string).collect()
        };
        assert_eq!(
            said(&member(2, [0, 1], "64k", "B")),
            [
                "service 'echo', ws.maximum.message.size: 131072 here, 65536 there",
                "service 'public', ax:cookie: A here, B there",
            ]
        );
        let alone = loaded(
            "<service><name>echo</name><accept>ws://a.test:1/</accept><type>echo</type></service>",
        );
        let there = said(&alone);
        assert!(
            there.contains(&"service 'public', service: balancer here, nothing there".to_owned()),
            "{there:?}"
        );
    }

    #[test]
    fn long_values_and_large_files_are_told_by_their_hashes_and_still_compared() {
        let long = "x".repeat(50_000);
        let (a, b) = (format!("{long}a"), format!("{long}b"));
        let one = told(&[("s", &[("directory", &a)])]);
        let other = told(&[("s", &[("directory", &b)])]);
        let text = serde_json::to_string(&one).unwrap();
        assert!(text.len() < 400, "{text}");
        assert_eq!(Description::read(&text), Some(one.clone()));
        let differences = one.differences(&other);
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].option, "directory");
        assert_ne!(differences[0].here, differences[0].there);

        let many = |port: u16| {
            let services = (0..2_000).map(|at| {
                let port = if at == 1_999 { port } else { 8081 };
                let accept = format!("ws://*:{port}/{at}");
                let facts = Facts::from([("accept".to_owned(), accept)]);
                (format!("service {at:04}"), facts)
            });
            Description::of_facts(services.collect())
        };
        let (one, other) = (many(8081), many(8082));
        let told = one.services.values().filter(|s| s.facts.is_some());
        assert!(told.count() < 1_999);
        let differences = one.differences(&other);
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].service, "service 1999");
    }
}
