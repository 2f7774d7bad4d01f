//! What axon does otherwise than the originals, as far as a file shows it: rows of `docs/differences.md`, with what they look like.
//!
//! The texts are those of the document, word for word; a test keeps the two together.

use roxmltree::Node;

use crate::config::{AXON_NS, SYNAPSE_NS};

/// One row.
#[derive(Debug)]
pub struct Difference {
    /// What the original does.
    pub original: &'static str,
    /// What axon does.
    pub axon: &'static str,
    /// Whether an element of the Synapse namespace is concerned.
    applies: fn(&Node<'_, '_>) -> bool,
}

/// The rows, in the order of the document.
pub const DIFFERENCES: &[Difference] = &[
    row(
        "a `duration` without an action leaves the client without an answer",
        "counts as `fault`",
        |n| {
            is(n, "timeout") && has(n, "duration") && !has(n, "responseAction") && !has(n, "action")
        },
    ),
    row(
        "`responseAction` `discard` leaves the client without an answer",
        "504 with an empty body; the endpoint's state changes",
        |n| {
            (is(n, "responseAction") || is(n, "action"))
                && n.text().is_some_and(|t| t.trim() == "discard")
        },
    ),
    row(
        "a group may send one message to the same child for ever",
        "each child at most once for a message; then 303201",
        |n| is(n, "loadbalance") || is(n, "failover"),
    ),
    row(
        "members lose the query, double the path and get `:-1` for a port",
        "path and query of the request",
        |n| is(n, "member"),
    ),
    row(
        "a WSDL endpoint is suspended only as the child of a group",
        "the same states as any endpoint",
        |n| is(n, "wsdl") && n.attribute("service").is_some(),
    ),
    row(
        "an error of a request without a `faultSequence` leaves the client without an answer",
        "the sequence `fault`, then a fault",
        |n| is(n, "target") && in_proxy(n) && !part(n, "faultSequence"),
    ),
    row(
        "an `inSequence` that sends and goes on makes the endpoint send again",
        "the message is sent once",
        |n| {
            is(n, "target")
                && in_proxy(n)
                && part(n, "endpoint")
                && child(n, "inSequence").is_some_and(|s| s.descendants().any(|d| is(&d, "send")))
        },
    ),
    row(
        "a service of `https` alone answers over http too",
        "a fault: there is no such service",
        |n| {
            is(n, "proxy")
                && n.attribute("transports")
                    .is_some_and(|t| t.trim() == "https")
        },
    ),
    row(
        "a WSDL is generated anew from the given one",
        "the given one with addresses, service name and imports replaced",
        |n| is(n, "publishWSDL"),
    ),
    row(
        "messages that are none of the WSDL's operations are refused",
        "they go on",
        |n| is(n, "publishWSDL"),
    ),
    row(
        "`rewrite` with `replace` on the whole URL keeps the replacement alone (recorded)",
        "it replaces inside the URL",
        |n| {
            is(n, "action")
                && n.attribute("type") == Some("replace")
                && matches!(n.attribute("fragment"), None | Some("full"))
        },
    ),
    row(
        "a request that no resource takes is answered 202",
        "404, 405 with `Allow`, 415",
        |n| is(n, "api"),
    ),
    row(
        "overlapping contexts and templates are tried in the order of a hash table",
        "the longest context, templates in the order of the file",
        |n| {
            is(n, "api")
                && n.children()
                    .filter(|r| r.attribute("uri-template").is_some())
                    .count()
                    > 1
        },
    ),
    row(
        "a `uri-template` is compared with path and query as one text",
        "the path, and each parameter of the template wherever it stands",
        |n| is(n, "resource") && n.attribute("uri-template").is_some_and(|t| t.contains('?')),
    ),
    row(
        "`http` affinity with fixed children never matches",
        "it does",
        |n| is(n, "session") && n.attribute("type") == Some("http"),
    ),
    row(
        "a session ends at a fixed time after its beginning",
        "use extends it (sliding)",
        |n| is(n, "session") && n.attribute((AXON_NS, "expiry")) != Some("fixed"),
    ),
    row(
        "a recipient list over the pass-through transport sends nothing (recorded)",
        "each ready recipient gets a copy",
        |n| is(n, "recipientlist"),
    ),
    row(
        "an aggregate that lacks an answer waits for ever, and one with `correlateOn` never completes (recorded)",
        "it ends when no more can come; `correlateOn` goes by the value",
        |n| is(n, "aggregate"),
    ),
    row(
        "`format=\"get\"` sends a GET with a form as its body, first level only",
        "the query of the URL, all levels",
        |n| n.attribute("format") == Some("get"),
    ),
    row(
        "registry files are read when a message needs them",
        "read when the configuration is loaded; a change is a reload, at most `cachableDuration` later",
        |n| is(n, "registry"),
    ),
];

const fn row(
    original: &'static str,
    axon: &'static str,
    applies: fn(&Node<'_, '_>) -> bool,
) -> Difference {
    Difference {
        original,
        axon,
        applies,
    }
}

/// The rows that concern an element.
pub fn of(node: &Node<'_, '_>) -> impl Iterator<Item = &'static Difference> {
    DIFFERENCES.iter().filter(|row| (row.applies)(node))
}

fn is(node: &Node<'_, '_>, name: &str) -> bool {
    let tag = node.tag_name();
    node.is_element() && tag.name() == name && matches!(tag.namespace(), None | Some(SYNAPSE_NS))
}

fn child<'a, 'i>(node: &Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|c| is(c, name))
}

fn has(node: &Node<'_, '_>, name: &str) -> bool {
    child(node, name).is_some()
}

/// A part of a target, by key or inside.
fn part(node: &Node<'_, '_>, name: &str) -> bool {
    node.attribute(name).is_some() || has(node, name)
}

fn in_proxy(node: &Node<'_, '_>) -> bool {
    node.parent().is_some_and(|p| is(&p, "proxy"))
}
