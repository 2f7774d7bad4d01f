//! What is different between the services of two members, by name.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::description::{Described, Facts};

/// Most differences to one member that are kept.
pub const DIFFERENCES_MAX: usize = 100;
/// Differences that one line of the log tells.
const TOLD_MAX: usize = 8;
/// How a difference is called that is about a whole service.
const WHOLE: &str = "service";

/// Something that this member has otherwise than another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Name of the service.
    pub service: String,
    /// Name of the option; `service` for a service that one of the two has not, or that is too large to be compared.
    pub option: String,
    /// The value at this member; `None`: not there.
    pub here: Option<String>,
    /// The value at the other member; `None`: not there.
    pub there: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(
            f,
            "service '{}', {}: {} here, {} there",
            self.service,
            self.option,
            word(&self.here),
            word(&self.there)
        )
    }
}

/// All of them in one line.
pub(super) fn told(differences: &[Difference]) -> String {
    let mut line = differences
        .iter()
        .take(TOLD_MAX)
        .map(Difference::to_string)
        .collect::<Vec<_>>()
        .join("; ");
    if differences.len() > TOLD_MAX {
        line += &format!(
            "; and {} more, which axon cluster status lists",
            differences.len() - TOLD_MAX
        );
    }
    line
}

/// Compares service by service and option by option, in the order of their names.
pub(super) fn between(
    here: &BTreeMap<String, Described>,
    there: &BTreeMap<String, Described>,
) -> Vec<Difference> {
    let mut found = Vec::new();
    for name in names(here, there) {
        let pair = (here.get(name), there.get(name));
        let whole = |here: Option<String>, there: Option<String>| Difference {
            service: name.clone(),
            option: WHOLE.to_owned(),
            here,
            there,
        };
        match pair {
            (Some(a), Some(b)) if a.hash == b.hash => {}
            (Some(Described { facts: Some(a), .. }), Some(Described { facts: Some(b), .. })) => {
                options(name, a, b, &mut found)
            }
            (Some(a), Some(b)) => {
                let hash = |d: &Described| Some(format!("hash {}", d.hash));
                found.push(whole(hash(a), hash(b)));
            }
            (a, b) => found.push(whole(a.map(kind), b.map(kind))),
        }
        if found.len() >= DIFFERENCES_MAX {
            break;
        }
    }
    found.truncate(DIFFERENCES_MAX);
    found
}

fn names<'a, V>(a: &'a BTreeMap<String, V>, b: &'a BTreeMap<String, V>) -> Vec<&'a String> {
    let mut all: Vec<_> = a.keys().chain(b.keys()).collect();
    all.sort();
    all.dedup();
    all
}

fn kind(described: &Described) -> String {
    let kind = described.facts.as_ref().and_then(|facts| facts.get("type"));
    kind.cloned().unwrap_or_else(|| "there".to_owned())
}

fn options(service: &str, here: &Facts, there: &Facts, found: &mut Vec<Difference>) {
    for option in names(here, there) {
        let (a, b) = (here.get(option), there.get(option));
        if a != b {
            found.push(Difference {
                service: service.to_owned(),
                option: option.clone(),
                here: a.cloned(),
                there: b.cloned(),
            });
        }
    }
}
