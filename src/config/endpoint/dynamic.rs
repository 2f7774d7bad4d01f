//! `dynamicLoadbalance` and `serviceDynamicLoadbalance`: members that come from elsewhere (spec/endpoints.md 15).
//!
//! Where from is a name and settings here; the room that looks for members knows the names. `ax:provider` wins over `class`,
//! so that a file can name a Java class for Synapse and something else for axon.

use std::collections::HashSet;

use super::{load_balance, session, suspension, value, vocabulary};
use crate::codes::DiagnosticCode;
use crate::config::AXON_NS;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{
    DynamicLoadBalanceDef, LeafDef, LoadBalanceChildren, LoadBalanceDef, MembershipDef, ServiceDef,
    ServiceDynamicDef,
};
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// Members are not left out longer than this, unless the file says so.
const SUSPENSION_MAX_MS: u64 = 10_000;
/// Most members that one message of a service may try, unless the file says so.
const SERVICE_ATTEMPTS: u32 = 5;
/// What a message of a service is tried again after, unless the file says so.
const SERVICE_RETRY: [i32; 3] = [101_503, 101_507, 101_508];

/// Reads `dynamicLoadbalance` and the `session` beside it.
pub(super) fn parse(
    element: &Element,
    session: Option<&Element>,
    diagnostics: &mut Diagnostics,
) -> Option<DynamicLoadBalanceDef> {
    vocabulary::check(element, &vocabulary::DYNAMIC_LOAD_BALANCE, diagnostics);
    let membership = membership(element, diagnostics);
    let mut group = group(element, diagnostics);
    group.session = session.and_then(|s| session::parse(s, diagnostics));
    Some(DynamicLoadBalanceDef {
        membership: membership?,
        leaf: leaf(element, diagnostics),
        group,
    })
}

fn group(element: &Element, diagnostics: &mut Diagnostics) -> LoadBalanceDef {
    LoadBalanceDef {
        children: LoadBalanceChildren::Members(Vec::new()),
        algorithm: load_balance::algorithm(element, diagnostics),
        failover: value::on_unless(element, "failover", &["false"], diagnostics),
        max_attempts: value::max_attempts(element, diagnostics),
        retry_non_idempotent: value::axon_switch(element, "retryNonIdempotent", diagnostics),
        slow_start: None,
        session: None,
        span: element.span,
    }
}

fn leaf(element: &Element, diagnostics: &mut Diagnostics) -> LeafDef {
    let mut leaf = suspension::parse(&[element, element], diagnostics);
    if leaf.suspend_maximum.is_none() && leaf.suspend_span.is_none() {
        let longest = std::time::Duration::from_millis(SUSPENSION_MAX_MS);
        leaf.suspend_maximum = Some(Spanned::new(longest, element.name_span));
    }
    leaf
}

fn membership(element: &Element, diagnostics: &mut Diagnostics) -> Option<MembershipDef> {
    let Some(handler) = element.child("membershipHandler") else {
        diagnostics.error_help(
            DiagnosticCode::EmptyGroup,
            element.name_span,
            format!("{} has no membershipHandler", element.name),
            "add <membershipHandler class=\"static\"> with a property members, or one of the class dns or file",
        );
        return None;
    };
    handler_of(handler, diagnostics)
}

fn handler_of(handler: &Element, diagnostics: &mut Diagnostics) -> Option<MembershipDef> {
    vocabulary::check(handler, &vocabulary::MEMBERSHIP_HANDLER, diagnostics);
    let provider = match handler.attribute_ns(AXON_NS, "provider") {
        Some(provider) => provider,
        None => handler.req_attr("class", diagnostics)?,
    };
    let mut settings = Vec::new();
    for property in handler.elements().filter(|e| e.is("property")) {
        let name = property.req_attr("name", diagnostics)?;
        let value = property.req_attr("value", diagnostics)?;
        let value = Spanned::new(value.value.trim().to_owned(), value.span);
        settings.push((name.value.trim().to_owned(), value));
    }
    Some(MembershipDef {
        provider: Spanned::new(provider.value.trim().to_owned(), provider.span),
        settings,
        span: handler.span,
    })
}

/// Reads `serviceDynamicLoadbalance`.
pub(super) fn parse_services(
    element: &Element,
    diagnostics: &mut Diagnostics,
) -> Option<ServiceDynamicDef> {
    vocabulary::check(
        element,
        &vocabulary::SERVICE_DYNAMIC_LOAD_BALANCE,
        diagnostics,
    );
    let Some(config) = element.child("loadBalancerConfig") else {
        match element.attribute("configuration") {
            Some(elsewhere) => diagnostics.unsupported(
                DiagnosticCode::NotSupportedYet,
                elsewhere.span,
                "a configuration in another file is not supported yet",
                "write its loadBalancerConfig inside the element",
            ),
            None => diagnostics.error_help(
                DiagnosticCode::EmptyGroup,
                element.name_span,
                format!("{} holds no loadBalancerConfig", element.name),
                "add <loadBalancerConfig><services>...</services></loadBalancerConfig>",
            ),
        }
        return None;
    };
    vocabulary::check(config, &vocabulary::LOAD_BALANCER_CONFIG, diagnostics);
    let before = diagnostics.errors();
    let mut services = Vec::new();
    let mut taken = HashSet::new();
    if let Some(list) = config.child("services") {
        vocabulary::check(list, &vocabulary::SERVICES, diagnostics);
        for each in list.elements().filter(|e| e.is("service")) {
            let service = service(each, element, diagnostics);
            for host in service.iter().flat_map(|s| &s.hosts) {
                if !taken.insert(host.value.clone()) {
                    let code = DiagnosticCode::DuplicateKey;
                    let message = format!("the host {} belongs to two services", host.value);
                    diagnostics.error(code, host.span, message);
                }
            }
            services.extend(service);
        }
    }
    if services.is_empty() && diagnostics.errors() == before {
        let code = DiagnosticCode::EmptyGroup;
        diagnostics.error(code, config.name_span, "no service is listed");
    }
    (diagnostics.errors() == before).then_some(ServiceDynamicDef {
        services,
        span: element.span,
    })
}

fn service(
    element: &Element,
    around: &Element,
    diagnostics: &mut Diagnostics,
) -> Option<ServiceDef> {
    vocabulary::check(element, &vocabulary::SERVICE, diagnostics);
    let hosts: Vec<_> = element
        .child("hosts")
        .into_iter()
        .flat_map(Element::elements)
        .filter(|e| e.is("host"))
        .map(Element::text_spanned)
        .filter(|host| !host.value.is_empty())
        .map(|host| Spanned::new(host.value.to_ascii_lowercase(), host.span))
        .collect();
    let domain = element.child("domain").map(Element::text_spanned);
    let domain = domain.filter(|domain| !domain.value.is_empty());
    let (Some(domain), false) = (domain, hosts.is_empty()) else {
        diagnostics.error_help(
            DiagnosticCode::MissingAttribute,
            element.name_span,
            "the service has no domain, or no host",
            "write <hosts><host>name</host></hosts><domain>name</domain>",
        );
        return None;
    };
    let membership = match element.child("membershipHandler") {
        Some(handler) => handler_of(handler, diagnostics)?,
        // The original looks its members up in the cluster's domain of that name.
        None => MembershipDef {
            provider: Spanned::new("cluster".to_owned(), domain.span),
            settings: vec![("applicationDomain".to_owned(), domain.clone())],
            span: element.span,
        },
    };
    let mut group = group(around, diagnostics);
    // Its own handler goes on to the next member whatever the attribute says.
    group.failover = true;
    group.span = element.span;
    if group.max_attempts.is_none() {
        group.max_attempts = Some(Spanned::new(SERVICE_ATTEMPTS, element.name_span));
    }
    let mut leaf = leaf(around, diagnostics);
    if leaf.retry_enabled.is_empty() && leaf.retry_disabled.is_empty() {
        leaf.retry_enabled = SERVICE_RETRY.to_vec();
    }
    Some(ServiceDef {
        hosts,
        domain,
        group: DynamicLoadBalanceDef {
            membership,
            leaf,
            group,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::loader::parse_bytes;
    use crate::config::model::EndpointKind;

    fn load(inside: &str) -> (EndpointKind, Vec<String>) {
        let text = format!(
            "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:ax=\"urn:axon:1\" name=\"e\">{inside}</endpoint>"
        );
        let (mut model, diagnostics) = parse_bytes("e.xml", text.as_bytes());
        let told = diagnostics.list().iter().map(|d| d.code.to_string());
        (model.endpoints.remove(0).kind, told.collect())
    }

    #[test]
    fn a_handler_is_a_name_and_settings_and_axons_own_name_wins() {
        let java = "org.apache.synapse.core.axis2.Axis2LoadBalanceMembershipHandler";
        for (attributes, provider) in [
            (format!("class=\"{java}\""), java),
            (format!("class=\"{java}\" ax:provider=\"dns\""), "dns"),
        ] {
            let (kind, problems) = load(&format!(
                "<session type=\"http\"/><dynamicLoadbalance failover=\"false\"><membershipHandler {attributes}>
                 <property name=\"applicationDomain\" value=\" d \"/></membershipHandler></dynamicLoadbalance>"
            ));
            let EndpointKind::DynamicLoadBalance(def) = kind else {
                panic!("{kind:?}");
            };
            let setting = &def.membership.settings[0];
            assert_eq!(
                (
                    def.membership.provider.value.as_str(),
                    setting.0.as_str(),
                    setting.1.value.as_str()
                ),
                (provider, "applicationDomain", "d")
            );
            assert!(!def.group.failover && def.group.session.is_some());
            let longest = def.leaf.suspend_maximum.map(|d| d.value.as_secs());
            assert_eq!((longest, problems), (Some(10), vec![]));
        }
    }

    #[test]
    fn services_have_hosts_and_a_group_each() {
        let service = |host: &str| {
            format!(
                "<service><hosts><host>{host}</host><host>www.{host}</host></hosts><domain>{host}</domain></service>"
            )
        };
        let list = |services: &str| {
            format!(
                "<serviceDynamicLoadbalance><loadBalancerConfig><services>{services}</services></loadBalancerConfig></serviceDynamicLoadbalance>"
            )
        };
        let (kind, problems) = load(&list(&(service("A.org") + &service("b.org"))));
        let EndpointKind::ServiceDynamicLoadBalance(def) = kind else {
            panic!("{kind:?}");
        };
        let hosts = |s: &ServiceDef| s.hosts.iter().map(|h| h.value.clone()).collect::<Vec<_>>();
        assert_eq!(hosts(&def.services[0]), ["a.org", "www.a.org"]);
        let group = &def.services[1].group;
        assert_eq!(group.membership.provider.value, "cluster");
        assert_eq!(group.group.max_attempts.as_ref().map(|n| n.value), Some(5));
        assert_eq!(group.leaf.retry_enabled, SERVICE_RETRY);
        assert_eq!(problems, [""; 0]);
        assert_eq!(load(&list(&(service("a") + &service("a")))).1[0], "AX0302");
    }

    #[test]
    fn what_says_nothing_about_members_is_an_error() {
        for (inside, code) in [
            ("<dynamicLoadbalance/>", "AX0207"),
            (
                "<dynamicLoadbalance><membershipHandler/></dynamicLoadbalance>",
                "AX0204",
            ),
            ("<serviceDynamicLoadbalance/>", "AX0207"),
            (
                "<serviceDynamicLoadbalance configuration=\"file:x.xml\"/>",
                "AX0201",
            ),
            (
                "<serviceDynamicLoadbalance><loadBalancerConfig><services/></loadBalancerConfig></serviceDynamicLoadbalance>",
                "AX0207",
            ),
            (
                "<serviceDynamicLoadbalance><loadBalancerConfig><services><service/></services></loadBalancerConfig></serviceDynamicLoadbalance>",
                "AX0204",
            ),
        ] {
            assert_eq!(load(inside).1, [code], "{inside}");
        }
    }
}
