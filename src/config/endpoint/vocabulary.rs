//! The words of the endpoint language: for each element its attributes and children.
//!
//! One table per element, so that the reader, the suggestions and a schema agree. An unknown word is only a warning: Synapse ignores it.

use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::Span;
use crate::config::suggest::nearest;
use crate::config::xml::Element;
use crate::config::{AXON_NS, SYNAPSE_NS};

/// What may stand on and in one element.
#[derive(Debug)]
pub struct Vocabulary {
    /// Its name.
    pub element: &'static str,
    /// Attributes.
    pub attributes: &'static [&'static str],
    /// Attributes of axon's namespace.
    pub axon: &'static [&'static str],
    /// Children that count once.
    pub once: &'static [&'static str],
    /// Children that may repeat.
    pub many: &'static [&'static str],
}

/// What an endpoint can be, in the order in which Synapse looks.
pub const KINDS: &[&str] = &[
    "address",
    "wsdl",
    "default",
    "loadbalance",
    "dynamicLoadbalance",
    "serviceDynamicLoadbalance",
    "failover",
    "recipientlist",
    "http",
    "class",
];

/// `endpoint`.
pub const ENDPOINT: Vocabulary = Vocabulary {
    element: "endpoint",
    attributes: &[
        "name",
        "key",
        "key-expression",
        "template",
        "uri",
        "onError",
        "trace",
        "statistics",
    ],
    axon: &[],
    once: &[
        "description",
        "session",
        "address",
        "wsdl",
        "default",
        "loadbalance",
        "dynamicLoadbalance",
        "serviceDynamicLoadbalance",
        "failover",
        "recipientlist",
        "http",
        "class",
    ],
    many: &["property", "parameter"],
};

/// `address`.
pub const ADDRESS: Vocabulary = Vocabulary {
    element: "address",
    attributes: &[
        "uri",
        "format",
        "optimize",
        "encoding",
        "trace",
        "statistics",
    ],
    ..DEFAULT
};

/// `wsdl`; an inline definition is none of our words.
pub const WSDL: Vocabulary = Vocabulary {
    element: "wsdl",
    attributes: &[
        "uri",
        "service",
        "port",
        "endpoint",
        "format",
        "optimize",
        "encoding",
        "trace",
        "statistics",
    ],
    axon: &["refresh", "tls"],
    ..DEFAULT
};

/// `default`.
pub const DEFAULT: Vocabulary = Vocabulary {
    element: "default",
    attributes: &["format", "optimize", "encoding", "trace", "statistics"],
    axon: &[
        "slowStart",
        "probe",
        "stateKey",
        "maxConnections",
        "maxPending",
        "queueTimeout",
        "tls",
    ],
    once: &[
        "enableAddressing",
        "enableSec",
        "enableRM",
        "timeout",
        "markForSuspension",
        "suspendOnFailure",
        "suspendDurationOnFailure",
        "retryConfig",
    ],
    many: &[],
};

/// `enableAddressing`.
pub const ADDRESSING: Vocabulary = Vocabulary {
    element: "enableAddressing",
    attributes: &["version", "separateListener"],
    axon: &[],
    once: &[],
    many: &[],
};

/// `http`.
pub const HTTP: Vocabulary = Vocabulary {
    element: "http",
    attributes: &[
        "uri-template",
        "method",
        "version",
        "format",
        "optimize",
        "encoding",
        "trace",
        "statistics",
    ],
    once: &[
        "enableAddressing",
        "enableSec",
        "enableRM",
        "timeout",
        "markForSuspension",
        "suspendOnFailure",
        "suspendDurationOnFailure",
        "retryConfig",
        "authentication",
        "serverPushSequence",
    ],
    ..DEFAULT
};

/// `authentication`.
pub const AUTHENTICATION: Vocabulary = Vocabulary {
    element: "authentication",
    attributes: &[],
    axon: &[],
    once: &["basicAuth", "oauth"],
    many: &[],
};

/// `basicAuth`.
pub const BASIC_AUTH: Vocabulary = Vocabulary {
    element: "basicAuth",
    attributes: &[],
    axon: &[],
    once: &["username", "password"],
    many: &[],
};

/// `oauth`.
pub const OAUTH: Vocabulary = Vocabulary {
    element: "oauth",
    attributes: &[],
    axon: &[],
    once: &[
        "clientCredentials",
        "authorizationCode",
        "passwordCredentials",
    ],
    many: &[],
};

/// What the three grants have in common.
const GRANT: &[&str] = &[
    "tokenUrl",
    "clientId",
    "clientSecret",
    "refreshToken",
    "username",
    "password",
    "authMode",
    "requestParameters",
    "customHeaders",
    "proxyConfigs",
    "useGlobalProxyConfigs",
    "connectionTimeout",
    "connectionRequestTimeout",
    "socketTimeout",
];

/// `clientCredentials`.
pub const CLIENT_CREDENTIALS: Vocabulary = Vocabulary {
    element: "clientCredentials",
    attributes: &[],
    axon: &[],
    once: GRANT,
    many: &[],
};

/// `authorizationCode`.
pub const AUTHORIZATION_CODE: Vocabulary = Vocabulary {
    element: "authorizationCode",
    ..CLIENT_CREDENTIALS
};

/// `passwordCredentials`.
pub const PASSWORD_CREDENTIALS: Vocabulary = Vocabulary {
    element: "passwordCredentials",
    ..CLIENT_CREDENTIALS
};

/// `ax:healthCheck`.
pub const HEALTH: Vocabulary = Vocabulary {
    element: "healthCheck",
    attributes: &[
        "type", "interval", "timeout", "rise", "fall", "method", "path", "status", "action",
        "version", "expect",
    ],
    axon: &[],
    once: &["body"],
    many: &[],
};

/// `timeout`.
pub const TIMEOUT: Vocabulary = Vocabulary {
    element: "timeout",
    attributes: &[],
    axon: &[],
    once: &["duration", "responseAction", "action"],
    many: &[],
};

/// `suspendOnFailure`.
pub const SUSPEND: Vocabulary = Vocabulary {
    element: "suspendOnFailure",
    attributes: &[],
    axon: &[],
    once: &[
        "errorCodes",
        "initialDuration",
        "progressionFactor",
        "maximumDuration",
    ],
    many: &[],
};

/// `markForSuspension`.
pub const MARK: Vocabulary = Vocabulary {
    element: "markForSuspension",
    attributes: &[],
    axon: &[],
    once: &["errorCodes", "retriesBeforeSuspension", "retryDelay"],
    many: &[],
};

/// `retryConfig`.
pub const RETRY: Vocabulary = Vocabulary {
    element: "retryConfig",
    attributes: &[],
    axon: &[],
    once: &["disabledErrorCodes", "enabledErrorCodes"],
    many: &[],
};

/// `failover`.
pub const FAILOVER: Vocabulary = Vocabulary {
    element: "failover",
    attributes: &["dynamic", "buildMessage"],
    axon: &["maxAttempts", "retryNonIdempotent"],
    once: &[],
    many: &["endpoint"],
};

/// `loadbalance`; the settings of a leaf are defaults for its members.
pub const LOAD_BALANCE: Vocabulary = Vocabulary {
    element: "loadbalance",
    attributes: &["policy", "algorithm", "failover", "buildMessage"],
    axon: &["maxAttempts", "retryNonIdempotent", "slowStart", "tls"],
    once: MEMBER.once,
    many: &["endpoint", "member"],
};

/// `member`.
pub const MEMBER: Vocabulary = Vocabulary {
    element: "member",
    attributes: &["hostName", "httpPort", "httpsPort"],
    axon: &[
        "weight",
        "slowStart",
        "probe",
        "maxConnections",
        "maxPending",
        "queueTimeout",
        "tls",
    ],
    once: &[
        "timeout",
        "markForSuspension",
        "suspendOnFailure",
        "suspendDurationOnFailure",
        "retryConfig",
    ],
    many: &[],
};

/// `session`.
pub const SESSION: Vocabulary = Vocabulary {
    element: "session",
    attributes: &["type"],
    axon: &["expiry", "onUnavailable", "unknown"],
    once: &["sessionTimeout"],
    many: &["cookie"],
};

/// `dynamicLoadbalance`; the settings of a leaf are those of its members.
pub const DYNAMIC_LOAD_BALANCE: Vocabulary = Vocabulary {
    element: "dynamicLoadbalance",
    attributes: &["policy", "algorithm", "failover"],
    axon: &["maxAttempts", "retryNonIdempotent"],
    once: &[
        "membershipHandler",
        "timeout",
        "markForSuspension",
        "suspendOnFailure",
        "suspendDurationOnFailure",
        "retryConfig",
    ],
    many: &[],
};

/// `membershipHandler`.
pub const MEMBERSHIP_HANDLER: Vocabulary = Vocabulary {
    element: "membershipHandler",
    attributes: &["class"],
    axon: &["provider"],
    once: &[],
    many: &["property"],
};

/// `serviceDynamicLoadbalance`; the settings of a leaf are those of its members.
pub const SERVICE_DYNAMIC_LOAD_BALANCE: Vocabulary = Vocabulary {
    element: "serviceDynamicLoadbalance",
    attributes: &["policy", "algorithm", "failover", "configuration"],
    axon: &["maxAttempts", "retryNonIdempotent"],
    once: &[
        "loadBalancerConfig",
        "timeout",
        "markForSuspension",
        "suspendOnFailure",
        "suspendDurationOnFailure",
        "retryConfig",
    ],
    many: &[],
};

/// `loadBalancerConfig`.
pub const LOAD_BALANCER_CONFIG: Vocabulary = Vocabulary {
    element: "loadBalancerConfig",
    attributes: &[],
    axon: &[],
    once: &["services"],
    many: &[],
};

/// `services`.
pub const SERVICES: Vocabulary = Vocabulary {
    element: "services",
    attributes: &[],
    axon: &[],
    once: &[],
    many: &["service"],
};

/// `service`.
pub const SERVICE: Vocabulary = Vocabulary {
    element: "service",
    attributes: &[],
    axon: &[],
    once: &["hosts", "domain", "membershipHandler"],
    many: &[],
};

/// `recipientlist`; the settings of a leaf are defaults for its members.
pub const RECIPIENT_LIST: Vocabulary = Vocabulary {
    element: "recipientlist",
    attributes: &[],
    axon: &[],
    once: &[
        "endpoints",
        "timeout",
        "markForSuspension",
        "suspendOnFailure",
        "suspendDurationOnFailure",
        "retryConfig",
    ],
    many: &["endpoint", "member"],
};

/// `endpoints` of a recipient list.
pub const ENDPOINTS: Vocabulary = Vocabulary {
    element: "endpoints",
    attributes: &["value", "max-cache"],
    axon: &[],
    once: &[],
    many: &[],
};

/// `template` around an endpoint; an artifact, whose words the schema has elsewhere.
pub const TEMPLATE: Vocabulary = Vocabulary {
    element: "template",
    attributes: &["name"],
    axon: &[],
    once: &["description", "endpoint"],
    many: &["parameter"],
};

/// `parameter` in a template.
pub const TEMPLATE_PARAMETER: Vocabulary = Vocabulary {
    element: "parameter",
    attributes: &["name"],
    axon: &[],
    once: &[],
    many: &[],
};

/// `class`.
pub const CLASS: Vocabulary = Vocabulary {
    element: "class",
    attributes: &["name"],
    axon: &[],
    once: &[],
    many: &["parameter"],
};

/// `property`.
pub const PROPERTY: Vocabulary = Vocabulary {
    element: "property",
    attributes: &["name", "value", "expression", "scope"],
    axon: &[],
    once: &[],
    many: &[],
};

/// `parameter` of an endpoint that is made from a template.
pub const PARAMETER: Vocabulary = Vocabulary {
    element: "parameter",
    attributes: &["name", "value"],
    axon: &[],
    once: &[],
    many: &[],
};

/// Every table. A new element gets its row here, or nobody but its own reader knows it.
pub const ALL: &[&Vocabulary] = &[
    &ENDPOINT,
    &ADDRESS,
    &WSDL,
    &DEFAULT,
    &ADDRESSING,
    &HTTP,
    &AUTHENTICATION,
    &BASIC_AUTH,
    &OAUTH,
    &CLIENT_CREDENTIALS,
    &AUTHORIZATION_CODE,
    &PASSWORD_CREDENTIALS,
    &TIMEOUT,
    &SUSPEND,
    &MARK,
    &RETRY,
    &FAILOVER,
    &LOAD_BALANCE,
    &MEMBER,
    &SESSION,
    &PROPERTY,
    &PARAMETER,
    &CLASS,
    &DYNAMIC_LOAD_BALANCE,
    &MEMBERSHIP_HANDLER,
    &SERVICE_DYNAMIC_LOAD_BALANCE,
    &LOAD_BALANCER_CONFIG,
    &SERVICES,
    &SERVICE,
    &RECIPIENT_LIST,
    &ENDPOINTS,
];

/// Children of an element that only axon knows: no schema of the originals has them.
fn own_children(element: &str) -> &'static [&'static str] {
    match element {
        "retryConfig" => &["httpStatusCodes"],
        "address" | "default" | "http" | "wsdl" | "member" | "loadbalance" => &["healthCheck"],
        _ => &[],
    }
}

/// The table of an element, by its canonical name.
pub fn of(element: &str) -> Option<&'static Vocabulary> {
    ALL.iter().find(|words| words.element == element).copied()
}

/// The name that Synapse's reader knows for one that its documentation prints.
pub fn canonical(name: &str) -> &str {
    match name {
        "loadBalance" => "loadbalance",
        "dynamicLoadBalance" => "dynamicLoadbalance",
        "serviceDynamicLoadBalance" => "serviceDynamicLoadbalance",
        "recipientList" => "recipientlist",
        _ => name,
    }
}

/// Warns about every word that is not in the table, and about a second child where one counts.
pub fn check(element: &Element, words: &Vocabulary, diagnostics: &mut Diagnostics) {
    attributes(element, words, diagnostics);
    let mut seen: Vec<&str> = Vec::new();
    for child in element.elements() {
        let name = canonical(&child.name);
        if name == "enableSec" {
            // Wherever it stands: messages must not go out unprotected because nobody looked there.
            let row = DiagnosticCode::SecurityMissing.row();
            diagnostics.error(row.code, child.name_span, row.text);
            continue;
        }
        let ours = [SYNAPSE_NS, AXON_NS, ""].contains(&child.namespace.as_str());
        let once = words.once.contains(&name) || own_children(words.element).contains(&name);
        if !ours || !(once || words.many.contains(&name)) {
            let known = words.once.iter().chain(words.many).copied();
            diagnostics.warn(
                DiagnosticCode::UnknownElement,
                child.name_span,
                format!(
                    "{} is not an element of {} and is ignored",
                    child.name, words.element
                ),
                suggestion(&child.name, known, DiagnosticCode::UnknownElement),
            );
            continue;
        }
        if name != child.name {
            let message = format!("{} is not read by Synapse, which knows {name}", child.name);
            old_spelling(child.name_span, message, name, diagnostics);
        }
        if child.namespace.is_empty() && !element.namespace.is_empty() {
            let row = DiagnosticCode::MissingNamespace.row();
            diagnostics.warn(
                row.code,
                child.name_span,
                format!(
                    "{} is in no namespace: Synapse ignores it, axon reads it",
                    child.name
                ),
                "remove xmlns=\"\"",
            );
        }
        // Two kinds beside each other are reported by the kind's choice.
        if once && seen.contains(&name) && !KINDS.contains(&name) {
            diagnostics.warn(
                DiagnosticCode::DuplicateElement,
                child.name_span,
                format!("{} is given twice; the first one counts", child.name),
                DiagnosticCode::DuplicateElement.row().help,
            );
        }
        seen.push(name);
    }
}

/// Warns of a word that something else has replaced.
pub(super) fn old_spelling(
    place: Span,
    message: impl Into<String>,
    new: &str,
    diagnostics: &mut Diagnostics,
) {
    diagnostics.warn(
        DiagnosticCode::OldSpelling,
        place,
        message,
        format!("write {new}; axon fmt --upgrade does it"),
    );
}

fn attributes(element: &Element, words: &Vocabulary, diagnostics: &mut Diagnostics) {
    for attribute in &element.attributes {
        let known = match attribute.namespace.as_str() {
            "" => words.attributes,
            AXON_NS => words.axon,
            // Other tools keep their notes in namespaces of their own.
            _ => continue,
        };
        if !known.contains(&attribute.name.as_str()) {
            diagnostics.warn(
                DiagnosticCode::UnknownAttribute,
                attribute.name_span,
                format!(
                    "{} is not an attribute of {} and is ignored",
                    attribute.name, words.element
                ),
                suggestion(
                    &attribute.name,
                    known.iter().copied(),
                    DiagnosticCode::UnknownAttribute,
                ),
            );
        }
    }
}

fn suggestion<'a>(
    word: &str,
    known: impl Iterator<Item = &'a str>,
    code: DiagnosticCode,
) -> String {
    match nearest(word, known) {
        Some(meant) => format!("did you mean {meant}?"),
        None => code.row().help.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_a_child_of_endpoint_and_no_word_stands_twice() {
        assert!(KINDS.iter().all(|k| ENDPOINT.once.contains(k)));
        for table in ALL {
            let mut children: Vec<_> = table.once.iter().chain(table.many).collect();
            children.sort_unstable();
            children.dedup();
            assert_eq!(
                children.len(),
                table.once.len() + table.many.len(),
                "{}",
                table.element
            );
        }
    }
}
