//! `Location` of an answer, which names the back end where the client must come to us (spec/mediation.md 10, recorded).
//!
//! As in Synapse the field is rewritten for every status but 302. Synapse does so whatever it names; here only what leads
//! back to this endpoint is, and what no client can follow because its host is none. A redirect to another host stays.

use crate::transport::target::Target;

/// Where the client reaches the endpoint.
pub(super) struct Front<'a> {
    /// It came over TLS.
    pub(super) https: bool,
    /// The `Host` that it asked for.
    pub(super) host: &'a str,
    /// What precedes the endpoint's own path, without `/` at its end.
    pub(super) route: &'a str,
}

/// Whether the `Location` of an answer of that status is looked at.
pub(super) fn concerns(status: u16) -> bool {
    status == 201 || (matches!(status, 300..=399) && status != 302)
}

/// The field as the client can follow it; `None`: as it is. `path` is what the endpoint's address has before what a client
/// appends.
pub(super) fn relocated(
    location: &str,
    back_end: &Target,
    path: &str,
    front: &Front<'_>,
) -> Option<String> {
    let (scheme, rest) = location.split_once("://")?;
    let https = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (route, behind) = if !is_authority(authority) {
        ("", rest)
    } else if https == back_end.https && leads_to(authority, back_end) {
        let behind = rest.strip_prefix(path.trim_end_matches('/'))?;
        if !matches!(behind.as_bytes().first(), None | Some(b'/' | b'?' | b'#')) {
            return None;
        }
        (front.route, behind)
    } else {
        return None;
    };
    let scheme = if front.https { "https" } else { "http" };
    let slash = match (route.is_empty(), behind.starts_with('/')) {
        (true, false) => "/",
        _ => "",
    };
    let host = front.host;
    Some(format!("{scheme}://{host}{route}{slash}{behind}"))
}

/// Whether the characters are those of host and port (RFC 3986 section 3.2).
fn is_authority(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@[]".contains(&b))
}

fn leads_to(authority: &str, back_end: &Target) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port.parse().ok()),
        _ => (authority, None),
    };
    let own = if back_end.https { 443 } else { 80 };
    let host = host
        .strip_prefix('[')
        .map_or(host, |h| h.trim_end_matches(']'));
    port.unwrap_or(own) == back_end.port && host.eq_ignore_ascii_case(&back_end.host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(location: &str, path: &str, route: &str) -> Option<String> {
        let front = Front {
            https: true,
            host: "front:8443",
            route,
        };
        relocated(location, &Target::new(false, "b1", 9000), path, &front)
    }

    #[test]
    fn what_leads_back_to_the_endpoint_leads_to_us() {
        for (location, path, route, expected) in [
            (
                "http://b1:9000/svc/other?x=1",
                "/svc",
                "/services/p",
                "/services/p/other?x=1",
            ),
            ("HTTP://B1:9000/svc", "/svc/", "/services/p", "/services/p"),
            ("http://b1:9000/y", "/", "", "/y"),
            ("http://b1:9000", "/", "", "/"),
            ("http://b1:9000?q", "", "", "/?q"),
            // No host that anybody could ask for.
            ("http://{{x}}/y", "/svc", "/services/p", "/y"),
        ] {
            let expected = format!("https://front:8443{expected}");
            assert_eq!(at(location, path, route), Some(expected), "{location}");
        }
    }

    #[test]
    fn what_leads_elsewhere_stays() {
        for location in [
            "http://b1:9001/svc/other",
            "http://b1/svc/other",
            "https://b1:9000/svc/other",
            "http://other:9000/svc/other",
            // Not behind the endpoint's address, so not behind ours.
            "http://b1:9000/svcs",
            "http://b1:9000/other",
            "/svc/other",
            "mailto://b1:9000/svc",
        ] {
            assert_eq!(at(location, "/svc", "/services/p"), None, "{location}");
        }
        assert!(concerns(201) && concerns(301) && concerns(308));
        assert!(!concerns(302) && !concerns(200) && !concerns(404));
    }
}
