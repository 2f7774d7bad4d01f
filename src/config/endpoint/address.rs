//! `address`: one fixed target (spec/endpoints.md 4.1).
//!
//! Synapse accepts any text as `uri` and fails when it sends; here the address is checked while loading, as far as it is known then: `${name}`
//! is filled in from the message, so what it stands for is not looked at. Schemes of other transports are well-formed but not
//! served. A TLS profile on an address without TLS is warned about: nobody should believe it protected.

use super::{leaf, vocabulary};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{AddressDef, EndpointKind};
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// Reads the address and its settings.
pub(super) fn parse(element: &Element, diagnostics: &mut Diagnostics) -> Option<EndpointKind> {
    let leaf = leaf::parse(element, &vocabulary::ADDRESS, diagnostics);
    let written = element.req_attr("uri", diagnostics)?;
    let uri = Spanned::new(written.value.trim().to_owned(), written.span);
    tls_without_effect(leaf.settings.tls.as_ref(), &uri.value, diagnostics);
    match refused(&uri, diagnostics) {
        Some(kind) => kind,
        None => Some(leaf.into_kind(|leaf| EndpointKind::Address(AddressDef { uri, leaf }))),
    }
}

/// Warns of a profile for https where messages go out over http.
pub(super) fn tls_without_effect(
    tls: Option<&Spanned<String>>,
    uri: &str,
    diagnostics: &mut Diagnostics,
) {
    if let Some(tls) = tls.filter(|_| is_plain(uri)) {
        diagnostics.warn(
            DiagnosticCode::NoEffect,
            tls.span,
            "ax:tls has no effect on an http address: messages go out unprotected",
            "write https in the address, or remove the attribute",
        );
    }
}

/// Reports an address that cannot be sent to: `None` when it can, else the kind that stands for it, or an error.
pub(super) fn refused(
    uri: &Spanned<String>,
    diagnostics: &mut Diagnostics,
) -> Option<Option<EndpointKind>> {
    match check(&uri.value) {
        Ok(()) => None,
        Err(Problem::Scheme(scheme)) => {
            let row = DiagnosticCode::UnsupportedScheme.row();
            let text = unsupported_transport(&scheme);
            diagnostics.unsupported(
                row.code,
                uri.span,
                format!("{text} is not supported"),
                row.help,
            );
            Some(Some(EndpointKind::Unsupported(Spanned::new(
                text, uri.span,
            ))))
        }
        Err(Problem::Bad(message)) => {
            let help = DiagnosticCode::BadAddress.row().help;
            diagnostics.error_help(DiagnosticCode::BadAddress, uri.span, message, help);
            Some(None)
        }
    }
}

/// How an endpoint is called whose address needs another transport.
pub fn unsupported_transport(scheme: &str) -> String {
    format!("the transport {scheme}")
}

/// Why messages cannot be sent to an address; `None` when they can.
pub(in crate::config) fn unusable(uri: &str) -> Option<String> {
    match check(uri) {
        Ok(()) => None,
        Err(Problem::Bad(message)) => Some(message.to_owned()),
        Err(Problem::Scheme(scheme)) => Some(format!("the transport {scheme} is not supported")),
    }
}

fn is_plain(uri: &str) -> bool {
    uri.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"))
}

#[derive(Debug, PartialEq, Eq)]
enum Problem {
    Bad(&'static str),
    Scheme(String),
}

fn check(uri: &str) -> Result<(), Problem> {
    if uri.starts_with("${") {
        return Ok(());
    }
    if outside_placeholders(uri)
        .any(|c| c.is_whitespace() || c.is_control() || "<>\"\\^`".contains(c))
    {
        return Err(Problem::Bad(
            "the address holds a character that a URL cannot have",
        ));
    }
    let Some((scheme, rest)) = uri.split_once(':') else {
        return Err(Problem::Bad("the address has no scheme"));
    };
    if scheme.contains("${") {
        return Ok(());
    }
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !named || (!rest.starts_with('/') && rest.starts_with(|c: char| c.is_ascii_digit())) {
        return Err(Problem::Bad("the address has no scheme"));
    }
    if scheme.eq_ignore_ascii_case("local") {
        return match rest.strip_prefix("//") {
            Some(rest) if rest.contains('/') => Ok(()),
            _ => Err(Problem::Bad(
                "the address has no path of a service, as in local://services/NAME",
            )),
        };
    }
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(Problem::Scheme(scheme.to_owned()));
    }
    let Some(rest) = rest.strip_prefix("//") else {
        return Err(Problem::Bad("the address has no // after its scheme"));
    };
    authority(rest.split(['/', '?', '#']).next().unwrap_or_default())
}

/// The characters that are not part of a `${name}`.
fn outside_placeholders(uri: &str) -> impl Iterator<Item = char> {
    let mut inside = false;
    let mut previous = ' ';
    uri.chars().filter(move |&c| {
        inside = inside || (previous == '$' && c == '{');
        let counts = !inside;
        inside = inside && c != '}';
        previous = c;
        counts
    })
}

fn authority(authority: &str) -> Result<(), Problem> {
    if authority.contains("${") {
        return Ok(());
    }
    if authority.contains('@') {
        return Err(Problem::Bad(
            "the address holds credentials, which are not sent",
        ));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => {
            let (host, after) = v6
                .split_once(']')
                .ok_or(Problem::Bad("the address has a [ without a ]"))?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(Problem::Bad(
                    "the address has no IPv6 address between [ and ]",
                ));
            }
            match after.strip_prefix(':') {
                None if !after.is_empty() => {
                    return Err(Problem::Bad("the address has text between ] and the path"));
                }
                port => (None, port),
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(authority), None),
        },
    };
    if host.is_some_and(|h| !is_host_name(h)) {
        return Err(Problem::Bad("the address has no usable host name"));
    }
    match port {
        None => Ok(()),
        Some(port)
            if port.bytes().all(|b| b.is_ascii_digit())
                && port.parse::<u16>().is_ok_and(|p| p > 0) =>
        {
            Ok(())
        }
        Some(_) => Err(Problem::Bad("the port is not a number between 1 and 65535")),
    }
}

/// True for a host name or IPv4 address; underscores are common inside networks and are let through.
pub(super) fn is_host_name(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 253
        && host
            .chars()
            .all(|c| c.is_alphanumeric() || "-._".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_addresses_pass() {
        for uri in [
            "http://localhost:9000/services/S",
            "HTTPS://h",
            "http://[::1]:80/?a=b",
            "http://my_host.local/a|b",
            "http://${host}:${port}/x",
            "http://h/${path with spaces}",
            "${whole}",
            "http${s}://h/",
        ] {
            assert_eq!(check(uri), Ok(()), "{uri}");
        }
    }

    #[test]
    fn bad_addresses_are_refused() {
        for uri in [
            "not a url",
            "localhost",
            "localhost:9000/x",
            "/services/S",
            "http:/h",
            "http://",
            "http://:80/",
            "http://h:port/",
            "http://h:70000/",
            "http://h:0/",
            "http://h:+80/",
            "http://[::1/",
            "http://[x]/",
            "http://u:p@h/",
            "http://h/a b",
        ] {
            assert!(matches!(check(uri), Err(Problem::Bad(_))), "{uri}");
        }
    }

    #[test]
    fn other_transports_are_named() {
        for (uri, scheme) in [
            ("jms:/queue", "jms"),
            ("vfs:file:///tmp", "vfs"),
            ("mailto:a@b", "mailto"),
        ] {
            assert_eq!(check(uri), Err(Problem::Scheme(scheme.to_owned())));
        }
    }
}
