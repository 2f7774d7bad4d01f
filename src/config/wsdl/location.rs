//! Where a document is, and where what it refers to is (RFC 3986 section 5 for URLs).

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a document was or will be read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// A file.
    File(PathBuf),
    /// An absolute http or https URL without a fragment.
    Url(String),
    /// A text that the configuration itself gives for references to this location.
    Resource(String),
}

/// A reference as a configuration writes it, before a relative path is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// A path, which may be relative.
    Path(PathBuf),
    /// An absolute http or https URL.
    Url(String),
}

impl Written {
    /// Takes a `uri` apart; the error says why it cannot be read from.
    pub fn parse(text: &str) -> Result<Written, String> {
        let text = text.trim();
        match scheme(text) {
            None => Ok(Written::Path(PathBuf::from(without_fragment(text)))),
            Some("http" | "https") => {
                let url = without_fragment(text);
                let host = url.split_once("://").map(|(_, rest)| rest);
                match host {
                    Some(rest) if !rest.starts_with(['/', '?']) && !rest.is_empty() => {
                        Ok(Written::Url(url.to_owned()))
                    }
                    _ => Err("the URL has no host".to_owned()),
                }
            }
            Some("file") => Ok(Written::Path(file_path(&text["file:".len()..])?)),
            Some(other) => Err(format!(
                "documents are read from files, http and https, not from {other}"
            )),
        }
    }
}

impl Location {
    /// What a document at this place means by a reference.
    pub fn refer(&self, reference: &str) -> Result<Location, String> {
        match (self, Written::parse(reference)?) {
            (_, Written::Url(url)) => Ok(Location::Url(url)),
            (Location::File(from), Written::Path(path)) => {
                let folder = from.parent().unwrap_or(Path::new(""));
                Ok(Location::File(plain(&folder.join(path))))
            }
            (Location::Resource(_), Written::Path(_)) => Err(
                "a resource of the configuration has no place for relative references".to_owned(),
            ),
            // Who serves a document may not make axon read its own files.
            (Location::Url(_), Written::Path(_)) if scheme(reference.trim()).is_some() => {
                Err("a document from the network may not refer to a file".to_owned())
            }
            (Location::Url(base), Written::Path(_)) => Ok(Location::Url(join(
                base,
                without_fragment(reference.trim()),
            ))),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::File(path) => path.display().fmt(f),
            Location::Url(url) | Location::Resource(url) => f.write_str(url),
        }
    }
}

/// The scheme in lower case where it is one that is known; a drive letter or a file name with a colon has none.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    for known in ["http", "https", "file"] {
        if scheme.eq_ignore_ascii_case(known) {
            return Some(known);
        }
    }
    let named = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    named.then_some(scheme)
}

fn without_fragment(text: &str) -> &str {
    text.split('#').next().unwrap_or_default()
}

/// The path of `file:rest`: `file:a/b` and `file:./a` are relative, `file:/a` and `file:///a` are not.
fn file_path(rest: &str) -> Result<PathBuf, String> {
    let rest = without_fragment(rest);
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(with_host) => {
            let path = with_host.strip_prefix("localhost").unwrap_or(with_host);
            if !path.starts_with('/') {
                return Err("file: URLs name no host; write file:path or file:///path".to_owned());
            }
            path
        }
    };
    if path.is_empty() {
        return Err("the file: URL names no file".to_owned());
    }
    Ok(PathBuf::from(unescaped(path)))
}

/// `%20` and the like; what is no escape stays.
fn unescaped(text: &str) -> String {
    let hex = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// The path without `.` and without `x/..`, so that a document that is reached in two ways is one.
fn plain(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(out.components().next_back(), Some(Component::Normal(_))) =>
            {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// A relative reference against a URL (RFC 3986 section 5.2).
fn join(base: &str, reference: &str) -> String {
    let (scheme, rest) = base.split_once("://").unwrap_or(("http", base));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let base_path = tail.split('?').next().unwrap_or_default();
    if let Some(with_host) = reference.strip_prefix("//") {
        return format!("{scheme}://{with_host}");
    }
    if reference.is_empty() {
        return base.to_owned();
    }
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    let path = match path {
        "" => base_path.to_owned(),
        path if path.starts_with('/') => without_dots(path),
        path => {
            let folder = &base_path[..base_path.rfind('/').map_or(0, |at| at + 1)];
            let slash = if folder.is_empty() { "/" } else { "" };
            without_dots(&format!("{folder}{slash}{path}"))
        }
    };
    match query {
        Some(query) => format!("{scheme}://{authority}{path}?{query}"),
        None => format!("{scheme}://{authority}{path}"),
    }
}

/// RFC 3986 section 5.2.4 for a path that begins with a slash.
fn without_dots(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let last = parts.len().saturating_sub(1);
    for (at, part) in parts.into_iter().enumerate() {
        match part {
            "." | ".." => {
                if part == ".." {
                    out.pop();
                }
                if at == last {
                    out.push("");
                }
            }
            part => out.push(part),
        }
    }
    format!("/{}", out.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Location {
        Location::File(path.into())
    }

    fn url(text: &str) -> Location {
        Location::Url(text.to_owned())
    }

    #[test]
    fn uris_are_paths_or_urls() {
        let path = |text: &str| Ok(Written::Path(text.into()));
        for (text, want) in [
            ("file:repository/a.wsdl", path("repository/a.wsdl")),
            ("file:./a.wsdl", path("./a.wsdl")),
            ("file:/opt/a.wsdl", path("/opt/a.wsdl")),
            ("file:///opt/a%20b.wsdl", path("/opt/a b.wsdl")),
            ("file://localhost/opt/a.wsdl", path("/opt/a.wsdl")),
            (" a.wsdl ", path("a.wsdl")),
            (
                "HTTP://h/s?wsdl#x",
                Ok(Written::Url("HTTP://h/s?wsdl".to_owned())),
            ),
        ] {
            assert_eq!(Written::parse(text), want, "{text}");
        }
        for text in ["jms:/q", "http://", "http:///x", "file://host/x", "file:"] {
            assert!(Written::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn references_are_relative_to_the_document_that_makes_them() {
        for (from, reference, want) in [
            (file("w/a.wsdl"), "types/b.xsd", file("w/types/b.xsd")),
            (file("w/a.wsdl"), "../b.wsdl", file("b.wsdl")),
            (file("w/a.wsdl"), "http://h/b.wsdl", url("http://h/b.wsdl")),
            (
                url("http://h/s/a?wsdl"),
                "a?wsdl=b",
                url("http://h/s/a?wsdl=b"),
            ),
            (
                url("http://h/s/a?wsdl"),
                "?xsd=1",
                url("http://h/s/a?xsd=1"),
            ),
            (
                url("http://h/s/a.wsdl"),
                "../t/./b.xsd#f",
                url("http://h/t/b.xsd"),
            ),
            (url("https://h:1"), "b.xsd", url("https://h:1/b.xsd")),
            (url("http://h/s/a"), "/b", url("http://h/b")),
            (url("http://h/s/a"), "//g/b", url("http://g/b")),
        ] {
            assert_eq!(from.refer(reference), Ok(want), "{from} {reference}");
        }
    }

    #[test]
    fn a_document_from_the_network_reaches_no_file() {
        assert!(url("http://h/a").refer("file:/etc/passwd").is_err());
    }
}
