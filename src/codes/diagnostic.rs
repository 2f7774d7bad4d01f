//! Configuration diagnostics. Numbering: AX01xx XML, 02xx structure, 03xx references, 04xx values and units,
//! 05xx substitution, 06xx WSDL, 07xx security, 09xx intent. Numbers are never reused.

use std::fmt;

/// One row of [`DIAGNOSTICS`].
#[derive(Debug)]
pub struct DiagnosticText {
    /// The code.
    pub code: DiagnosticCode,
    /// One sentence for people.
    pub text: &'static str,
    /// What to do.
    pub help: &'static str,
}

macro_rules! diagnostics {
    ($($id:ident = $code:literal, $text:literal, $help:literal;)*) => {
        /// A diagnostic's stable code; prints as `AX0301`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum DiagnosticCode {
            $(#[doc = $text] $id = $code,)*
        }
        /// Every diagnostic with its meaning and advice, ascending.
        pub const DIAGNOSTICS: &[DiagnosticText] = &[
            $(DiagnosticText { code: DiagnosticCode::$id, text: $text, help: $help },)*
        ];
    };
}

diagnostics! {
    Malformed = 101, "the file is not well-formed XML", "correct the syntax at the given place";
    UnknownRoot = 102, "the root element is not a configuration element", "use definitions, endpoint, sequence or another artifact in the Synapse namespace";
    DoctypeRefused = 103, "the file has a document type declaration", "remove the DOCTYPE; entities and external subsets are never read";
    TooDeep = 104, "elements are nested more than 256 deep", "flatten the configuration";
    BadEncoding = 105, "the file's bytes are not text in the encoding that it declares", "save the file as UTF-8, UTF-16 or ISO-8859-1 and declare that";
    MissingNamespace = 106, "an element is not in the Synapse namespace", "add xmlns=\"http://ws.apache.org/ns/synapse\" to the root element";
    TrailingContent = 107, "there is content after the root element", "remove it; it is not read";
    FileTooLarge = 108, "the file is larger than 16 MiB", "split the configuration into one file per artifact";
    TooManyFiles = 109, "there are more than 10,000 files", "name a folder that holds only configuration";
    Unreadable = 110, "the file cannot be read", "check the path and its permissions";
    SettingsMalformed = 111, "the settings file is not valid TOML", "correct the syntax at the given place";
    NoConfiguration = 112, "nothing was found to load", "name a file with definitions or an endpoint, or a folder that holds such files";
    GatewayNamespace = 113, "gateway-config is in a namespace that no release of the gateway has", "write xmlns=\"http://xmlns.kaazing.org/2016/06/gateway\"";
    NotSupportedYet = 201, "a part of the language that this version does not run", "the artifact answers with a fault that names this place";
    UnknownElement = 202, "an element that is not part of the language", "check the spelling; Synapse ignores it silently";
    UnknownAttribute = 203, "an attribute that is not part of the language", "check the spelling; Synapse ignores it silently";
    MissingAttribute = 204, "a required attribute is missing", "add the attribute";
    MissingName = 205, "a top-level artifact has no name", "add a name attribute";
    NoEndpointKind = 206, "the endpoint says nothing about where to send", "put one of address, default, loadbalance or failover inside, or refer to another endpoint with key";
    EmptyGroup = 207, "the group has no children", "list at least one endpoint";
    MixedChildren = 208, "the group has both endpoint and member children", "use one of the two";
    DuplicateElement = 209, "an element is given twice where one is read", "keep one; the first one counts";
    ConflictingAttributes = 210, "two attributes exclude each other", "keep one of them";
    NoEffect = 211, "something is written that has no effect here", "remove it, or see what takes its place";
    UnknownMediator = 212, "an element that is no mediator stands in a sequence", "correct the name, or the namespace";
    BadMediator = 213, "a mediator lacks a setting, or has one that it cannot have", "see the mediator's reference";
    MissingElement = 214, "a required element is missing", "add the element";
    OldSpelling = 215, "an old word, or one that published pages spell otherwise than Synapse reads it", "axon fmt --upgrade rewrites it";
    JavaEndpoint = 219, "the endpoint is a Java class", "use address, key-expression, recipientlist, or loadbalance with an algorithm; until then the endpoint answers with a fault that names this place";
    ElementOrder = 220, "an element stands behind one that it has to stand before", "put the elements in the order that the message gives";
    UnknownServiceType = 221, "no type of service has that name", "use one of the names in the message";
    BadServiceShape = 222, "a service lacks an element that its type needs, or has one that it cannot have", "see the type's reference";
    DuplicateName = 301, "a name is defined twice", "rename or remove one of the two";
    DuplicateKey = 302, "the same key is used twice among siblings", "remove one of the two";
    UnresolvedKey = 303, "a key names an endpoint that is not defined", "define the endpoint, or correct the key; until then sending to it fails with 305100";
    KeyCycle = 304, "endpoint references lead back to themselves, or groups nest deeper than 32", "break the circle; sending through it fails with 305100";
    UnknownSequence = 305, "a sequence that is referred to does not exist", "define it, or correct the key; a message that gets there fails";
    UnresolvedTemplate = 306, "a template that is used is not defined", "define the template, or correct its name; until then sending to the endpoint fails with 305100, and calling the template fails";
    UnknownEntry = 309, "no local entry has this key", "define a localEntry of that key; publishWSDL does not read the registry";
    AcceptedTwice = 320, "two services accept the same URI", "give one of the two another path, host or port";
    AddressClash = 321, "an address is used in clear and inside TLS", "give the clear and the TLS URIs different ports";
    BalanceMismatch = 322, "the balance URI of a service differs from its accept URI in more than the host", "give both the same scheme, port and path";
    NoBalancer = 323, "a balance URI is accepted by no balancer of the file", "add a balancer that accepts exactly this URI, or correct the balance element";
    OrphanedBalancer = 324, "no balance URI points to this accept URI of a balancer", "add a balance element with exactly this URI to the services that share the load";
    UnknownRealm = 325, "a realm that is referred to does not exist", "define it in security, or correct the name";
    RealmWithoutRoles = 326, "a service has a realm and does not say which of its users may use it", "add <authorization-constraint><require-role>NAME</require-role></authorization-constraint>, with * for every user";
    AddressUnusable = 327, "an address cannot be listened on", "see what uses the port, or correct the address; what was open before stays open";
    BadNumber = 401, "a number was expected", "write digits only; durations are in milliseconds";
    NegativeNumber = 402, "the number may not be negative", "use zero or more";
    BadValue = 403, "the value is not one of those possible here", "use one of the values in the message";
    BadAddress = 404, "the address is not a usable URL", "write http://host:port/path or https://host:port/path";
    UnsupportedScheme = 405, "the address needs a transport that axon does not have", "axon sends over http and https; the endpoint answers with a fault that names this place";
    UnknownAlgorithm = 406, "no balancing algorithm has that name", "use one of the names that the message lists, or the Java class name of one that Synapse has";
    BadWeight = 407, "the weight is not a whole number above zero", "correct the property loadbalance.weight";
    UnknownSetting = 408, "the settings file has a key that axon does not know", "check the spelling";
    BadSetting = 409, "a setting has a value of the wrong kind", "see the message for what is expected";
    BadExpression = 410, "an expression is not valid XPath", "correct it at the given place";
    BadRegex = 411, "a regular expression is not valid", "correct it at the given place";
    DoubtfulExpression = 412, "an expression uses a prefix, a function or a variable that does not exist", "declare the prefix on the element or around it, or correct the name; until then a message that gets there fails";
    UnknownProvider = 413, "nothing finds members by that name", "use static, dns or file";
    GatewayUri = 420, "a URI of a gateway-config cannot be used", "write scheme://host:port/path";
    GatewayValue = 421, "a value of a gateway-config is not one of those possible here", "see the message for what is expected";
    ClusterAddress = 422, "an address of the cluster cannot be one of a member", "write tcp://IP:PORT with an address of this machine for accept, and of each member for connect";
    Unresolved = 501, "a placeholder cannot be filled in", "define what it names, or give a default: ${env.NAME:-value}";
    WsdlMissing = 601, "the WSDL endpoint has neither a uri nor a definition inside", "add uri=\"file:...\" or uri=\"http://...\", or put the definition inside the wsdl element";
    WsdlUnreadable = 602, "the WSDL document cannot be read", "check the path or URL; a relative path starts from the file's folder, the configuration root or the working directory";
    WsdlImport = 603, "an import of the WSDL was left out", "the rest of the definition is used; place the import where the WSDL says";
    WsdlService = 604, "the WSDL has no such service", "use one of the names in the message";
    WsdlPort = 605, "the service has no such port", "use one of the names in the message";
    WsdlAddress = 606, "the port of the WSDL leads to no usable address", "axon sends over http and https, as SOAP 1.1, SOAP 1.2 or plain HTTP; choose another port, or use address";
    WsdlPending = 607, "the WSDL document could not be fetched yet", "the endpoint is not ready (303001) until it can be; it is fetched again in the background";
    SecurityMissing = 701, "the endpoint asks for message security, which axon does not have", "messages would go out unprotected: remove enableSec and protect the connection with https";
    TlsFile = 702, "a certificate, key or authority file cannot be used", "see the message for what the file should hold";
    TlsKeyMismatch = 703, "a private key does not belong to its certificate", "use the key that the certificate was requested with";
    TlsCertificateTime = 704, "a certificate is over, not valid yet, or over within 14 days", "replace the file; it is taken without a restart";
    UnknownTlsProfile = 705, "a TLS profile that is referred to does not exist", "check the spelling; profiles are [tls.NAME] sections of axon.toml";
    TlsIncomplete = 706, "a TLS profile lacks what its use needs, or contradicts itself", "see the message for the setting to add";
    TlsNotVerified = 707, "a TLS profile does not verify servers", "name the authority with ca instead of verify = false";
    TlsNames = 708, "a certificate is for no name, or for a name that another one has", "have it made with the names that clients use (subjectAltName)";
    NoKeystore = 720, "a service is to speak TLS and there is no certificate", "name a keystore in security";
    Keystore = 721, "a keystore, truststore or password file cannot be used", "see the message for what the file should hold";
    Users = 722, "a file of users (jaas-config) cannot be used, or a user in it cannot log in", "see the message for what the file should hold";
    OpenService = 723, "roles are asked for and nobody is asked who he is", "add realm-name in front of the authorization-constraint";
    FailoverIgnored = 901, "failover is written on a session-affine group, where it does not apply", "make the children failover groups to fail over inside a session";
    ShrinkingSuspension = 902, "each suspension is shorter than the one before", "use a progressionFactor of 1 or more";
    LoneSuspension = 903, "an endpoint without alternative is suspended for long", "put it into a failover group, shorten maximumDuration, or write errorCodes -1 to never suspend it";
    TimeoutNeverFires = 904, "a timeout never ends anything because another one always does before", "remove it, or make it the shorter one";
    MaximumBelowInitial = 905, "the longest suspension is shorter than the first", "write initialDuration first, then a maximumDuration that is not below it";
    SameTargetTwice = 906, "the same target is in a group twice", "remove one of the two; a larger share is what loadbalance.weight is for";
    UnreachableChild = 907, "no message ever gets to a child of a failover group", "let an earlier child be suspended (suspendOnFailure) or left (retryConfig), or remove this one";
    SessionWithoutHttp = 908, "a session of type http cannot bind clients to a WebSocket child", "use children with http addresses";
    RequestMayRunTwice = 909, "a request that is not answered in time is sent to another child and may run twice", "write ax:retryNonIdempotent=\"false\" on the group to forbid it, or \"true\" to say that it is wanted";
    PlainChildOfSession = 910, "a plain endpoint among failover groups takes its sessions down with it", "make it a failover group with a spare, or set ax:onUnavailable=\"rebind\" on the session";
    UnknownErrorCode = 911, "a list names an error code that axon and Synapse never report", "see axon explain-code; a code of a mediator of your own needs no attention";
}

impl DiagnosticCode {
    /// True for the codes about intent (AX09xx).
    pub fn is_lint(self) -> bool {
        (900..1000).contains(&(self as u16))
    }

    /// The row of this code.
    pub fn row(self) -> &'static DiagnosticText {
        // The macro makes one row per variant, in the variants' ascending order.
        let at = DIAGNOSTICS.partition_point(|row| row.code < self);
        &DIAGNOSTICS[at]
    }
}

impl fmt::Display for DiagnosticCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AX{:04}", *self as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_every_row_has_text_and_help() {
        assert!(DIAGNOSTICS.windows(2).all(|w| w[0].code < w[1].code));
        for row in DIAGNOSTICS {
            assert!(!row.text.is_empty() && !row.help.is_empty(), "{}", row.code);
            assert!(!row.text.ends_with('.'), "{}", row.code);
        }
    }

    #[test]
    fn a_code_finds_its_own_row_and_prints_four_digits() {
        assert_eq!(
            DiagnosticCode::DuplicateName.row().code,
            DiagnosticCode::DuplicateName
        );
        assert_eq!(DiagnosticCode::DuplicateName.to_string(), "AX0301");
    }
}
