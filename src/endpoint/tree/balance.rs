//! What the file says to a group's algorithm: weights and other properties, looked up as Synapse does (spec/endpoints.md
//! 13.3, 13.4, 18): the child's own property, else the group's; the last of a name wins.

use super::build::Child;
use crate::codes::DiagnosticCode;
use crate::config::model::{EndpointKind, LoadBalanceDef, MemberDef, PropertyDef, PropertyValue};
use crate::config::source::{Span, Spanned};
use crate::endpoint::algorithm::{
    self, AlgorithmType, BURST, HashBy, RRLC, Settings, Weight, hash_of,
};

const WEIGHT: &str = "loadbalance.weight";
const WEIGHT_MIN: &str = "loadbalance.weight.min";
const WEIGHT_MAX: &str = "loadbalance.weight.max";
const ROUNDS: &str = "loadbalance.weightedRRLC.roundsPerRecal";
const STYLE: &str = "loadbalance.style";
const HASH_HEADER: &str = "loadbalance.hash.header";
const HASH_COOKIE: &str = "loadbalance.hash.cookie";
const HASH_QUERY: &str = "loadbalance.hash.query";

/// What of a message a group balances by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashRule {
    /// The client's address.
    Source,
    /// The first value of this header field.
    Header(String),
    /// The path, and the query when true.
    Uri(bool),
    /// The value of this cookie.
    Cookie(String),
}

/// Something that the group cannot be balanced by.
pub(super) struct Bad {
    pub code: DiagnosticCode,
    pub span: Span,
    pub message: String,
    pub help: &'static str,
}

/// The algorithm of that name, in the order that the property `loadbalance.style` asks for.
pub(super) fn row(name: &str, group: &[PropertyDef]) -> Option<&'static AlgorithmType> {
    let burst = literal(group, STYLE).is_some_and(|style| style.value.trim() == "burst");
    let row = algorithm::lookup(name)?;
    if burst && row.name == "weightedRoundRobin" {
        return algorithm::lookup(BURST);
    }
    Some(row)
}

/// What the algorithm is made from.
pub(super) fn settings(
    row: &AlgorithmType,
    children: &[Child<'_>],
    group: &[PropertyDef],
) -> Result<Settings, Bad> {
    let rrlc = row.name == RRLC;
    let mut settings = Settings {
        rounds: number(&[group], ROUNDS)?.map_or(1, Weight::get),
        identities: children.iter().map(|child| identity(*child)).collect(),
        ..Settings::default()
    };
    for child in children {
        if rrlc {
            fixed_address(*child)?;
        }
        let own: &[PropertyDef] = match child {
            Child::Endpoint(def) => &def.behind().properties,
            Child::Member(..) | Child::Service(_) => &[],
        };
        let scopes = [own, group];
        let written = match (row.weighted, child) {
            (false, _) => None,
            (
                true,
                Child::Member(
                    MemberDef {
                        weight: Some(w), ..
                    },
                    _,
                ),
            ) => Some(w.value),
            (true, _) => number(&scopes, WEIGHT)?,
        };
        if rrlc && written.is_none() {
            return Err(Bad {
                code: DiagnosticCode::BadWeight,
                span: child.span(),
                message: "with weightedRRLC each child needs a weight".to_owned(),
                help: "add the property loadbalance.weight to the child, or to the group",
            });
        }
        let weight = written.unwrap_or(Weight::MIN);
        settings.weights.push(weight);
        settings.bounds.push(if rrlc {
            bounds(&scopes, weight, child.span())?
        } else {
            (0, 0)
        });
    }
    Ok(settings)
}

/// Smallest and largest current weight; by default two less and two more (spec 13.4).
fn bounds(scopes: &[&[PropertyDef]], weight: Weight, place: Span) -> Result<(u32, u32), Bad> {
    let at_least = |name, default: u32| -> Result<u32, Bad> {
        let Some((property, text)) = first(scopes, name) else {
            return Ok(default);
        };
        text.and_then(|t| t.value.trim().parse().ok())
            .ok_or_else(|| bad_number(property, "a whole number of zero or more"))
    };
    let min = at_least(WEIGHT_MIN, weight.get().saturating_sub(2))?;
    let max = at_least(WEIGHT_MAX, weight.get().saturating_add(2))?;
    if min > max {
        // At least one of the two is written: the defaults are in order.
        let property = first(scopes, WEIGHT_MIN).or_else(|| first(scopes, WEIGHT_MAX));
        return Err(Bad {
            code: DiagnosticCode::BadWeight,
            span: property.map_or(place, |(p, _)| value_span(p)),
            message: format!("the smallest weight, {min}, is above the largest, {max}"),
            help: "correct loadbalance.weight.min or loadbalance.weight.max",
        });
    }
    Ok((min, max))
}

/// `weightedRRLC` counts connections per host, so it has to be known whose they are.
fn fixed_address(child: Child<'_>) -> Result<(), Bad> {
    let Child::Endpoint(def) = child else {
        return Ok(());
    };
    match &def.behind().kind {
        EndpointKind::Default(_) | EndpointKind::Failover(_) | EndpointKind::LoadBalance(_) => {
            Err(Bad {
                code: DiagnosticCode::BadValue,
                span: def.span,
                message: "weightedRRLC counts the connections of each child: it can be no group and no default endpoint".to_owned(),
                help: "use an address or wsdl endpoint, or another algorithm such as leastConnections",
            })
        }
        _ => Ok(()),
    }
}

/// What a hash algorithm goes by.
pub(super) fn hash_rule(
    row: &AlgorithmType,
    def: &LoadBalanceDef,
    group: &[PropertyDef],
) -> Result<Option<HashRule>, Bad> {
    let named = |property: &'static str, help| {
        let found = literal(group, property).map(|text| text.value.trim().to_owned());
        found.filter(|name| !name.is_empty()).ok_or_else(|| Bad {
            code: DiagnosticCode::BadValue,
            span: def.algorithm.as_ref().map_or(def.span, |a| a.span),
            message: format!("{} needs the property {property} on the group", row.name),
            help,
        })
    };
    Ok(match row.hash {
        None => None,
        Some(HashBy::Source) => Some(HashRule::Source),
        Some(HashBy::Uri) => {
            let query = literal(group, HASH_QUERY);
            Some(HashRule::Uri(
                query.is_some_and(|q| q.value.trim() == "true"),
            ))
        }
        Some(HashBy::Header) => {
            let help =
                "add <property name=\"loadbalance.hash.header\" value=\"NAME\"/> beside the group";
            Some(HashRule::Header(named(HASH_HEADER, help)?))
        }
        Some(HashBy::Cookie) => {
            let help =
                "add <property name=\"loadbalance.hash.cookie\" value=\"NAME\"/> beside the group";
            Some(HashRule::Cookie(named(HASH_COOKIE, help)?))
        }
    })
}

/// Who a child is to a hash: its name, else where it sends to, so that the order of children does not count.
fn identity(child: Child<'_>) -> u64 {
    let text = match child {
        Child::Member(def, _) => format!(
            "member {} {:?} {:?}",
            def.host.value, def.http_port, def.https_port
        ),
        Child::Service(def) => format!("name {}", def.domain.value),
        Child::Endpoint(def) => match (&def.name, &def.behind().kind) {
            (Some(name), _) => format!("name {}", name.value.trim()),
            (None, EndpointKind::Address(a)) => format!("address {}", a.uri.value.trim()),
            (None, EndpointKind::Indirect(key)) => format!("key {}", key.value.trim()),
            (None, _) => format!("other {}", super::identity::Signature::of(def).target),
        },
    };
    hash_of(text.as_bytes())
}

impl Child<'_> {
    fn span(&self) -> Span {
        match self {
            Child::Endpoint(def) => def.span,
            Child::Member(def, _) => def.span,
            Child::Service(def) => def.domain.span,
        }
    }
}

/// A whole number of at least one that a property gives, from the first scope that has it.
fn number(scopes: &[&[PropertyDef]], name: &str) -> Result<Option<Weight>, Bad> {
    let Some((property, text)) = first(scopes, name) else {
        return Ok(None);
    };
    match text.and_then(|t| t.value.trim().parse().ok()) {
        Some(number) => Ok(Some(number)),
        None => Err(bad_number(property, "a whole number above zero")),
    }
}

fn bad_number(property: &PropertyDef, wanted: &str) -> Bad {
    let (PropertyValue::Literal(text) | PropertyValue::Expression(text)) = &property.value;
    Bad {
        code: DiagnosticCode::BadWeight,
        span: text.span,
        message: format!("\"{}\" is not {wanted}", text.value.trim()),
        help: "write digits only; expressions are not possible here",
    }
}

fn value_span(property: &PropertyDef) -> Span {
    let (PropertyValue::Literal(text) | PropertyValue::Expression(text)) = &property.value;
    text.span
}

fn first<'d>(
    scopes: &[&'d [PropertyDef]],
    name: &str,
) -> Option<(&'d PropertyDef, Option<&'d Spanned<String>>)> {
    let property = scopes.iter().find_map(|list| find(list, name))?;
    let text = match &property.value {
        PropertyValue::Literal(text) => Some(text),
        PropertyValue::Expression(_) => None,
    };
    Some((property, text))
}

/// The last property of that name, which wins (spec 18).
fn find<'d>(list: &'d [PropertyDef], name: &str) -> Option<&'d PropertyDef> {
    list.iter().rfind(|p| p.name.value.trim() == name)
}

pub(super) fn literal<'d>(list: &'d [PropertyDef], name: &str) -> Option<&'d Spanned<String>> {
    first(&[list], name)?.1
}
