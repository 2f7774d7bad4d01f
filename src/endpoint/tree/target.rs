//! Where a leaf sends to: an address taken apart once, at load.

use std::borrow::Cow;
use std::sync::Arc;

use super::wsdl::WsdlTarget;
use crate::config::uri_template::{Template, decode_percent, percent};
use crate::transport::target::Target as Authority;
use crate::transport::tls::ClientTls;

/// The target of a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `address` without placeholders.
    Fixed(Address),
    /// `address` with `${property}` placeholders; expanded per message, then taken apart.
    Template(Arc<[Part]>),
    /// `http`: a URI template, expanded per message, then taken apart.
    Http(Arc<HttpTarget>),
    /// `member`: scheme of the incoming message, path and query of its target.
    Member(Member),
    /// `wsdl`: the address of a port, once its document is known.
    Wsdl(Arc<WsdlTarget>),
    /// `default`: the message's own target.
    Message,
}

/// An address taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Scheme, host and port; what the `Host` field says has host and port as written, without user and password.
    pub target: Arc<Authority>,
    /// From the first `/` on, without fragment; at least `/`.
    pub path_and_query: Arc<str>,
}

/// A piece of an address text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// As it stands.
    Literal(Arc<str>),
    /// The value of a message property; without one the placeholder stays as it stands.
    Property(Arc<str>),
}

/// `http` (spec/endpoints.md 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTarget {
    template: Template,
    /// The values are encoded already.
    legacy: bool,
    /// Without variables: the address.
    fixed: Option<Address>,
    /// The method to send, when the endpoint sets one.
    pub method: Option<Box<str>>,
}

impl HttpTarget {
    /// From a definition; `None` when a template without variables is no http URL.
    pub fn new(template: Template, legacy: bool, method: Option<&str>) -> Option<Self> {
        let constant = template.variables().next().is_none();
        let fixed = constant
            .then(|| Address::parse(&template.expand(|_| None)))
            .map(|address| address.ok_or(()))
            .transpose()
            .ok()?;
        Some(Self {
            template,
            legacy,
            fixed,
            method: method.map(Box::from),
        })
    }

    /// The address, when it is the same for all messages.
    pub fn fixed(&self) -> Option<&Address> {
        self.fixed.as_ref()
    }

    /// The URL for a message with those values; an error names the variable that is missing.
    ///
    /// The newer code base sends the template as it stands when a message has no value at all. That is no URL while a
    /// variable of the path is in it, so it is refused here; a query without values is just left out.
    pub fn expand<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Result<String, String> {
        if self.template.variables().all(|name| value(name).is_none())
            && let Some(missing) = self.template.path_variables().next()
        {
            return Err(format!(
                "uri-template \"{}\" has no value: set the property {missing} before the message is sent",
                self.template.text()
            ));
        }
        if !self.legacy {
            return Ok(self.template.expand(|name| value(name).map(Cow::Borrowed)));
        }
        let decoded = |name: &str| value(name).map(|text| Cow::Owned(decode_percent(text)));
        Ok(legacy_url(&decode_percent(&self.template.expand(decoded))))
    }
}

/// A decoded URL with what may not stand in it encoded again, part by part; a `%` is always such a character.
fn legacy_url(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let authority_end = text.find("://").map_or(0, |at| {
        let rest = &text[at + 3..];
        at + 3 + rest.find(['/', '?', '#']).unwrap_or(rest.len())
    });
    let (mut query, mut fragment) = (false, false);
    for (at, c) in text.char_indices() {
        let divides = match c {
            '?' if !query && !fragment => {
                query = true;
                true
            }
            '#' if !fragment => {
                fragment = true;
                true
            }
            _ => false,
        };
        let legal = c.is_ascii_alphanumeric()
            || "-._~!$&'()*+,;=:@/".contains(c)
            || c == '?' && (query || fragment)
            // Brackets stand around an IPv6 address.
            || "[]".contains(c) && at < authority_end;
        if divides || legal {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                percent(&mut out, byte);
            }
        }
    }
    out
}

/// A `member`: both ports resolved (spec/endpoints.md 12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// For messages that came in on http.
    pub http: Address,
    /// For messages that came in on https.
    pub https: Address,
}

impl Target {
    /// Takes an `address` apart; `None` when it is no http or https address.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let parts = parts(text);
        if parts.iter().any(|part| matches!(part, Part::Property(_))) {
            return Some(Self::Template(parts.into()));
        }
        Address::parse(text).map(Self::Fixed)
    }

    /// A `member`. A missing port is the other scheme's when that one is given, else the scheme's own.
    pub fn member(host: &str, http_port: Option<u16>, https_port: Option<u16>) -> Self {
        let address = |https: bool, own: Option<u16>, other: Option<u16>| {
            let port = own.or(other).unwrap_or(if https { 443 } else { 80 });
            Address {
                target: Arc::new(Authority::new(https, host, port)),
                path_and_query: "/".into(),
            }
        };
        Self::Member(Member {
            http: address(false, http_port, https_port),
            https: address(true, https_port, http_port),
        })
    }

    /// The same targets, with https protected so.
    pub fn protected(self, tls: &Arc<ClientTls>) -> Self {
        match self {
            Self::Fixed(address) => Self::Fixed(address.protected(tls)),
            Self::Member(member) => Self::Member(Member {
                http: member.http,
                https: member.https.protected(tls),
            }),
            Self::Http(http) => Self::Http(Arc::new(HttpTarget {
                fixed: http.fixed.clone().map(|address| address.protected(tls)),
                ..Arc::unwrap_or_clone(http)
            })),
            // What a message makes of these is protected when it is known.
            other @ (Self::Wsdl(_) | Self::Template(_) | Self::Message) => other,
        }
    }

    /// Name of the kind of leaf, for people.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Fixed(_) | Self::Template(_) => "address",
            Self::Member(_) => "member",
            Self::Wsdl(_) => "wsdl",
            Self::Message => "default",
            Self::Http(_) => "http",
        }
    }

    /// Host and port, when they are known before a message is.
    pub fn authority(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Fixed(address) => Some(Cow::Borrowed(&address.target.authority)),
            Self::Member(member) => Some(Cow::Borrowed(&member.http.target.authority)),
            Self::Wsdl(wsdl) => {
                let known = wsdl.current()?;
                Some(Cow::Owned(known.address.target.authority.to_string()))
            }
            Self::Http(http) => Some(Cow::Borrowed(&http.fixed()?.target.authority)),
            Self::Template(_) | Self::Message => None,
        }
    }

    /// The WSDL behind it, when there is one.
    pub fn wsdl(&self) -> Option<&WsdlTarget> {
        match self {
            Self::Wsdl(wsdl) => Some(wsdl),
            _ => None,
        }
    }

    /// Why nothing can be sent there yet, whatever the endpoint's state.
    pub fn not_ready(&self) -> Option<String> {
        self.wsdl()?.not_ready()
    }

    /// False while it is not known where to send.
    pub fn is_known(&self) -> bool {
        match self {
            Self::Wsdl(wsdl) => wsdl.is_known(),
            _ => true,
        }
    }

    /// The target in one line, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Fixed(address) => address.to_string(),
            Self::Template(parts) => expand(parts, |_| None),
            Self::Http(http) => http.template.text().to_owned(),
            Self::Member(member) if member.http.target.port == member.https.target.port => {
                format!("//{}", member.http.target.authority)
            }
            Self::Member(member) => {
                let (http, https) = (&member.http.target, &member.https.target);
                format!("//{} (https: {})", http.authority, https.port)
            }
            Self::Wsdl(wsdl) => wsdl.describe(),
            Self::Message => "the message's To".to_owned(),
        }
    }
}

impl Address {
    /// Takes an absolute http or https address apart, or the path of a service of this process: `local://services/NAME`, or
    /// with a host, `local://localhost/services/NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if scheme.eq_ignore_ascii_case("local") {
            return Self::here(rest);
        }
        let https = match scheme {
            s if s.eq_ignore_ascii_case("http") => false,
            s if s.eq_ignore_ascii_case("https") => true,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let authority = authority.rsplit('@').next().unwrap_or(authority);
        let (host, port) = if let Some(v6) = authority.strip_prefix('[') {
            let (host, after) = v6.split_once(']')?;
            (
                host,
                after.strip_prefix(':').or(after.is_empty().then_some("")),
            )
        } else if let Some((host, port)) = authority.split_once(':') {
            (host, Some(port))
        } else {
            (authority, Some(""))
        };
        let port = match port? {
            "" => {
                if https {
                    443
                } else {
                    80
                }
            }
            digits => digits.parse().ok().filter(|p| *p > 0)?,
        };
        if host.is_empty() || authority.contains(char::is_whitespace) {
            return None;
        }
        let tail = tail.split('#').next().unwrap_or("");
        let slash = if tail.starts_with('/') { "" } else { "/" };
        let authority = authority.strip_suffix(':').unwrap_or(authority);
        Some(Self {
            target: Arc::new(Authority::with_authority(https, host, port, authority)),
            path_and_query: format!("{slash}{tail}").into(),
        })
    }
}

impl Address {
    fn here(rest: &str) -> Option<Self> {
        let path = rest.split('#').next().unwrap_or_default();
        let (host, behind) = path.split_once('/')?;
        let services = if host == "services" { "/services" } else { "" };
        (!path.contains(char::is_whitespace)).then(|| Self {
            target: Arc::new(Authority::here()),
            path_and_query: format!("{services}/{behind}").into(),
        })
    }

    /// The same address, with https protected so.
    pub fn protected(mut self, tls: &Arc<ClientTls>) -> Self {
        if self.target.https {
            let target = Arc::unwrap_or_clone(self.target);
            self.target = Arc::new(target.with_tls(tls.clone()));
        }
        self
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.target, self.path_and_query)
    }
}

/// The address text with property values in place; a property without a value leaves its placeholder (spec 4.1).
pub fn expand(parts: &[Part], mut property: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Property(name) => match property(name) {
                Some(value) => out.push_str(&value),
                None => {
                    out.push_str("${");
                    out.push_str(name);
                    out.push('}');
                }
            },
        }
    }
    out
}

/// Splits at `${name}`, shortest match.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        if !before.is_empty() {
            parts.push(Part::Literal(before.into()));
        }
        parts.push(Part::Property(name.into()));
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.into()));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> (bool, String, u16, String, String) {
        let a = Address::parse(text).unwrap_or_else(|| panic!("{text}"));
        (
            a.target.https,
            a.target.host.to_string(),
            a.target.port,
            a.target.authority.to_string(),
            a.path_and_query.to_string(),
        )
    }

    #[test]
    fn addresses_are_taken_apart() {
        let of = |h: bool, host: &str, port, authority: &str, path: &str| {
            (
                h,
                host.to_owned(),
                port,
                authority.to_owned(),
                path.to_owned(),
            )
        };
        assert_eq!(
            address("http://localhost:9000/services/X?a=b#f"),
            of(
                false,
                "localhost",
                9000,
                "localhost:9000",
                "/services/X?a=b"
            )
        );
        assert_eq!(address("HTTPS://h"), of(true, "h", 443, "h", "/"));
        assert_eq!(address("http://h?x=1"), of(false, "h", 80, "h", "/?x=1"));
        assert_eq!(address("http://u:p@h:81/"), of(false, "h", 81, "h:81", "/"));
        assert_eq!(
            address("http://[::1]:82/a"),
            of(false, "::1", 82, "[::1]:82", "/a")
        );
        assert_eq!(address("http://[::1]"), of(false, "::1", 80, "[::1]", "/"));
    }

    #[test]
    fn what_is_no_http_address_is_none() {
        for text in [
            "",
            "h:80",
            "jms:/q",
            "ftp://h/",
            "http://",
            "http://:80/",
            "http://h:x/",
            "http://h:0/",
            "http://[::1/",
            "http://[::1]x/",
            "http://h:99999/",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }

    #[test]
    fn placeholders_are_parts_and_stay_when_there_is_no_value() {
        let Some(Target::Template(parts)) = Target::parse("http://${host}/a/${x}${y}") else {
            panic!("no template");
        };
        let value = |name: &str| (name != "x").then(|| format!("<{name}>"));
        assert_eq!(expand(&parts, value), "http://<host>/a/${x}<y>");
        assert!(matches!(
            Target::parse("http://h/${open"),
            Some(Target::Fixed(_))
        ));
    }

    fn http(template: &str, legacy: bool) -> HttpTarget {
        HttpTarget::new(Template::parse(template).unwrap(), legacy, None).unwrap()
    }

    #[test]
    fn a_template_is_filled_in_and_refused_without_what_its_path_needs() {
        let target = http(
            "http://{uri.var.host}:81/a/{uri.var.id}{?query.param.q}",
            false,
        );
        let some = |name: &str| match name {
            "uri.var.host" => Some("h"),
            "uri.var.id" => Some("1/2 3"),
            _ => None,
        };
        assert_eq!(
            target.expand(some).as_deref(),
            Ok("http://h:81/a/1%2F2%203")
        );
        let error = target.expand(|_| None).unwrap_err();
        assert!(error.contains("uri.var.host"), "{error}");
        let query = http("http://h/a{?query.param.q}", false);
        assert_eq!(query.expand(|_| None).as_deref(), Ok("http://h/a"));
        assert_eq!(
            query.expand(|_| Some("b c")).as_deref(),
            Ok("http://h/a?query.param.q=b%20c")
        );
    }

    #[test]
    fn legacy_values_are_decoded_and_only_what_is_illegal_is_encoded_again() {
        let target = http("{+uri.var.url}", true);
        let expand = |url: &'static str| target.expand(move |_| Some(url)).unwrap();
        assert_eq!(
            expand("http%3A%2F%2Fh%3A81%2Fa%20b%3Fc%3Dd%26e"),
            "http://h:81/a%20b?c=d&e"
        );
        assert_eq!(
            expand("http://h/50%25/\u{fc}?a?b#c#d"),
            "http://h/50%25/%C3%BC?a?b#c%23d"
        );
        assert_eq!(expand("http://[::1]:81/[x]"), "http://[::1]:81/%5Bx%5D");
    }

    #[test]
    fn a_template_without_variables_is_an_address() {
        assert!(http("http://h:81/a", false).fixed().is_some());
        assert!(http("http://h/{uri.var.a}", false).fixed().is_none());
        let bad = Template::parse("ftp://h/").unwrap();
        assert_eq!(HttpTarget::new(bad, false, None), None);
    }

    #[test]
    fn member_ports_fall_back_to_the_other_scheme_then_to_the_standard() {
        let ports = |http, https| match Target::member("h", http, https) {
            Target::Member(m) => (
                m.http.target.authority.to_string(),
                m.https.target.authority.to_string(),
            ),
            _ => unreachable!("a member"),
        };
        let text = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(ports(Some(90), Some(91)), text("h:90", "h:91"));
        assert_eq!(ports(Some(90), None), text("h:90", "h:90"));
        assert_eq!(ports(None, Some(91)), text("h:91", "h:91"));
        assert_eq!(ports(None, None), text("h", "h"));
        let Target::Member(v6) = Target::member("::1", Some(90), None) else {
            panic!("a member");
        };
        assert_eq!(
            (&*v6.http.target.authority, &*v6.http.target.host),
            ("[::1]:90", "::1")
        );
    }
}
