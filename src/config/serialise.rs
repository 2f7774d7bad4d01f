//! Model -> XML that loads to the same model (spec/endpoints.md 23).
//!
//! Canonical: attributes in the order name, key or template, uri, onError; children in the order description, session, kind, property,
//! parameter. Only what differs from the default is written, except that an algorithm stays as it was named and a block that was there stays,
//! though it be empty: members are suspended by other rules without one. Durations are milliseconds; the old
//! `suspendDurationOnFailure` and `timeout/action` come out as what replaced them. Comments and spelling are not part of the model: who wants to
//! keep them edits the text ([`format`](super::format)).
//!
//! Where a row goes: a new kind is one arm in [`kind`], a new setting of leaves one line in [`leaf`].

mod elsewhere;
mod parts;
mod reference;
mod writer;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub(super) use self::writer::{Writer, escape};
use super::model::{
    EndpointDef, EndpointKind, FormatDef, HttpDef, LeafDef, LoadBalanceChildren, LoadBalanceDef,
    MemberDef, PropertyDef, PropertyValue, Scope, SessionDef, SessionKind, TimeoutAction,
    WsdlSource,
};
use super::source::Spanned;
use super::wsdl::Name;
use super::xml::Element;
use super::{AXON_NS, SYNAPSE_NS};

/// One endpoint as a document of its own.
pub fn endpoint(def: &EndpointDef) -> String {
    let mut inner = Writer::default();
    write(def, &mut inner);
    inner.document(&[("xmlns", SYNAPSE_NS)], &[("xmlns:ax", AXON_NS)])
}

fn write(def: &EndpointDef, out: &mut Writer) {
    out.open("endpoint");
    out.optional("name", text(&def.name));
    reference::attributes(&def.kind, out);
    out.optional("onError", text(&def.on_error));
    if let Some(description) = &def.description {
        out.leaf("description", description);
    }
    let group = match &def.kind {
        EndpointKind::LoadBalance(group) => Some(group),
        EndpointKind::DynamicLoadBalance(dynamic) => Some(&dynamic.group),
        _ => None,
    };
    if let Some(bound) = group.and_then(|group| group.session.as_ref()) {
        session(bound, out);
    }
    kind(&def.kind, out);
    for property in &def.properties {
        self::property(property, out);
    }
    reference::parameters(&def.kind, out);
    out.close();
}

fn kind(kind: &EndpointKind, out: &mut Writer) {
    match kind {
        // What they refer to is in attributes of the endpoint.
        EndpointKind::Indirect(_) | EndpointKind::Resolving(_) | EndpointKind::Template(_) => {}
        EndpointKind::RecipientList(list) => elsewhere::recipient_list(list, out),
        EndpointKind::DynamicLoadBalance(group) => elsewhere::dynamic(group, out),
        EndpointKind::ServiceDynamicLoadBalance(services) => elsewhere::services(services, out),
        EndpointKind::Address(address) => {
            out.open("address");
            out.attribute("uri", &address.uri.value);
            format(&address.leaf.format, out);
            leaf(&address.leaf, out);
            out.close();
        }
        EndpointKind::Wsdl(wsdl) => {
            out.open("wsdl");
            if let WsdlSource::Uri(uri) = &wsdl.source {
                out.attribute("uri", &uri.value);
            }
            name("service", &wsdl.service.value, out);
            name("port", &wsdl.port.value, out);
            let refresh = wsdl.refresh.as_ref().map(|r| r.value.as_millis());
            out.number("ax:refresh", refresh);
            format(&wsdl.leaf.format, out);
            if let WsdlSource::Inline(text) = &wsdl.source {
                out.raw(&text.value);
            }
            leaf(&wsdl.leaf, out);
            out.close();
        }
        EndpointKind::Default(settings) => {
            out.open("default");
            format(&settings.format, out);
            leaf(settings, out);
            out.close();
        }
        EndpointKind::Http(http) => self::http(http, out),
        EndpointKind::Failover(group) => {
            out.open("failover");
            if !group.dynamic {
                out.attribute("dynamic", "false");
            }
            attempts(&group.max_attempts, group.retry_non_idempotent, out);
            group.children.iter().for_each(|child| write(child, out));
            out.close();
        }
        EndpointKind::LoadBalance(group) => load_balance(group, out),
        // Nothing of it is in the model but its name.
        EndpointKind::Unsupported(what) => out.comment(&what.value),
    }
}

/// A name that may have a namespace, for which a prefix is declared beside it.
fn name(attribute: &str, name: &Name, out: &mut Writer) {
    match &name.namespace {
        Some(namespace) => {
            out.attribute(&format!("xmlns:{attribute}"), namespace);
            out.attribute(attribute, &format!("{attribute}:{}", name.local));
        }
        None => out.attribute(attribute, &name.local),
    }
}

fn load_balance(group: &LoadBalanceDef, out: &mut Writer) {
    out.open("loadbalance");
    out.optional("algorithm", text(&group.algorithm));
    if !group.failover {
        out.attribute("failover", "false");
    }
    attempts(&group.max_attempts, group.retry_non_idempotent, out);
    own_millis("ax:slowStart", &group.slow_start, out);
    match &group.children {
        LoadBalanceChildren::Endpoints(children) => {
            children.iter().for_each(|child| write(child, out));
        }
        LoadBalanceChildren::Members(members) => members.iter().for_each(|m| member(m, out)),
    }
    out.close();
}

fn attempts(most: &Option<Spanned<u32>>, repeat: Option<bool>, out: &mut Writer) {
    out.number("ax:maxAttempts", most.as_ref().map(|m| m.value));
    if let Some(repeat) = repeat {
        out.attribute(
            "ax:retryNonIdempotent",
            if repeat { "true" } else { "false" },
        );
    }
}

fn member(member: &MemberDef, out: &mut Writer) {
    out.open("member");
    out.attribute("hostName", &member.host.value);
    out.number("httpPort", member.http_port);
    out.number("httpsPort", member.https_port);
    out.number("ax:weight", member.weight.as_ref().map(|w| w.value));
    leaf(&member.leaf, out);
    out.close();
}

fn session(session: &SessionDef, out: &mut Writer) {
    out.open("session");
    out.attribute(
        "type",
        match session.kind.value {
            SessionKind::Http => "http",
            SessionKind::SimpleClient => "simpleClientSession",
            SessionKind::Soap => "soap",
        },
    );
    for (set, name, word) in [
        (session.fixed_expiry, "ax:expiry", "fixed"),
        (session.rebind, "ax:onUnavailable", "rebind"),
        (session.forward_unknown, "ax:unknown", "forward"),
    ] {
        if set {
            out.attribute(name, word);
        }
    }
    millis("sessionTimeout", &session.timeout, out);
    for name in &session.cookies {
        out.open("ax:cookie");
        out.attribute("name", name);
        out.close();
    }
    out.close();
}

/// The blocks of a leaf or member, in the order in which the originals write them.
fn leaf(leaf: &LeafDef, out: &mut Writer) {
    out.optional("ax:tls", text(&leaf.tls));
    own_millis("ax:slowStart", &leaf.slow_start, out);
    for (set, name, word) in [
        (leaf.probe_all, "ax:probe", "all"),
        (leaf.state_by_authority, "ax:stateKey", "authority"),
        (leaf.trace, "trace", "enable"),
        (leaf.statistics, "statistics", "enable"),
    ] {
        if set {
            out.attribute(name, word);
        }
    }
    if let Some(limits) = &leaf.limits {
        out.number("ax:maxConnections", Some(limits.connections));
        out.number("ax:maxPending", Some(limits.pending));
        out.number("ax:queueTimeout", Some(limits.wait.as_millis()));
    }
    if let Some(version) = leaf.format.addressing {
        out.open("enableAddressing");
        out.attribute("version", version.name());
        out.close();
    }
    if leaf.timeout.is_some() || leaf.timeout_action.is_some() {
        out.open("timeout");
        millis("duration", &leaf.timeout, out);
        if let Some(action) = &leaf.timeout_action {
            let word = match action.value {
                TimeoutAction::Fault => "fault",
                TimeoutAction::Discard => "discard",
                TimeoutAction::None => "never",
            };
            out.leaf("responseAction", word);
        }
        out.close();
    }
    if leaf.suspend_span.is_some() {
        out.open("suspendOnFailure");
        codes("errorCodes", &leaf.suspend_codes, out);
        millis("initialDuration", &leaf.suspend_initial, out);
        if let Some(factor) = &leaf.suspend_factor {
            out.leaf("progressionFactor", &format!("{:?}", factor.value));
        }
        millis("maximumDuration", &leaf.suspend_maximum, out);
        out.close();
    }
    if leaf.mark_span.is_some() {
        out.open("markForSuspension");
        codes("errorCodes", &leaf.mark_codes, out);
        if let Some(retries) = &leaf.mark_retries {
            out.leaf("retriesBeforeSuspension", &retries.value.to_string());
        }
        millis("retryDelay", &leaf.mark_delay, out);
        out.close();
    }
    let statuses = &leaf.failing_statuses;
    if !leaf.retry_disabled.is_empty() || !leaf.retry_enabled.is_empty() || !statuses.is_empty() {
        out.open("retryConfig");
        codes("disabledErrorCodes", &leaf.retry_disabled, out);
        codes("enabledErrorCodes", &leaf.retry_enabled, out);
        if !statuses.is_empty() {
            let words: Vec<String> = statuses.iter().map(u16::to_string).collect();
            out.leaf("ax:httpStatusCodes", &words.join(","));
        }
        out.close();
    }
    if let Some(check) = &leaf.health {
        parts::health(check, out);
    }
}

fn own_millis(name: &str, duration: &Option<Spanned<Duration>>, out: &mut Writer) {
    out.number(name, duration.as_ref().map(|d| d.value.as_millis()));
}

fn http(http: &HttpDef, out: &mut Writer) {
    out.open("http");
    let legacy = if http.legacy { "legacy-encoding:" } else { "" };
    out.attribute(
        "uri-template",
        &format!("{legacy}{}", http.template.value.text()),
    );
    out.optional("method", text(&http.method));
    format(&http.leaf.format, out);
    leaf(&http.leaf, out);
    if let Some(auth) = &http.auth {
        parts::authentication(auth, out);
    }
    out.close();
}

/// The attributes that change messages; behind the kind's own.
fn format(format: &FormatDef, out: &mut Writer) {
    out.optional("format", format.format.map(|f| f.name()));
    out.optional("optimize", format.optimize.map(|o| o.name()));
    out.optional("encoding", text(&format.encoding));
}

fn property(property: &PropertyDef, out: &mut Writer) {
    out.open("property");
    if let PropertyValue::Expression(_) = property.value {
        prefixes(&property.element, out);
    }
    out.attribute("name", &property.name.value);
    match &property.value {
        PropertyValue::Literal(text) => out.attribute("value", &text.value),
        PropertyValue::Expression(text) => out.attribute("expression", &text.value),
    }
    match property.scope {
        Scope::Default => {}
        Scope::Transport => out.attribute("scope", "transport"),
        Scope::Axis2 => out.attribute("scope", "axis2"),
        Scope::Axis2Client => out.attribute("scope", "axis2-client"),
    }
    out.close();
}

/// The prefixes that an expression may use.
fn prefixes(element: &Element, out: &mut Writer) {
    for (prefix, uri) in &element.prefixes {
        let known = prefix.is_empty() || prefix == "xml" || (prefix == "ax" && uri == AXON_NS);
        if !known {
            out.attribute(&format!("xmlns:{prefix}"), uri);
        }
    }
}

fn millis(name: &str, duration: &Option<Spanned<Duration>>, out: &mut Writer) {
    if let Some(duration) = duration {
        out.leaf(name, &duration.value.as_millis().to_string());
    }
}

fn codes(name: &str, codes: &[i32], out: &mut Writer) {
    if !codes.is_empty() {
        let words: Vec<String> = codes.iter().map(i32::to_string).collect();
        out.leaf(name, &words.join(","));
    }
}

fn text(value: &Option<Spanned<String>>) -> Option<&str> {
    value.as_ref().map(|v| v.value.as_str())
}
