//! A URL in parts, as `rewrite` changes them and conditions look at them (spec/mediation.md 9).
//!
//! Parts are texts as they are written: what is encoded stays encoded, so that a path with `%2F` comes out as it went in. Synapse
//! decodes and encodes anew. What a URL cannot hold is encoded when it is put together.

use std::fmt::Write;

use crate::config::uri_template::decode_percent;

/// A part of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fragment {
    Protocol,
    User,
    Host,
    Port,
    Path,
    Query,
    Ref,
    Full,
}

impl Fragment {
    /// Names in configurations.
    pub(super) const NAMES: &[(&str, Fragment)] = &[
        ("full", Fragment::Full),
        ("protocol", Fragment::Protocol),
        ("user", Fragment::User),
        ("host", Fragment::Host),
        ("port", Fragment::Port),
        ("path", Fragment::Path),
        ("query", Fragment::Query),
        ("ref", Fragment::Ref),
    ];
}

/// The parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Url {
    protocol: Option<String>,
    user: Option<String>,
    host: Option<String>,
    port: Option<String>,
    path: Option<String>,
    query: Option<String>,
    reference: Option<String>,
}

impl Url {
    /// Takes a URL, or the path and query of one, apart. Any text is one; what is wrong shows when it is put together.
    pub(super) fn parse(text: &str) -> Url {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (rest, reference) = cut(text.trim(), '#');
        let (rest, query) = cut(rest, '?');
        let (protocol, rest) = match rest.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme.to_owned()), rest),
            _ => (None, rest),
        };
        let Some(behind) = rest.strip_prefix("//") else {
            return Url {
                protocol,
                path: some(rest),
                query,
                reference,
                ..Url::default()
            };
        };
        let (authority, path) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, authority),
        };
        // A colon inside brackets belongs to an IPv6 address.
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, some(port)),
            _ => (place, None),
        };
        Url {
            protocol,
            user,
            host: some(host),
            port,
            path: some(path),
            query,
            reference,
        }
    }

    /// A part; `None` when it is not there.
    pub(super) fn part(&self, fragment: Fragment) -> Option<String> {
        match fragment {
            Fragment::Full => Some(self.text().unwrap_or_default()),
            _ => self.place(fragment)?.clone(),
        }
    }

    /// Sets or removes a part.
    pub(super) fn set(&mut self, fragment: Fragment, value: Option<String>) {
        match self.place_mut(fragment) {
            Some(place) => *place = value,
            None => *self = value.map_or_else(Url::default, |text| Url::parse(&text)),
        }
    }

    fn place(&self, fragment: Fragment) -> Option<&Option<String>> {
        Some(match fragment {
            Fragment::Protocol => &self.protocol,
            Fragment::User => &self.user,
            Fragment::Host => &self.host,
            Fragment::Port => &self.port,
            Fragment::Path => &self.path,
            Fragment::Query => &self.query,
            Fragment::Ref => &self.reference,
            Fragment::Full => return None,
        })
    }

    fn place_mut(&mut self, fragment: Fragment) -> Option<&mut Option<String>> {
        Some(match fragment {
            Fragment::Protocol => &mut self.protocol,
            Fragment::User => &mut self.user,
            Fragment::Host => &mut self.host,
            Fragment::Port => &mut self.port,
            Fragment::Path => &mut self.path,
            Fragment::Query => &mut self.query,
            Fragment::Ref => &mut self.reference,
            Fragment::Full => return None,
        })
    }

    /// The value of a parameter of the query, decoded.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let decode = |text: &str| decode_percent(&text.replace('+', " "));
        let pairs = self.query.as_deref()?.split('&');
        let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let found = pairs.find(|(key, _)| decode(key) == name);
        found.map(|(_, value)| decode(value))
    }

    /// Puts the parts together; the error says what does not fit.
    pub(super) fn text(&self) -> Result<String, String> {
        let mut out = String::new();
        if let Some(protocol) = &self.protocol {
            if !is_scheme(protocol) {
                return Err(format!("`{protocol}` is no protocol"));
            }
            out.push_str(protocol);
            out.push(':');
        }
        if let Some(host) = &self.host {
            if host.contains(['/', '?', '#', '@']) || host.contains(char::is_whitespace) {
                return Err(format!("`{host}` is no host"));
            }
            out.push_str("//");
            if let Some(user) = &self.user {
                write_encoded(&mut out, user, "/?#@");
                out.push('@');
            }
            write_encoded(&mut out, host, "");
            if let Some(port) = &self.port {
                if port.parse::<u16>().is_err() {
                    return Err(format!("`{port}` is no port"));
                }
                out.push(':');
                out.push_str(port);
            }
        }
        if let Some(path) = &self.path {
            if self.host.is_some() && !path.is_empty() && !path.starts_with('/') {
                return Err(format!("the path `{path}` does not begin with a slash"));
            }
            write_encoded(&mut out, path, "?#");
        }
        if let Some(query) = &self.query {
            out.push('?');
            write_encoded(&mut out, query, "#");
        }
        if let Some(reference) = &self.reference {
            out.push('#');
            write_encoded(&mut out, reference, "#");
        }
        Ok(out)
    }
}

fn cut(text: &str, at: char) -> (&str, Option<String>) {
    match text.split_once(at) {
        Some((before, behind)) => (before, Some(behind.to_owned())),
        None => (text, None),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

fn write_encoded(out: &mut String, text: &str, also: &str) {
    for character in text.chars() {
        let stays = character.is_ascii_graphic()
            && !"\"<>\\^`{|}".contains(character)
            && !also.contains(character);
        if stays {
            out.push(character);
            continue;
        }
        let mut bytes = [0; 4];
        for byte in character.encode_utf8(&mut bytes).bytes() {
            // Writing to a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_changed_comes_out_as_it_went_in() {
        for text in [
            "http://user@host.test:8080/a/b?x=1#r",
            "http://[::1]:80/",
            "http://h",
            "/in/y?a=1",
            "/a%2Fb%20c",
            "?x",
            "",
            "urn:x",
            "https://h/?a=b=c&d",
        ] {
            assert_eq!(Url::parse(text).text().as_deref(), Ok(text), "{text}");
        }
    }

    #[test]
    fn parts_are_what_they_are_called() {
        let url = Url::parse("http://user@host.test:8080/a/b?x=1&y=a%20b#r");
        for (fragment, want) in [
            (Fragment::Protocol, "http"),
            (Fragment::User, "user"),
            (Fragment::Host, "host.test"),
            (Fragment::Port, "8080"),
            (Fragment::Path, "/a/b"),
            (Fragment::Query, "x=1&y=a%20b"),
            (Fragment::Ref, "r"),
        ] {
            assert_eq!(url.part(fragment).as_deref(), Some(want));
        }
        assert_eq!(url.parameter("y").as_deref(), Some("a b"));
        assert_eq!(url.parameter("z"), None);
    }

    #[test]
    fn nothing_that_is_put_in_breaks_out_of_its_place() {
        let mut url = Url::parse("http://h/a");
        url.set(Fragment::Path, Some("/x y\r\n?q#\u{fc}".to_owned()));
        assert_eq!(
            url.text().as_deref(),
            Ok("http://h/x%20y%0D%0A%3Fq%23%C3%BC")
        );
        for (fragment, value) in [
            (Fragment::Port, "abc"),
            (Fragment::Port, "70000"),
            (Fragment::Host, "a/b"),
            (Fragment::Host, "a b"),
            (Fragment::Protocol, "ht tp"),
            (Fragment::Path, "x"),
        ] {
            let mut url = Url::parse("http://h/a");
            url.set(fragment, Some(value.to_owned()));
            assert!(url.text().is_err(), "{value}");
        }
    }
}
