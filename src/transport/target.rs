//! Where a request goes: scheme, host, port.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};

use super::tls::ClientTls;

/// One back-end address; connections are pooled by it. Made once, at load, and shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// HTTPS.
    pub https: bool,
    /// A service of this process (`local://`); the rest says nothing then.
    pub here: bool,
    /// Host name or address, without brackets.
    pub host: Box<str>,
    /// Port.
    pub port: u16,
    /// Value of the `Host` field.
    pub authority: Box<str>,
    /// How the connection is protected; only together with [`https`](Self::https).
    tls: Option<Arc<ClientTls>>,
    /// Hash of the rest, so that a pool look-up does not read the texts.
    key: u64,
}

impl Target {
    /// A target whose `Host` leaves the scheme's own port out.
    pub fn new(https: bool, host: &str, port: u16) -> Self {
        let name = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let default = if https { 443 } else { 80 };
        if port == default {
            Self::with_authority(https, host, port, &name)
        } else {
            Self::with_authority(https, host, port, &format!("{name}:{port}"))
        }
    }

    /// A target with a `Host` of its own.
    pub fn with_authority(https: bool, host: &str, port: u16, authority: &str) -> Self {
        Self {
            https,
            here: false,
            host: host.into(),
            port,
            authority: authority.into(),
            tls: None,
            key: 0,
        }
        .keyed()
    }

    /// The services of this process.
    pub fn here() -> Self {
        let mut here = Self::with_authority(false, "localhost", 80, "localhost");
        here.here = true;
        here.keyed()
    }

    /// The same target, protected so; a plain one stays as it is.
    pub fn with_tls(mut self, tls: Arc<ClientTls>) -> Self {
        if self.https {
            self.tls = Some(tls);
        }
        self.keyed()
    }

    /// How the connection is protected; `None` for a plain one, and for one that nobody has said it of.
    pub fn tls(&self) -> Option<&ClientTls> {
        self.tls.as_deref()
    }

    fn keyed(mut self) -> Self {
        static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        self.key = KEYS.hash_one((
            self.https,
            self.here,
            &self.host,
            self.port,
            &self.authority,
            &self.tls,
        ));
        self
    }
}

impl Hash for Target {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.key);
    }
}

/// Takes the hash that a [`Target`] brings along.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.here, self.https) {
            (true, _) => "local",
            (false, true) => "https",
            (false, false) => "http",
        };
        write!(f, "{scheme}://{}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_leaves_the_default_port_out_and_brackets_ipv6() {
        assert_eq!(&*Target::new(false, "a", 80).authority, "a");
        assert_eq!(&*Target::new(false, "a", 443).authority, "a:443");
        assert_eq!(Target::new(true, "::1", 443).to_string(), "https://[::1]");
        assert_eq!(&*Target::new(false, "::1", 8080).authority, "[::1]:8080");
    }

    #[test]
    fn equal_targets_have_equal_keys() {
        assert_eq!(Target::new(false, "a", 1), Target::new(false, "a", 1));
        assert_ne!(Target::new(false, "a", 1), Target::new(true, "a", 1));
    }
}
