//! What a request and an answer say that the walk needs, copied out of the heads.

use smallvec::SmallVec;

use crate::endpoint::algorithm::hash_of;
use crate::endpoint::session::Facts;
use crate::endpoint::tree::{Endpoints, HashRule, Needs, NodeId};
use crate::exchange::Exchange;
use crate::soap::scan::ScannedHeader;
use crate::transport::head::ResponseHead;
use crate::transport::headers::Name;

/// Facts of one request; empty where nothing needs them.
#[derive(Debug, Default)]
pub struct RequestFacts {
    cookies: SmallVec<[String; 1]>,
    path_session: Option<String>,
    keys: SmallVec<[(NodeId, u64); 1]>,
    /// What the SOAP header says.
    pub header: ScannedHeader,
}

impl RequestFacts {
    /// Reads the head as far as it is needed.
    pub fn of(x: &Exchange, needs: Needs) -> Self {
        if !needs.cookies {
            return Self::default();
        }
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        Self {
            cookies: x
                .request
                .headers
                .values(Name::Cookie)
                .filter_map(text)
                .collect(),
            path_session: path_session(x.request.target()),
            keys: SmallVec::new(),
            header: ScannedHeader::default(),
        }
    }

    /// The cookie values as the walk takes them.
    pub fn cookies(&self) -> SmallVec<[&str; 1]> {
        self.cookies.iter().map(String::as_str).collect()
    }

    /// The facts.
    pub fn facts<'r>(&'r self, cookies: &'r [&'r str], retry_non_idempotent: bool) -> Facts<'r> {
        Facts {
            client_id: self.header.client_id.as_ref().map(|t| t.as_str()),
            service_group_id: self.header.service_group.as_ref().map(|t| t.as_str()),
            cookies,
            path_session: self.path_session.as_deref(),
            retry_non_idempotent,
            keys: &self.keys,
            resolved: &[],
        }
    }

    /// Hashes what the groups at and below nodes balance by; a message without it has no key there.
    pub fn hash(
        &mut self,
        x: &Exchange,
        endpoints: &Endpoints,
        roots: impl Iterator<Item = NodeId>,
    ) {
        let rules = roots.flat_map(|root| endpoints.hash_rules(root));
        self.keys = rules
            .filter_map(|(group, rule)| Some((group, key(x, rule)?)))
            .collect();
    }
}

fn key(x: &Exchange, rule: &HashRule) -> Option<u64> {
    match rule {
        HashRule::Source => Some(match x.arrival.peer.ip().to_canonical() {
            std::net::IpAddr::V4(ip) => hash_of(&ip.octets()),
            std::net::IpAddr::V6(ip) => hash_of(&ip.octets()),
        }),
        HashRule::Header(name) => x.request.headers.find(name).map(hash_of),
        HashRule::Uri(with_query) => {
            let target = x.request.target();
            let path = target.split(|&b| b == b'?').next().unwrap_or_default();
            Some(hash_of(if *with_query { target } else { path }))
        }
        HashRule::Cookie(name) => x
            .request
            .headers
            .values(Name::Cookie)
            .find_map(|value| cookie(value, name.as_bytes()))
            .map(hash_of),
    }
}

/// The value of a cookie in a `Cookie` field.
fn cookie<'v>(field: &'v [u8], name: &[u8]) -> Option<&'v [u8]> {
    field.split(|&b| b == b';').find_map(|pair| {
        let pair = pair.trim_ascii();
        let value = pair.strip_prefix(name)?.strip_prefix(b"=")?;
        (!value.is_empty()).then_some(value)
    })
}

/// The value of a `;jsessionid=` path parameter.
fn path_session(target: &[u8]) -> Option<String> {
    let path = target.split(|&b| b == b'?').next()?;
    path.split(|&b| b == b';' || b == b'/').find_map(|part| {
        let (name, value) = part.split_at_checked("jsessionid=".len())?;
        let found = name.eq_ignore_ascii_case(b"jsessionid=") && !value.is_empty();
        found.then(|| std::str::from_utf8(value).ok().map(str::to_owned))?
    })
}

/// All `Set-Cookie` values.
pub fn set_cookies(head: &ResponseHead) -> Vec<String> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    head.headers
        .values(Name::SetCookie)
        .filter_map(text)
        .collect()
}

/// Seconds since 1970.
pub fn unix_seconds() -> i64 {
    i64::try_from(crate::observe::stamp::unix_ms() / 1000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let field = b"xid=0; id=a=b;id2=c";
        assert_eq!(cookie(field, b"id"), Some(&b"a=b"[..]));
        assert_eq!(cookie(field, b"id2"), Some(&b"c"[..]));
        assert_eq!(cookie(field, b"i"), None);
        assert_eq!(cookie(b"id=", b"id"), None);
    }

    #[test]
    fn a_session_in_the_path_is_found_in_any_case_and_not_in_the_query() {
        assert_eq!(
            path_session(b"/a/b;JSESSIONID=x1/c?d").as_deref(),
            Some("x1")
        );
        assert_eq!(path_session(b"/a;v=1;jsessionid=y").as_deref(), Some("y"));
        assert_eq!(path_session(b"/a;jsessionid="), None);
        assert_eq!(path_session(b"/a?;jsessionid=y"), None);
    }
}
