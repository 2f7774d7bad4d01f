//! `http`: the session cookie that a back end sets (spec/endpoints.md 14.4, 14.7.4, RFC 6265).
//!
//! The id is the whole `NAME=value` pair. Names are compared exactly; the originals look for a substring, see one
//! `Set-Cookie` header only and drop every cookie of a new session. Here all headers are read, and only session
//! cookies are taken out of a request. A cookie that the answer deletes ends the session.

use super::{Affinity, Facts, IDS_MAX, Ids, Learned, ResponseFacts, SessionSpec, believable};

/// Cookie names that carry a session when the file names none.
pub const DEFAULT_NAMES: &[&str] = &[
    "JSESSIONID",
    "PHPSESSID",
    "phpMyAdmin",
    "wordpress_test_cookie",
    "ASP.NET_SessionId",
    "connect.sid",
];

/// The cookie that a `;jsessionid=` path parameter stands for.
const PATH_PARAMETER_COOKIE: &str = "JSESSIONID";

/// See the module.
#[derive(Debug)]
pub struct Cookies;

impl Affinity for Cookies {
    fn client_initiated(&self) -> bool {
        false
    }

    fn requested(&self, facts: &Facts<'_>, spec: &SessionSpec, ids: &mut Ids) {
        let pairs = facts.cookies.iter().flat_map(|header| header.split(';'));
        for pair in pairs.map(str::trim) {
            if ids.len() < IDS_MAX && is_session(pair, spec) {
                ids.extend(believable(pair).map(str::to_owned));
            }
        }
        let parameter = facts.path_session.and_then(believable);
        let names = &spec.cookies;
        if let Some(value) = parameter
            && ids.len() < IDS_MAX
            && names.iter().any(|name| name == PATH_PARAMETER_COOKIE)
        {
            ids.push(format!("{PATH_PARAMETER_COOKIE}={value}"));
        }
    }

    fn learned(&self, response: &ResponseFacts<'_>, spec: &SessionSpec, out: &mut Vec<Learned>) {
        for header in response.set_cookie {
            // Most cookies are not the session's; those are not parsed.
            if !is_session(header, spec) {
                continue;
            }
            let Ok(cookie) = cookie::Cookie::parse(*header) else {
                continue;
            };
            let pair = format!("{}={}", cookie.name(), cookie.value());
            let deleted = cookie.max_age().is_some_and(|age| age.whole_seconds() <= 0)
                || cookie.max_age().is_none()
                    && cookie
                        .expires_datetime()
                        .is_some_and(|at| at.unix_timestamp() <= response.unix_seconds);
            if deleted || cookie.value().is_empty() {
                out.push(Learned::Gone(format!("{}=", cookie.name())));
            } else if out.len() < IDS_MAX && believable(&pair).is_some() {
                out.push(Learned::Id(pair));
            }
        }
    }

    fn replaces(&self, old: &str, new: &str) -> bool {
        old != new && name_of(old) == name_of(new)
    }
}

/// A `Cookie` header value without the cookies of the given names: `None` when nothing changes, empty when nothing is
/// left and the header goes.
pub fn without_cookies(header: &str, names: &[String]) -> Option<String> {
    let is_named = |pair: &str| names.iter().any(|name| name == name_of(pair));
    if !header.split(';').any(is_named) {
        return None;
    }
    let kept: Vec<&str> = header
        .split(';')
        .filter(|pair| !is_named(pair))
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .collect();
    Some(kept.join("; "))
}

fn is_session(pair: &str, spec: &SessionSpec) -> bool {
    pair.contains('=') && spec.cookies.iter().any(|name| name == name_of(pair))
}

fn name_of(pair: &str) -> &str {
    pair.split('=').next().unwrap_or(pair).trim()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ids, spec};
    use super::*;
    use crate::config::model::SessionKind;

    fn requested(cookies: &[&str], path_session: Option<&str>) -> Vec<String> {
        let facts = Facts {
            cookies,
            path_session,
            ..Facts::default()
        };
        ids(SessionKind::Http, &facts)
    }

    fn learned(set_cookie: &[&str]) -> Vec<Learned> {
        let spec = spec(SessionKind::Http);
        let response = ResponseFacts {
            set_cookie,
            service_group_id: None,
            unix_seconds: 1_700_000_000,
        };
        let mut out = Vec::new();
        Cookies.learned(&response, &spec, &mut out);
        out
    }

    #[test]
    fn session_cookies_are_found_by_exact_name_anywhere_in_the_headers() {
        assert_eq!(
            requested(&["z=1;JSESSIONID=a; y=2"], None),
            ["JSESSIONID=a"]
        );
        assert_eq!(
            requested(&["JSESSIONID=a", "connect.sid=b; JSESSIONID=c"], None),
            ["JSESSIONID=a", "connect.sid=b", "JSESSIONID=c"]
        );
        assert!(
            requested(
                &["XJSESSIONIDY=zz; a=JSESSIONID; jsessionid=l; JSESSIONID"],
                None
            )
            .is_empty()
        );
        assert!(requested(&[], None).is_empty());
    }

    #[test]
    fn the_path_parameter_is_the_same_id_as_the_cookie() {
        assert_eq!(requested(&[], Some("a")), ["JSESSIONID=a"]);
        assert_eq!(
            requested(&["JSESSIONID=b"], Some("a")),
            ["JSESSIONID=b", "JSESSIONID=a"]
        );
    }

    #[test]
    fn the_number_of_ids_in_a_request_is_bounded() {
        let header = "JSESSIONID=a;".repeat(1000);
        assert_eq!(requested(&[&header], Some("p")).len(), IDS_MAX);
    }

    #[test]
    fn every_set_cookie_header_is_read() {
        assert_eq!(
            learned(&[
                "x=1; Path=/",
                "JSESSIONID=b; Path=/; HttpOnly",
                "PHPSESSID=c"
            ]),
            [
                Learned::Id("JSESSIONID=b".into()),
                Learned::Id("PHPSESSID=c".into())
            ]
        );
        assert_eq!(learned(&["SID=1", "no cookie at all", ""]), []);
    }

    #[test]
    fn deletion_is_max_age_zero_a_past_date_or_an_empty_value() {
        let gone = [Learned::Gone("JSESSIONID=".into())];
        assert_eq!(learned(&["JSESSIONID=a; Max-Age=0"]), gone);
        assert_eq!(learned(&["JSESSIONID=; Path=/"]), gone);
        assert_eq!(
            learned(&["JSESSIONID=a; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]),
            gone
        );
        let kept = [Learned::Id("JSESSIONID=a".into())];
        assert_eq!(
            learned(&["JSESSIONID=a; Expires=Wed, 21 Oct 2099 07:28:00 GMT"]),
            kept
        );
        // RFC 6265 5.3: Max-Age wins over Expires.
        assert_eq!(
            learned(&["JSESSIONID=a; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]),
            kept
        );
    }

    #[test]
    fn only_session_cookies_are_taken_out() {
        let names = ["JSESSIONID".to_owned()];
        assert_eq!(without_cookies("a=1; b=2", &names), None);
        assert_eq!(
            without_cookies("a=1; JSESSIONID=x;b=2", &names).unwrap(),
            "a=1; b=2"
        );
        assert_eq!(without_cookies("JSESSIONID=x", &names).unwrap(), "");
    }
}
