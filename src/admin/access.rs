//! Who may ask: the host name used, the origin, and the token.
//!
//! A token, once configured, is needed for everything but `/live` and `/ready`. Without one the server listens
//! on loopback or a Unix socket only, and the danger left is a browser on the same machine: it can be made to
//! send requests, but not with a loopback `Host` under another site's name and not with a header of ours.

use std::net::IpAddr;

use http::{HeaderMap, StatusCode, header};

use super::problem::{Answer, problem};

/// Header that says: this request was not made by a form or an image of another site.
pub const REQUEST_HEADER: &str = "x-axon-request";

/// The administration token; never printed.
#[derive(Clone)]
pub struct Token(Vec<u8>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

/// Shortest token that is accepted: 16 characters cannot be guessed over a network.
const TOKEN_MIN: usize = 16;

impl Token {
    /// A token from a file's or variable's text; white space around it does not count. `None` when too short.
    pub fn new(text: &str) -> Option<Token> {
        let text = text.trim();
        (text.len() >= TOKEN_MIN).then(|| Token(text.as_bytes().to_vec()))
    }

    /// The token as an `Authorization` value.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", String::from_utf8_lossy(&self.0))
    }

    /// Compares in a time that depends on the lengths only.
    fn is(&self, given: &[u8]) -> bool {
        let differing = self
            .0
            .iter()
            .zip(given)
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        self.0.len() == given.len() && differing == 0
    }
}

/// How the server was bound, as far as access depends on it.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Address of the socket; `None` for a Unix socket, whose file mode is its gate.
    pub bound: Option<IpAddr>,
    /// Token, when there is one.
    pub token: Option<Token>,
}

impl Gate {
    /// The answer to what must not get further; `changes` for anything but a look.
    pub fn refusal(&self, headers: &HeaderMap, changes: bool) -> Option<Answer> {
        let authorized = self.authorized(headers);
        if self.token.is_some() && !authorized {
            let mut answer = problem(
                StatusCode::UNAUTHORIZED,
                "token_needed",
                "send the administration token: Authorization: Bearer TOKEN",
            );
            answer.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                http::HeaderValue::from_static("Bearer"),
            );
            return Some(answer);
        }
        // Whoever holds the token is no foreign page, whatever name it used.
        if authorized {
            return None;
        }
        if !self.names_us(headers) {
            return Some(problem(
                StatusCode::MISDIRECTED_REQUEST,
                "host_not_allowed",
                "the Host header must name this machine: localhost or the address that is listened on",
            ));
        }
        if changes && foreign(headers) {
            return Some(problem(
                StatusCode::FORBIDDEN,
                "foreign_origin",
                "changes are not taken from pages of other sites",
            ));
        }
        if changes && self.bound.is_some() && !headers.contains_key(REQUEST_HEADER) {
            return Some(problem(
                StatusCode::FORBIDDEN,
                "request_header_needed",
                "a change needs the header X-Axon-Request: 1",
            ));
        }
        None
    }

    fn authorized(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else {
            return false;
        };
        let given = headers.get(header::AUTHORIZATION).map(|v| v.as_bytes());
        let bearer = given.and_then(|v| {
            let (scheme, rest) = v.split_at_checked(7)?;
            scheme
                .eq_ignore_ascii_case(b"bearer ")
                .then_some(rest.trim_ascii())
        });
        bearer.is_some_and(|given| token.is(given))
    }

    fn names_us(&self, headers: &HeaderMap) -> bool {
        let Some(bound) = self.bound else {
            return true;
        };
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return false;
        };
        let Some(name) = host.to_str().ok().and_then(host_name) else {
            return false;
        };
        match name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
        {
            Ok(ip) => ip.is_loopback() || ip == bound || bound.is_unspecified(),
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        }
    }
}

/// The name in `name[:port]`, brackets kept; nothing when the port is no number.
fn host_name(host: &str) -> Option<&str> {
    let end = match host.rfind(']') {
        Some(at) => at + 1,
        None => host.find(':').unwrap_or(host.len()),
    };
    let (name, port) = host.split_at(end);
    let port_ok = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|p| p.parse::<u16>().is_ok());
    (!name.is_empty() && port_ok).then_some(name)
}

/// True when a browser says that the request comes from somewhere else.
fn foreign(headers: &HeaderMap) -> bool {
    let cross_site = headers
        .get("sec-fetch-site")
        .is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"));
    let host = headers
        .get(header::HOST)
        .and_then(|h| h.to_str().ok())
        .unwrap_or("");
    let other_origin = headers.get(header::ORIGIN).is_some_and(|origin| {
        let own = origin.to_str().ok().and_then(|o| o.split_once("://"));
        own.is_none_or(|(_, authority)| authority != host)
    });
    cross_site || other_origin
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|&(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    fn refused(gate: &Gate, list: &[(&'static str, &'static str)], changes: bool) -> u16 {
        gate.refusal(&headers(list), changes)
            .map_or(0, |answer| answer.status().as_u16())
    }

    fn loopback() -> Gate {
        Gate {
            bound: Some(IpAddr::from([127, 0, 0, 1])),
            token: None,
        }
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for (host, status) in [
            ("localhost", 0),
            ("LOCALHOST:8080", 0),
            ("127.0.0.1:8080", 0),
            ("[::1]:8080", 0),
            ("evil.test", 421),
            ("localhost.evil.test", 421),
            ("localhost:x", 421),
            ("192.0.2.1", 421),
            ("", 421),
        ] {
            assert_eq!(
                refused(&loopback(), &[("host", host)], false),
                status,
                "{host}"
            );
        }
        assert_eq!(refused(&loopback(), &[], false), 421);
        assert_eq!(
            refused(
                &loopback(),
                &[("host", "localhost"), ("host", "evil.test")],
                false
            ),
            421
        );
    }

    #[test]
    fn a_change_needs_our_header_and_no_foreign_origin() {
        let host = ("host", "127.0.0.1:8080");
        let ours = ("x-axon-request", "1");
        for (more, status) in [
            (&[][..], 403),
            (&[ours], 0),
            (&[ours, ("origin", "http://127.0.0.1:8080")], 0),
            (&[ours, ("origin", "http://evil.test")], 403),
            (&[ours, ("origin", "null")], 403),
            (&[ours, ("sec-fetch-site", "cross-site")], 403),
            (&[ours, ("sec-fetch-site", "same-origin")], 0),
        ] {
            let mut all = vec![host];
            all.extend_from_slice(more);
            assert_eq!(refused(&loopback(), &all, true), status, "{more:?}");
        }
    }

    #[test]
    fn a_token_opens_everything_and_nothing_opens_without_it() {
        let gate = Gate {
            bound: Some(IpAddr::from([0, 0, 0, 0])),
            token: Token::new(" 0123456789abcdef\n"),
        };
        let host = ("host", "axon.example:8080");
        let right = ("authorization", "Bearer 0123456789abcdef");
        assert_eq!(refused(&gate, &[host, right], true), 0);
        for wrong in [
            "Bearer 0123456789abcdee",
            "Bearer 0123456789abcdef0",
            "Bearer ",
            "Basic x",
            "",
        ] {
            let header = ("authorization", wrong);
            assert_eq!(refused(&gate, &[host, header], false), 401, "{wrong}");
        }
        assert_eq!(
            refused(
                &gate,
                &[("host", "127.0.0.1"), ("x-axon-request", "1")],
                true
            ),
            401
        );
    }

    #[test]
    fn a_token_that_can_be_guessed_is_none_and_none_is_printed() {
        assert!(Token::new("short").is_none());
        let token = Token::new("0123456789abcdef").unwrap();
        assert!(!format!("{token:?}").contains("0123"));
    }

    #[test]
    fn a_unix_socket_is_guarded_by_its_file() {
        let gate = Gate {
            bound: None,
            token: None,
        };
        assert_eq!(refused(&gate, &[], true), 0);
    }
}
