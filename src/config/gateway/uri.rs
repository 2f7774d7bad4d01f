//! The URIs of a gateway-config, and the schemes that it knows.

use std::fmt;

/// What is spoken on a scheme, from the client's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// WebSocket.
    WebSocket,
    /// HTTP.
    Http,
    /// A stream of bytes.
    Stream,
    /// Not run by this version.
    Other,
}

/// One scheme.
#[derive(Clone, Copy, Debug)]
pub struct Scheme {
    /// Its name.
    pub name: &'static str,
    /// What is spoken.
    pub layer: Layer,
    /// Inside TLS.
    pub secure: bool,
    /// The port that need not be written, where there is one.
    pub port: Option<u16>,
    /// Options that may say where to listen for it, the nearest layer first (spec/kaazing.md 2.4).
    pub binds: &'static [&'static str],
}

const fn scheme(
    name: &'static str,
    layer: Layer,
    secure: bool,
    port: Option<u16>,
    binds: &'static [&'static str],
) -> Scheme {
    Scheme {
        name,
        layer,
        secure,
        port,
        binds,
    }
}

/// Every scheme that the language knows.
pub const SCHEMES: &[Scheme] = &[
    scheme(
        "ws",
        Layer::WebSocket,
        false,
        Some(80),
        &["ws", "http", "tcp"],
    ),
    scheme(
        "wss",
        Layer::WebSocket,
        true,
        Some(443),
        &["wss", "https", "ssl", "tls", "tcp"],
    ),
    scheme("http", Layer::Http, false, Some(80), &["http", "tcp"]),
    scheme(
        "https",
        Layer::Http,
        true,
        Some(443),
        &["https", "ssl", "tls", "tcp"],
    ),
    scheme("tcp", Layer::Stream, false, None, &["tcp"]),
    scheme("ssl", Layer::Stream, true, None, &["ssl", "tls", "tcp"]),
    scheme("tls", Layer::Stream, true, None, &["tls", "ssl", "tcp"]),
    scheme("udp", Layer::Other, false, None, &["udp"]),
    scheme("pipe", Layer::Other, false, None, &["pipe"]),
    scheme("sse", Layer::Other, false, Some(80), &["http", "tcp"]),
    scheme("wse", Layer::Other, false, Some(80), &["ws", "http", "tcp"]),
    scheme("wsn", Layer::Other, false, Some(80), &["ws", "http", "tcp"]),
    scheme("wsx", Layer::Other, false, Some(80), &["ws", "http", "tcp"]),
    scheme("amqp", Layer::Other, false, None, &["tcp"]),
    scheme("jmx", Layer::Other, false, None, &["tcp"]),
    scheme("snmp", Layer::Other, false, None, &["tcp"]),
    scheme("aws", Layer::Other, false, None, &[]),
];

/// A URI: scheme, host, port, path, query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    /// Scheme in lower case.
    pub scheme: String,
    /// Host in lower case; IPv6 without brackets.
    pub host: String,
    /// Port as written.
    pub port: Option<u16>,
    /// Path; empty when none is written.
    pub path: String,
    /// Query behind the question mark.
    pub query: Option<String>,
}

impl Uri {
    /// Takes a URI apart; the error is one sentence.
    pub fn parse(text: &str) -> Result<Uri, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!("{text} is no URI: it has no scheme"));
        };
        let token = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if scheme.is_empty() || !scheme.bytes().all(token) {
            return Err(format!("{text} is no URI: {scheme} is no scheme"));
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        if authority.contains('@') {
            return Err(format!("{text} holds user information"));
        }
        let (host, port) = split_port(authority).ok_or_else(|| format!("{text} has a bad port"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains([' ', '/', '[', ']']) {
            return Err(format!("{text} has no host"));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (rest, None),
        };
        if path.bytes().any(|b| b <= b' ' || b == 0x7f) {
            return Err(format!(
                "{text} has a path with a blank or a control character"
            ));
        }
        Ok(Uri {
            scheme: scheme.to_ascii_lowercase(),
            host: host.to_ascii_lowercase(),
            port,
            path: path.to_owned(),
            query,
        })
    }

    /// What is known of its scheme.
    pub fn known(&self) -> Option<&'static Scheme> {
        SCHEMES.iter().find(|row| row.name == self.scheme)
    }

    /// What is spoken.
    pub fn layer(&self) -> Layer {
        self.known().map_or(Layer::Other, |row| row.layer)
    }

    /// Inside TLS.
    pub fn is_secure(&self) -> bool {
        self.known().is_some_and(|row| row.secure)
    }

    /// The port, that of the scheme when none is written; 0 when it has none.
    pub fn port_or_default(&self) -> u16 {
        let own = self.known().and_then(|row| row.port);
        self.port.or(own).unwrap_or_default()
    }

    /// Host as it stands in a URI.
    pub fn host_text(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        }
    }

    /// `host:port`, the port always written.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host_text(), self.port_or_default())
    }

    /// The path, `/` when none is written.
    pub fn path_or_root(&self) -> &str {
        match self.path.as_str() {
            "" => "/",
            path => path,
        }
    }

    /// The same in everything but the host.
    pub fn matches_but_host(&self, other: &Uri) -> bool {
        self.scheme == other.scheme
            && self.port_or_default() == other.port_or_default()
            && self.path_or_root() == other.path_or_root()
    }

    /// The same place.
    pub fn is_same(&self, other: &Uri) -> bool {
        self.matches_but_host(other) && self.host == other.host
    }
}

/// A host and, behind the last colon that is not inside brackets, a port.
pub fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let after = authority.rfind(']').unwrap_or(0);
    match authority[after..].rfind(':') {
        None => Some((authority, None)),
        Some(at) => {
            let (host, port) = authority.split_at(after + at);
            let digits = &port[1..];
            let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            let port = is_number.then(|| digits.parse().ok()).flatten()?;
            Some((host, Some(port)))
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host_text())?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)?;
        match &self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}
