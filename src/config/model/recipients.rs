//! Groups whose members come from elsewhere, and recipient lists.

use super::{EndpointDef, LeafDef, LoadBalanceDef, MemberDef};
use crate::config::source::{Span, Spanned};
use crate::config::xml::Element;

/// A load balance whose members come from elsewhere (spec/endpoints.md 15).
#[derive(Debug, Clone)]
pub struct DynamicLoadBalanceDef {
    /// Where the members come from.
    pub membership: MembershipDef,
    /// Settings of each member.
    pub leaf: LeafDef,
    /// The group. Its members are those that were found last; whoever builds it puts them there.
    pub group: LoadBalanceDef,
}

/// Where the members of a group come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipDef {
    /// `ax:provider`, else `class`, as written.
    pub provider: Spanned<String>,
    /// Settings by name, in the order of the file.
    pub settings: Vec<(String, Spanned<String>)>,
    /// The element.
    pub span: Span,
}

/// `serviceDynamicLoadbalance`: a group for each service, chosen by the host that a request names.
#[derive(Debug, Clone)]
pub struct ServiceDynamicDef {
    /// The services; never empty.
    pub services: Vec<ServiceDef>,
    /// The element.
    pub span: Span,
}

/// One service.
#[derive(Debug, Clone)]
pub struct ServiceDef {
    /// Its hosts, in lower case.
    pub hosts: Vec<Spanned<String>>,
    /// Its domain, which names its group.
    pub domain: Spanned<String>,
    /// The group.
    pub group: DynamicLoadBalanceDef,
}

/// `recipientlist` (spec/endpoints.md 16).
#[derive(Debug, Clone)]
pub struct RecipientListDef {
    /// Who gets a copy.
    pub recipients: RecipientsDef,
    /// The `recipientlist` element.
    pub span: Span,
}

/// Who gets a copy of a message.
#[derive(Debug, Clone)]
pub enum RecipientsDef {
    /// `endpoint` children, or the addresses of a literal `endpoints`; never empty.
    Endpoints(Vec<EndpointDef>),
    /// `member` children; never empty.
    Members(Vec<MemberDef>),
    /// `endpoints` whose addresses each message computes.
    Computed(ComputedRecipientsDef),
}

/// `<endpoints value="{expression}"/>`.
#[derive(Debug, Clone)]
pub struct ComputedRecipientsDef {
    /// The expression, without its braces; whoever evaluates it compiles it.
    pub expression: Spanned<String>,
    /// `max-cache`: of so many addresses the states are remembered.
    pub max_cache: usize,
    /// The `endpoints` element, which holds the prefixes that the expression uses.
    pub element: Element,
}
