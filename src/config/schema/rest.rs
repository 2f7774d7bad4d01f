//! Artifacts and mediators in the schema: what holds their lists together. Their own words are for the most part free, so that a
//! file of the other code base, or with a mediator that axon does not run, is not refused for what axon does not judge.

use super::words::Kind;
use Kind::{AnyCase, Text, Words};

/// An attribute of a mediator or artifact that the schema judges.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

/// What may stand inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// Mediators.
    Mediators,
    /// Mediators, and elements of their own that hold mediators too.
    MediatorsAnd(&'static [&'static str]),
    /// These elements, each by its type.
    Only(&'static [(&'static str, &'static str)]),
    /// The first once, in any place among the others.
    OneAmong(&'static str, &'static [(&'static str, &'static str)]),
    /// Anything; what is known is judged.
    Free,
    /// Anything, unjudged: the payload of a message, a script, a policy.
    Data,
}

/// An element that is no part of the endpoint language.
#[derive(Debug)]
pub(super) struct Row {
    /// Name of the element, and of its type with a prefix.
    pub(super) name: &'static str,
    pub(super) attributes: &'static [Attribute],
    pub(super) inside: Inside,
}

const fn may(name: &'static str, kind: Kind) -> Attribute {
    Attribute {
        name,
        kind,
        required: false,
    }
}

const fn must(name: &'static str) -> Attribute {
    Attribute {
        name,
        kind: Text,
        required: true,
    }
}

const fn row(name: &'static str, attributes: &'static [Attribute], inside: Inside) -> Row {
    Row {
        name,
        attributes,
        inside,
    }
}

const BRANCH: Inside = Inside::MediatorsAnd(&["then", "else"]);

/// Mediators that are run, by name.
pub(super) const MEDIATORS: &[Row] = &[
    row(
        "aggregate",
        &[],
        Inside::Only(&[
            ("correlateOn", "free"),
            ("completeCondition", "free"),
            ("onComplete", "free"),
        ]),
    ),
    row("call", &[], Inside::Free),
    row(
        "call-template",
        &[must("target")],
        Inside::Only(&[("with-param", "with-param"), ("description", "free")]),
    ),
    row("callout", &[], Inside::Free),
    row("clone", &[], Inside::Free),
    row(
        "conditionalRouter",
        &[],
        Inside::Only(&[
            ("conditionalRoute", "conditionalRoute"),
            ("description", "free"),
        ]),
    ),
    row("drop", &[], Inside::Data),
    row(
        "enqueue",
        &[must("sequence"), must("executor")],
        Inside::Data,
    ),
    row(
        "enrich",
        &[],
        Inside::Only(&[
            ("source", "enrichSource"),
            ("target", "enrichTarget"),
            ("description", "free"),
        ]),
    ),
    row("filter", &[], BRANCH),
    row("foreach", &[must("expression")], Inside::Free),
    row(
        "header",
        &[may("action", Words(&["set", "remove"]))],
        Inside::Data,
    ),
    row("in", &[], Inside::Mediators),
    row("iterate", &[must("expression")], Inside::Free),
    row(
        "log",
        &[may(
            "category",
            AnyCase(&["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]),
        )],
        Inside::Only(&[
            ("property", "named"),
            ("description", "free"),
            ("message", "free"),
        ]),
    ),
    row("loopback", &[], Inside::Data),
    row(
        "makefault",
        &[may("version", Words(&["", "soap11", "soap12", "pox"]))],
        Inside::Data,
    ),
    row("out", &[], Inside::Mediators),
    row(
        "payloadFactory",
        &[may("media-type", Words(&["xml", "json", "text"]))],
        Inside::Only(&[
            ("format", "data"),
            ("args", "data"),
            ("description", "free"),
        ]),
    ),
    row(
        "property",
        &[
            must("name"),
            may("action", Words(&["set", "remove"])),
            may(
                "scope",
                Words(&[
                    "default",
                    "synapse",
                    "transport",
                    "axis2",
                    "axis2-client",
                    "operation",
                    "registry",
                    "system",
                    "func",
                    "analytics",
                ]),
            ),
        ],
        Inside::Data,
    ),
    row(
        "propertyGroup",
        &[],
        Inside::Only(&[("property", "property"), ("description", "free")]),
    ),
    row("respond", &[], Inside::Data),
    row(
        "rewrite",
        &[],
        Inside::Only(&[("rewriterule", "rewriterule"), ("description", "free")]),
    ),
    row(
        "router",
        &[],
        Inside::Only(&[("route", "route"), ("description", "free")]),
    ),
    row("send", &[], Inside::Free),
    row("sequence", &[], Inside::Mediators),
    row("store", &[must("messageStore")], Inside::Data),
    row(
        "switch",
        &[must("source")],
        Inside::Only(&[
            ("case", "case"),
            ("default", "list"),
            ("description", "free"),
        ]),
    ),
    #[cfg(feature = "xsd")]
    row(
        "validate",
        &[],
        Inside::Only(&[
            ("schema", "keyed"),
            ("resource", "keyed"),
            ("feature", "free"),
            ("property", "free"),
            ("on-fail", "list"),
            ("description", "free"),
        ]),
    ),
];

/// Mediators without a row above that hold other mediators or endpoints; what the others hold is data.
pub(super) const HOLD_MORE: &[&str] = &[
    "cache",
    "entitlementService",
    "scatter-gather",
    "throttle",
    #[cfg(not(feature = "xsd"))]
    "validate",
];

/// Elements inside mediators and artifacts, by the name of their type.
pub(super) const PARTS: &[Row] = &[
    row("free", &[], Inside::Free),
    row("data", &[], Inside::Data),
    row("named", &[must("name")], Inside::Free),
    row(
        "conditionalRoute",
        &[may("breakRoute", Words(&["true", "false"]))],
        Inside::Only(&[("condition", "data"), ("target", "free")]),
    ),
    row("route", &[], Inside::Only(&[("target", "free")])),
    row(
        "rewriterule",
        &[],
        Inside::Only(&[("condition", "data"), ("action", "action")]),
    ),
    row(
        "action",
        &[
            may(
                "type",
                Words(&["set", "append", "prepend", "replace", "remove"]),
            ),
            may(
                "fragment",
                Words(&[
                    "protocol", "user", "host", "port", "path", "query", "ref", "full",
                ]),
            ),
        ],
        Inside::Data,
    ),
    row("with-param", &[must("name"), must("value")], Inside::Data),
    row(
        "enrichSource",
        &[
            may(
                "type",
                Words(&["custom", "envelope", "body", "property", "inline"]),
            ),
            may("clone", Words(&["true", "false"])),
        ],
        Inside::Data,
    ),
    row(
        "enrichTarget",
        &[
            may("type", Words(&["custom", "envelope", "body", "property"])),
            may("action", Words(&["replace", "child", "sibling"])),
        ],
        Inside::Data,
    ),
    row("keyed", &[must("key")], Inside::Free),
    row("list", &[], Inside::Mediators),
    row("case", &[must("regex")], Inside::Mediators),
    row(
        "target",
        &[],
        Inside::Only(&[
            ("endpoint", "endpoint"),
            ("inSequence", "list"),
            ("outSequence", "list"),
            ("faultSequence", "list"),
        ]),
    ),
    row(
        "resource",
        &[],
        Inside::Only(&[
            ("description", "free"),
            ("inSequence", "list"),
            ("outSequence", "list"),
            ("faultSequence", "list"),
            ("endpoint", "endpoint"),
        ]),
    ),
];

/// Artifacts whose inside the schema judges; the others are free, but for their names.
pub(super) const ARTIFACTS: &[Row] = &[
    row(
        "proxy",
        &[],
        Inside::OneAmong(
            "target",
            &[
                ("description", "free"),
                ("enableAddressing", "free"),
                ("enableRM", "free"),
                ("enableSec", "free"),
                ("parameter", "free"),
                ("policy", "free"),
                ("publishWSDL", "free"),
            ],
        ),
    ),
    row(
        "api",
        &[],
        Inside::Only(&[
            ("resource", "resource"),
            ("handlers", "free"),
            ("description", "free"),
        ]),
    ),
    row(
        "template",
        &[],
        Inside::Only(&[
            ("parameter", "named"),
            ("sequence", "sequence"),
            ("endpoint", "endpoint"),
            ("description", "free"),
        ]),
    ),
];
