//! Where a request goes: scheme, host, port.

use std::fmt;

/// One back-end address; connections are pooled by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// HTTPS.
    pub https: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Value of the `Host` field: the port only when it is not the scheme's own.
    pub authority: String,
}

impl Target {
    /// Builds the authority from its parts.
    pub fn new(https: bool, host: &str, port: u16) -> Self {
        let name = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let default = if https { 443 } else { 80 };
        let authority = if port == default {
            name
        } else {
            format!("{name}:{port}")
        };
        Self {
            https,
            host: host.to_owned(),
            port,
            authority,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}",
            if self.https { "https" } else { "http" },
            self.authority
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_leaves_the_default_port_out_and_brackets_ipv6() {
        assert_eq!(Target::new(false, "a", 80).authority, "a");
        assert_eq!(Target::new(false, "a", 443).authority, "a:443");
        assert_eq!(Target::new(true, "::1", 443).to_string(), "https://[::1]");
        assert_eq!(Target::new(false, "::1", 8080).authority, "[::1]:8080");
    }
}
