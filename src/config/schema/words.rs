//! What each attribute and value of the endpoint language holds, in which dialect, and one sentence about it: the hover text of editors.
//!
//! Which attributes and children exist is said by [`vocabulary`](crate::config::endpoint::vocabulary) alone; a word without a row here is text
//! without a sentence, and a test names it.

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything.
    Text,
    /// A whole number from 0, or -1 for "not set".
    Number,
    /// A whole number from 0 or an expression in braces.
    NumberOrExpression,
    /// A number with a fraction.
    Factor,
    /// Error codes, separated by commas or blanks.
    Codes,
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of these words, in any case.
    AnyCase(&'static [&'static str]),
}

/// Who knows a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Both code bases.
    Both,
    /// The WSO2 fork alone.
    Wso2,
    /// Published pages and old versions; axon reads it.
    Axon,
}

/// A row: an attribute of an element, or with an empty attribute the element itself.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) element: &'static str,
    pub(super) attribute: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
    pub(super) who: Who,
    pub(super) doc: &'static str,
}

const fn word(
    element: &'static str,
    attribute: &'static str,
    kind: Kind,
    who: Who,
    doc: &'static str,
) -> Word {
    Word {
        element,
        attribute,
        kind,
        required: false,
        who,
        doc,
    }
}

const fn must(
    element: &'static str,
    attribute: &'static str,
    kind: Kind,
    doc: &'static str,
) -> Word {
    Word {
        element,
        attribute,
        kind,
        required: true,
        who: Who::Both,
        doc,
    }
}

use Kind::{AnyCase, Codes, Factor, Number, NumberOrExpression, Text, Words};
use Who::{Axon, Both, Wso2};

const SWITCH: Kind = Words(&["enable", "disable"]);
const FORMATS: Kind = AnyCase(&["soap11", "soap12", "pox", "get", "rest"]);
const OPTIMIZE: Kind = AnyCase(&["mtom", "swa"]);
const ADDRESSING: Kind = AnyCase(&["final", "submission"]);

/// Rows by element; `*` stands for every leaf.
pub(super) const WORDS: &[Word] = &[
    word(
        "endpoint",
        "",
        Text,
        Both,
        "Where messages go: one target, a group of endpoints, or a reference to another endpoint.",
    ),
    word(
        "endpoint",
        "name",
        Text,
        Both,
        "Name, by which others refer to it. A definition needs one; a child may do without.",
    ),
    word(
        "endpoint",
        "key",
        Text,
        Both,
        "Name of the endpoint that this one stands for. Beats a body.",
    ),
    word(
        "endpoint",
        "key-expression",
        Text,
        Both,
        "XPath on the message whose value is the name of the endpoint.",
    ),
    word(
        "endpoint",
        "template",
        Text,
        Both,
        "Name of the endpoint template that this endpoint is made from.",
    ),
    word(
        "endpoint",
        "uri",
        Text,
        Both,
        "Value of the template's parameter uri.",
    ),
    word(
        "endpoint",
        "onError",
        Text,
        Both,
        "Sequence that runs when sending failed for good.",
    ),
    word(
        "endpoint",
        "trace",
        SWITCH,
        Axon,
        "Some samples write it here; it belongs on the inner element.",
    ),
    word(
        "endpoint",
        "statistics",
        SWITCH,
        Axon,
        "Some samples write it here; it belongs on the inner element.",
    ),
    word("description", "", Text, Both, "Free text."),
    word("address", "", Text, Both, "One fixed target."),
    must(
        "address",
        "uri",
        Text,
        "URL of the target. ${name} is filled in from the message's property of that name.",
    ),
    word(
        "default",
        "",
        Text,
        Both,
        "The target is the one that the message names (its To).",
    ),
    word(
        "wsdl",
        "",
        Text,
        Both,
        "The target is the address of a port in a WSDL document.",
    ),
    word("wsdl", "uri", Text, Both, "Location of the document."),
    word("wsdl", "service", Text, Both, "Local name of the service."),
    word("wsdl", "port", Text, Both, "Local name of the port."),
    word(
        "wsdl",
        "endpoint",
        Text,
        Axon,
        "The port, by the name that it has in WSDL 2.0.",
    ),
    word(
        "http",
        "",
        Text,
        Wso2,
        "A target whose URL is made from a template for each message.",
    ),
    must(
        "http",
        "uri-template",
        Text,
        "URL with variables in braces (RFC 6570): the properties uri.var.NAME and query.param.NAME.",
    ),
    word(
        "http",
        "method",
        AnyCase(&["get", "post", "put", "delete", "head", "patch", "options"]),
        Wso2,
        "Method of what is sent. Unset: that of the message.",
    ),
    word(
        "http",
        "version",
        Words(&["1.1", "2.0", "auto"]),
        Wso2,
        "HTTP version to the back end; axon speaks 1.1.",
    ),
    word(
        "authentication",
        "",
        Text,
        Wso2,
        "What the endpoint proves itself by.",
    ),
    word("basicAuth", "", Text, Wso2, "User and password."),
    word(
        "oauth",
        "",
        Text,
        Wso2,
        "A token, which is fetched and kept.",
    ),
    word(
        "clientCredentials",
        "",
        Text,
        Wso2,
        "A token for client and secret.",
    ),
    word(
        "authorizationCode",
        "",
        Text,
        Wso2,
        "A token for the refresh token of an earlier authorization.",
    ),
    word(
        "passwordCredentials",
        "",
        Text,
        Wso2,
        "A token for user and password.",
    ),
    word("username", "", Text, Wso2, "User."),
    word("password", "", Text, Wso2, "Password."),
    word("tokenUrl", "", Text, Wso2, "Where tokens are fetched."),
    word("clientId", "", Text, Wso2, "Client."),
    word("clientSecret", "", Text, Wso2, "Secret of the client."),
    word(
        "refreshToken",
        "",
        Text,
        Wso2,
        "Token that gets new tokens.",
    ),
    word(
        "authMode",
        "",
        AnyCase(&["header", "payload"]),
        Wso2,
        "Whether client and secret go as Basic authentication or as parameters.",
    ),
    word(
        "requestParameters",
        "",
        Text,
        Wso2,
        "More parameters of the token request.",
    ),
    word(
        "customHeaders",
        "",
        Text,
        Wso2,
        "More header fields of the token request.",
    ),
    word(
        "proxyConfigs",
        "",
        Text,
        Wso2,
        "A proxy for the token request. axon does not use one yet.",
    ),
    word(
        "useGlobalProxyConfigs",
        "",
        Text,
        Wso2,
        "Whether the proxy of the server is used for the token request.",
    ),
    word(
        "connectionTimeout",
        "",
        Number,
        Wso2,
        "Milliseconds to connect to the token server.",
    ),
    word(
        "connectionRequestTimeout",
        "",
        Number,
        Wso2,
        "Without effect: axon has no pool for token servers.",
    ),
    word(
        "socketTimeout",
        "",
        Number,
        Wso2,
        "Milliseconds to the end of the answer of the token server.",
    ),
    word(
        "serverPushSequence",
        "",
        Text,
        Wso2,
        "Without effect: back ends are not asked over HTTP/2.",
    ),
    word(
        "*",
        "format",
        FORMATS,
        Both,
        "Form of what is sent. Unset: as it was received.",
    ),
    word(
        "*",
        "optimize",
        OPTIMIZE,
        Both,
        "How binary content travels.",
    ),
    word(
        "*",
        "encoding",
        Text,
        Both,
        "Character set of what is sent.",
    ),
    word(
        "*",
        "trace",
        SWITCH,
        Both,
        "Synapse's trace log; axon writes none.",
    ),
    word("*", "statistics", SWITCH, Both, "axon always counts."),
    word(
        "enableAddressing",
        "",
        Text,
        Both,
        "WS-Addressing headers are added to what is sent.",
    ),
    word(
        "enableAddressing",
        "version",
        ADDRESSING,
        Both,
        "WS-Addressing 1.0 (final, the default) or the submission of August 2004.",
    ),
    word(
        "enableAddressing",
        "separateListener",
        Text,
        Both,
        "true: the answer comes to a listener of its own. Not supported yet.",
    ),
    word(
        "enableSec",
        "",
        Text,
        Both,
        "Message security. axon refuses it rather than to send unprotected.",
    ),
    word("enableRM", "", Text, Both, "Read by nobody any more."),
    word(
        "timeout",
        "",
        Text,
        Both,
        "How long to wait for an answer, and what then.",
    ),
    word(
        "duration",
        "",
        NumberOrExpression,
        Both,
        "Milliseconds from the start of sending to the head of the answer.",
    ),
    word(
        "responseAction",
        "",
        AnyCase(&["discard", "fault", "never", "none"]),
        Both,
        "fault runs the fault handlers, discard drops the request.",
    ),
    word(
        "action",
        "",
        AnyCase(&["discard", "fault", "never", "none"]),
        Axon,
        "The old name of responseAction.",
    ),
    word(
        "markForSuspension",
        "",
        Text,
        Both,
        "Errors that are tolerated a number of times before they suspend.",
    ),
    word(
        "suspendOnFailure",
        "",
        Text,
        Both,
        "Errors that suspend the endpoint, and for how long.",
    ),
    word(
        "suspendDurationOnFailure",
        "",
        Number,
        Both,
        "Seconds. The old way to write suspendOnFailure with a fixed length.",
    ),
    word(
        "errorCodes",
        "",
        Codes,
        Both,
        "Error codes such as 101503, 101504; -1 stands for none at all.",
    ),
    word(
        "retriesBeforeSuspension",
        "",
        Number,
        Both,
        "How many such errors are tolerated.",
    ),
    word(
        "retryDelay",
        "",
        Number,
        Both,
        "Milliseconds that the endpoint rests after each tolerated error.",
    ),
    word(
        "initialDuration",
        "",
        Number,
        Both,
        "Milliseconds of the first suspension. Unset: 30000.",
    ),
    word(
        "progressionFactor",
        "",
        Factor,
        Both,
        "Each suspension is so many times as long as the one before. Unset: 1.0.",
    ),
    word(
        "maximumDuration",
        "",
        Number,
        Both,
        "Milliseconds of the longest suspension. Unset: no end.",
    ),
    word(
        "retryConfig",
        "",
        Text,
        Both,
        "After which errors the group may try another child.",
    ),
    word(
        "disabledErrorCodes",
        "",
        Codes,
        Both,
        "After these it may not.",
    ),
    word(
        "enabledErrorCodes",
        "",
        Codes,
        Wso2,
        "Only after these it may.",
    ),
    word(
        "failover",
        "",
        Text,
        Both,
        "The first child that is ready gets the message; when it fails, the next.",
    ),
    word(
        "failover",
        "dynamic",
        AnyCase(&["true", "false", "yes", "no", "1", "0"]),
        Both,
        "true: go back to an earlier child when it is well again. false: stay.",
    ),
    word(
        "failover",
        "buildMessage",
        AnyCase(&["true", "false", "yes", "no", "1", "0"]),
        Wso2,
        "Not needed: axon keeps the bytes that a second try needs.",
    ),
    word(
        "loadbalance",
        "",
        Text,
        Both,
        "One of the children gets the message, chosen by an algorithm or by the session.",
    ),
    word(
        "loadbalance",
        "algorithm",
        Text,
        Both,
        "Java class or short name of the algorithm. Unset: round robin.",
    ),
    word(
        "loadbalance",
        "policy",
        Text,
        Both,
        "The old way to name the algorithm; roundRobin alone.",
    ),
    word(
        "loadbalance",
        "failover",
        AnyCase(&["true", "false"]),
        Both,
        "false: a failed message goes to no other child.",
    ),
    word(
        "loadbalance",
        "buildMessage",
        AnyCase(&["true", "false", "yes", "no", "1", "0"]),
        Wso2,
        "Not needed: axon keeps the bytes that a second try needs.",
    ),
    word(
        "dynamicLoadbalance",
        "",
        Text,
        Both,
        "Load balancing over members that are found at run time.",
    ),
    word(
        "serviceDynamicLoadbalance",
        "",
        Text,
        Both,
        "Load balancing over members that are found at run time, by service.",
    ),
    word(
        "recipientlist",
        "",
        Text,
        Both,
        "Every child gets a copy of the message.",
    ),
    word("class", "", Text, Both, "Java code. axon does not run it."),
    must("class", "name", Text, "Name of the class."),
    word(
        "membershipHandler",
        "",
        Text,
        Both,
        "Where the members come from.",
    ),
    word(
        "membershipHandler",
        "class",
        Text,
        Both,
        "static, dns or file; a Java class for Synapse, with ax:provider for axon.",
    ),
    word(
        "dynamicLoadbalance",
        "policy",
        Text,
        Both,
        "Old name of algorithm.",
    ),
    word(
        "dynamicLoadbalance",
        "algorithm",
        Text,
        Both,
        "How a member is chosen.",
    ),
    word(
        "dynamicLoadbalance",
        "failover",
        AnyCase(&["true", "false"]),
        Both,
        "Whether a message goes on to another member.",
    ),
    word(
        "serviceDynamicLoadbalance",
        "policy",
        Text,
        Both,
        "Old name of algorithm.",
    ),
    word(
        "serviceDynamicLoadbalance",
        "algorithm",
        Text,
        Both,
        "How a member is chosen.",
    ),
    word(
        "serviceDynamicLoadbalance",
        "failover",
        AnyCase(&["true", "false"]),
        Both,
        "Without effect: a message goes on to another member.",
    ),
    word(
        "serviceDynamicLoadbalance",
        "configuration",
        Text,
        Both,
        "A file with the services. axon does not read it yet.",
    ),
    word("loadBalancerConfig", "", Text, Both, "The services."),
    word("services", "", Text, Both, "The services."),
    word(
        "service",
        "",
        Text,
        Both,
        "A group of members for the hosts that it names.",
    ),
    word("hosts", "", Text, Both, "The hosts of the service."),
    word("domain", "", Text, Both, "Name of the group of members."),
    word(
        "endpoints",
        "",
        Text,
        Both,
        "Addresses instead of children.",
    ),
    must(
        "endpoints",
        "value",
        Text,
        "Addresses separated by commas, or an expression in braces.",
    ),
    word(
        "endpoints",
        "max-cache",
        Number,
        Both,
        "Of how many addresses the states are remembered.",
    ),
    word(
        "member",
        "",
        Text,
        Both,
        "A server of the group; path and query come from the message.",
    ),
    must(
        "member",
        "hostName",
        Text,
        "Host name or address, without port.",
    ),
    word(
        "member",
        "httpPort",
        Number,
        Both,
        "Port for messages that came over http.",
    ),
    word(
        "member",
        "httpsPort",
        Number,
        Both,
        "Port for messages that came over https.",
    ),
    word(
        "session",
        "",
        Text,
        Both,
        "A client stays with the child that answered first.",
    ),
    must(
        "session",
        "type",
        AnyCase(&["http", "simpleClientSession", "soap"]),
        "How a client is known: a cookie, the SOAP header ClientID, or Axis2's ServiceGroupId.",
    ),
    word(
        "sessionTimeout",
        "",
        Number,
        Both,
        "Milliseconds without use after which a session ends.",
    ),
    word(
        "cookie",
        "",
        Text,
        Axon,
        "Name of a cookie that is a session's, in place of the usual ones.",
    ),
    word(
        "property",
        "",
        Text,
        Both,
        "A property that is set on the message when it is sent.",
    ),
    must("property", "name", Text, "Name of the property."),
    word("property", "value", Text, Both, "Fixed value."),
    word(
        "property",
        "expression",
        Text,
        Both,
        "XPath on the message that gives the value.",
    ),
    word(
        "property",
        "scope",
        Text,
        Both,
        "default: message property; transport: HTTP header field; axis2, axis2-client: transport settings.",
    ),
    word(
        "parameter",
        "",
        Text,
        Both,
        "Value of a parameter of the template.",
    ),
    must("parameter", "name", Text, "Name of the parameter."),
    word("parameter", "value", Text, Both, "Its value."),
];

/// The row of an attribute, or of an element when the attribute is empty.
pub(super) fn row(element: &str, attribute: &str) -> Option<&'static Word> {
    let exact = WORDS
        .iter()
        .find(|w| w.element == element && w.attribute == attribute);
    exact.or_else(|| {
        let any = |w: &&Word| w.element == "*" && w.attribute == attribute && !attribute.is_empty();
        WORDS.iter().find(any)
    })
}
