//! Which child of the new generation is which child of the old one (design 7).
//!
//! Inside a matched group children are paired in three rounds: by explicit name; by kind and resolved target (for a
//! group, what it is made of); by position, for children that have no target. So inserting an unnamed child moves nobody,
//! and changing a timeout, a weight or a suspension setting changes no identity at all: only the definition hash.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::NodeId;
use crate::config::model::{
    EndpointDef, EndpointKind, LeafDef, LoadBalanceChildren, MemberDef, MembershipDef,
    RecipientsDef, ServiceDef, WsdlSource,
};

/// What a child is recognised by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// Explicit name.
    pub name: Option<String>,
    /// Kind of element.
    pub kind: u8,
    /// Hash of kind and target.
    pub target: u64,
    /// True for kinds without a target of their own, which may be paired by position.
    pub positional: bool,
}

const ADDRESS: u8 = 1;
const DEFAULT: u8 = 2;
const FAILOVER: u8 = 3;
const LOAD_BALANCE: u8 = 4;
const INDIRECT: u8 = 5;
const UNSUPPORTED: u8 = 6;
const MEMBER: u8 = 7;
const WSDL: u8 = 8;
const RESOLVING: u8 = 9;
const TEMPLATE: u8 = 10;
const RECIPIENT_LIST: u8 = 11;
const DYNAMIC: u8 = 12;
const BY_HOST: u8 = 13;
const SERVICE: u8 = 14;
const HTTP: u8 = 15;

impl Signature {
    /// Of an `endpoint` element.
    pub fn of(def: &EndpointDef) -> Self {
        let mut hasher = DefaultHasher::new();
        let (kind, positional) = match &def.kind {
            EndpointKind::Address(a) => {
                a.uri.value.trim().hash(&mut hasher);
                (ADDRESS, false)
            }
            // Not the address that the document says: it may change while the endpoint stays the same.
            EndpointKind::Wsdl(w) => {
                match &w.source {
                    WsdlSource::Uri(uri) => uri.value.hash(&mut hasher),
                    WsdlSource::Inline(_) => "inline".hash(&mut hasher),
                }
                (&w.service.value, &w.port.value).hash(&mut hasher);
                (WSDL, false)
            }
            EndpointKind::Default(_) => (DEFAULT, false),
            EndpointKind::Http(http) => {
                http.template.value.text().hash(&mut hasher);
                http.legacy.hash(&mut hasher);
                http.method.as_ref().map(|m| &m.value).hash(&mut hasher);
                (HTTP, false)
            }
            EndpointKind::Failover(f) => {
                hash_children(&f.children, &mut hasher);
                (FAILOVER, true)
            }
            EndpointKind::LoadBalance(l) => {
                match &l.children {
                    LoadBalanceChildren::Endpoints(children) => {
                        hash_children(children, &mut hasher);
                    }
                    LoadBalanceChildren::Members(members) => hash_members(members, &mut hasher),
                }
                (LOAD_BALANCE, true)
            }
            // The members come and go: they are not what the group is known by.
            EndpointKind::DynamicLoadBalance(group) => {
                hash_membership(&group.membership, &mut hasher);
                (DYNAMIC, true)
            }
            EndpointKind::ServiceDynamicLoadBalance(services) => {
                for service in &services.services {
                    Self::of_service(service).target.hash(&mut hasher);
                }
                (BY_HOST, true)
            }
            EndpointKind::RecipientList(list) => {
                match &list.recipients {
                    RecipientsDef::Endpoints(children) => hash_children(children, &mut hasher),
                    RecipientsDef::Members(members) => hash_members(members, &mut hasher),
                    RecipientsDef::Computed(computed) => {
                        computed.expression.value.hash(&mut hasher);
                    }
                }
                (RECIPIENT_LIST, true)
            }
            EndpointKind::Indirect(key) => {
                key.value.trim().hash(&mut hasher);
                (INDIRECT, false)
            }
            EndpointKind::Resolving(resolving) => {
                resolving.expression.value.trim().hash(&mut hasher);
                (RESOLVING, false)
            }
            // One that was filled in is what its template gives.
            EndpointKind::Template(used) => match &used.endpoint {
                Some(inner) => return Self::of(inner),
                None => {
                    used.template.value.hash(&mut hasher);
                    (TEMPLATE, false)
                }
            },
            EndpointKind::Unsupported(what) => {
                what.value.hash(&mut hasher);
                (UNSUPPORTED, true)
            }
        };
        kind.hash(&mut hasher);
        Self {
            name: def.name.as_ref().map(|n| n.value.clone()),
            kind,
            target: hasher.finish(),
            positional,
        }
    }

    /// Of a `service` element.
    pub fn of_service(def: &ServiceDef) -> Self {
        let mut hasher = DefaultHasher::new();
        (SERVICE, &def.domain.value).hash(&mut hasher);
        Self {
            name: None,
            kind: SERVICE,
            target: hasher.finish(),
            positional: false,
        }
    }

    /// Of a `member` element.
    pub fn of_member(def: &MemberDef) -> Self {
        let mut hasher = DefaultHasher::new();
        (MEMBER, &def.host.value, def.http_port, def.https_port).hash(&mut hasher);
        Self {
            name: None,
            kind: MEMBER,
            target: hasher.finish(),
            positional: false,
        }
    }
}

fn hash_membership(def: &MembershipDef, hasher: &mut DefaultHasher) {
    def.provider.value.hash(hasher);
    for (name, value) in &def.settings {
        (name, &value.value).hash(hasher);
    }
}

fn hash_children(children: &[EndpointDef], hasher: &mut DefaultHasher) {
    for child in children {
        let signature = Signature::of(child);
        (signature.name, signature.target).hash(hasher);
    }
}

fn hash_members(members: &[MemberDef], hasher: &mut DefaultHasher) {
    for member in members {
        Signature::of_member(member).target.hash(hasher);
    }
}

/// An old child that a new one may be.
pub(super) struct Old<'a> {
    pub id: NodeId,
    pub signature: &'a Signature,
}

/// For each new child the old one that it is.
pub(super) fn pair(new: &[Signature], old: &[Old<'_>]) -> Vec<Option<NodeId>> {
    let mut result = vec![None; new.len()];
    let mut taken = vec![false; old.len()];
    for round in [by_name, by_target, by_place] {
        for (i, signature) in new.iter().enumerate() {
            if result[i].is_some() {
                continue;
            }
            let found =
                (0..old.len()).find(|&j| !taken[j] && round((i, signature), (j, old[j].signature)));
            if let Some(j) = found {
                taken[j] = true;
                result[i] = Some(old[j].id);
            }
        }
    }
    result
}

/// A child with its position.
type Placed<'a> = (usize, &'a Signature);

fn by_name((_, new): Placed<'_>, (_, old): Placed<'_>) -> bool {
    new.name.is_some() && new.name == old.name
}

fn by_target((_, new): Placed<'_>, (_, old): Placed<'_>) -> bool {
    new.target == old.target
}

fn by_place((i, new): Placed<'_>, (j, old): Placed<'_>) -> bool {
    i == j && new.positional && new.kind == old.kind && new.name == old.name
}

/// Hash of everything in a leaf's definition that its state depends on; places and names do not count.
pub(super) fn definition(signature: &Signature, leaf: &LeafDef) -> u64 {
    let mut hasher = DefaultHasher::new();
    let h = &mut hasher;
    signature.target.hash(h);
    (
        leaf.format.format,
        leaf.format.optimize,
        leaf.format.addressing,
    )
        .hash(h);
    leaf.format.encoding.as_ref().map(|v| &v.value).hash(h);
    leaf.timeout.as_ref().map(|v| v.value).hash(h);
    leaf.timeout_action.as_ref().map(|v| v.value as u8).hash(h);
    leaf.suspend_codes.hash(h);
    leaf.suspend_initial.as_ref().map(|v| v.value).hash(h);
    leaf.suspend_factor
        .as_ref()
        .map(|v| v.value.to_bits())
        .hash(h);
    leaf.suspend_maximum.as_ref().map(|v| v.value).hash(h);
    leaf.suspend_span.is_some().hash(h);
    leaf.mark_codes.hash(h);
    leaf.mark_retries.as_ref().map(|v| v.value).hash(h);
    leaf.mark_delay.as_ref().map(|v| v.value).hash(h);
    leaf.mark_span.is_some().hash(h);
    leaf.retry_disabled.hash(h);
    leaf.retry_enabled.hash(h);
    leaf.tls.as_ref().map(|name| &name.value).hash(h);
    leaf.probe_all.hash(h);
    leaf.state_by_authority.hash(h);
    leaf.failing_statuses.hash(h);
    hasher.finish()
}
