//! Which web pages may use a service: the cross-site rules (spec/kaazing.md 2.6 and 3.2).
//!
//! Pure: an `Origin` and a service's constraints in, a verdict out.

use crate::config::gateway::model::{ConstraintDef, Origin, ServiceDef};
use crate::transport::head::ResponseHead;

/// Fields that pages may always send.
const HEADERS: [&str; 5] = [
    "content-type",
    "authorization",
    "x-websocket-extensions",
    "x-websocket-version",
    "x-websocket-protocol",
];
/// Methods that pages may use where a constraint names none.
const METHODS: &str = "GET,POST";

/// The rules of one service.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// Host and port of its own and of its balancers' URIs.
    own: Vec<(String, u16)>,
    constraints: Vec<ConstraintDef>,
}

/// What the rules say of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'o> {
    /// There is none, or it is the service's own.
    Same,
    /// It may use the service under this constraint.
    Allowed(&'o ConstraintDef),
    /// It may not.
    Refused,
}

impl Origins {
    /// The rules of a service.
    pub fn of(def: &ServiceDef) -> Origins {
        let uris = def.accepts.iter().chain(&def.balances);
        let own = uris.map(|uri| (uri.value.host_text(), uri.value.port_or_default()));
        Origins {
            own: own.collect(),
            constraints: def.constraints.clone(),
        }
    }

    /// Judges the value of `Origin`.
    pub fn judge(&self, origin: Option<&[u8]>) -> Verdict<'_> {
        let Some(origin) = origin else {
            return Verdict::Same;
        };
        let origin = std::str::from_utf8(origin).ok().and_then(Origin::parse);
        if let Some(origin) = &origin {
            let own = |(host, port): &(String, u16)| *host == origin.host && *port == origin.port;
            if self.own.iter().any(own) {
                return Verdict::Same;
            }
        }
        let equal = |c: &&ConstraintDef| origin.is_some() && c.origin == origin;
        let found = self.constraints.iter().find(equal);
        let any = || self.constraints.iter().find(|c| c.origin.is_none());
        found
            .or_else(any)
            .map_or(Verdict::Refused, Verdict::Allowed)
    }
}

/// True when the constraint lets pages use the method.
pub fn allows(constraint: &ConstraintDef, method: &[u8]) -> bool {
    match &constraint.methods {
        None => true,
        Some(list) => list
            .value
            .split(',')
            .any(|m| m.as_bytes() == method || m == "*"),
    }
}

/// Adds the fields that tell a browser that the page may use the service.
pub fn grant(constraint: &ConstraintDef, origin: &[u8], head: &mut ResponseHead) {
    let headers = &mut head.headers;
    headers.append(b"Access-Control-Allow-Origin", origin);
    headers.append(b"Access-Control-Allow-Credentials", b"true");
    for name in HEADERS {
        headers.append(b"Access-Control-Allow-Headers", name.as_bytes());
    }
    let more = constraint
        .headers
        .iter()
        .flat_map(|list| list.value.split(','));
    for name in more.filter(|name| !name.is_empty()) {
        headers.append(b"Access-Control-Allow-Headers", name.as_bytes());
    }
    // What is sent depends on the origin: no cache may give it to another one.
    headers.append(b"Vary", b"Origin");
}

/// Adds what only the answer to a preflight has.
pub fn preflight(constraint: &ConstraintDef, head: &mut ResponseHead) {
    let methods = constraint.methods.as_ref().map_or(METHODS, |m| &m.value);
    let headers = &mut head.headers;
    headers.append(b"Access-Control-Allow-Methods", methods.as_bytes());
    if let Some(age) = constraint.maximum_age {
        let age = age.as_secs().to_string();
        headers.append(b"Access-Control-Max-Age", age.as_bytes());
    }
}
