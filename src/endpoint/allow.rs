//! Which targets a message may name for itself (design 16): none but the listed ones, unless nobody but this machine
//! can send messages here. Link-local addresses and axon's own administration are refused always.

use std::net::{IpAddr, SocketAddr};

use super::tree::target::Address;

/// `[default_endpoint] allow`, and what is known of the listeners.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    rules: Vec<Rule>,
    /// Every listener is on loopback.
    pub loopback_only: bool,
    /// Addresses that are never permitted: axon's own administration.
    pub own: Vec<SocketAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Host(String),
    HostPort(String, u16),
    Network(IpAddr, u8),
}

impl AllowList {
    /// An empty list for a proxy with such listeners and such an administration.
    pub fn for_network(loopback_only: bool, own: Vec<SocketAddr>) -> AllowList {
        AllowList {
            rules: Vec::new(),
            loopback_only,
            own,
        }
    }

    /// The same with entries: `host`, `host:port`, `address/bits`. The first bad one is the error.
    pub fn with_entries(&self, entries: &[String]) -> Result<AllowList, String> {
        let rules = entries
            .iter()
            .map(|entry| Rule::parse(entry.trim()).ok_or_else(|| entry.clone()))
            .collect::<Result<_, _>>()?;
        Ok(AllowList {
            rules,
            ..self.clone()
        })
    }

    /// True when a message may send itself there.
    pub fn permits(&self, address: &Address) -> bool {
        let (host, port) = (&*address.target.host, address.target.port);
        let ip = host.parse::<IpAddr>().ok();
        if ip.is_some_and(is_link_local) {
            return false;
        }
        let names_this_machine = host.eq_ignore_ascii_case("localhost")
            || ip.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified());
        if self
            .own
            .iter()
            .any(|own| own.port() == port && (names_this_machine || Some(own.ip()) == ip))
        {
            return false;
        }
        self.loopback_only || self.rules.iter().any(|rule| rule.matches(host, port, ip))
    }
}

impl Rule {
    fn parse(entry: &str) -> Option<Rule> {
        if let Some((network, bits)) = entry.split_once('/') {
            let network: IpAddr = network.parse().ok()?;
            let bits: u8 = bits.parse().ok()?;
            let most = if network.is_ipv4() { 32 } else { 128 };
            return (bits <= most).then_some(Rule::Network(network, bits));
        }
        if let Ok(ip) = entry.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Some(Rule::Host(ip.to_string()));
        }
        match entry.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() => {
                let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
                Some(Rule::HostPort(host, port.parse().ok()?))
            }
            Some(_) => None,
            None if entry.is_empty() => None,
            None => Some(Rule::Host(entry.to_ascii_lowercase())),
        }
    }

    fn matches(&self, host: &str, port: u16, ip: Option<IpAddr>) -> bool {
        match self {
            Rule::Host(name) => name.eq_ignore_ascii_case(host),
            Rule::HostPort(name, p) => *p == port && name.eq_ignore_ascii_case(host),
            Rule::Network(network, bits) => ip.is_some_and(|ip| in_network(ip, *network, *bits)),
        }
    }
}

fn in_network(ip: IpAddr, network: IpAddr, bits: u8) -> bool {
    let prefix = |value: u128, width: u32| value.checked_shr(width - u32::from(bits)).unwrap_or(0);
    match (ip, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            prefix(u128::from(a.to_bits()), 32) == prefix(u128::from(n.to_bits()), 32)
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => prefix(a.to_bits(), 128) == prefix(n.to_bits(), 128),
        _ => false,
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some_and(|v4| v4.is_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(list: &AllowList, url: &str) -> bool {
        list.permits(&Address::parse(url).unwrap())
    }

    #[test]
    fn only_what_is_listed_and_never_link_local_or_the_administration() {
        let entries =
            ["10.0.0.0/8", "shop.example:8080", "Open.example", "[::1]:9"].map(str::to_owned);
        let network = AllowList::for_network(false, vec!["127.0.0.1:8080".parse().unwrap()]);
        let mut list = network.with_entries(&entries).unwrap();
        for url in [
            "http://10.9.8.7:1/",
            "http://shop.example:8080/x",
            "http://open.EXAMPLE/",
            "http://[::1]:9/",
        ] {
            assert!(permits(&list, url), "{url}");
        }
        for url in [
            "http://11.0.0.1/",
            "http://shop.example/",
            "http://[::1]:8/",
            "http://169.254.169.254/",
        ] {
            assert!(!permits(&list, url), "{url}");
        }
        list.loopback_only = true;
        assert!(permits(&list, "http://anything/"));
        for url in [
            "http://169.254.169.254/",
            "http://localhost:8080/",
            "http://127.0.0.1:8080/",
        ] {
            assert!(!permits(&list, url), "{url}");
        }
    }

    #[test]
    fn bad_entries_are_named() {
        for bad in ["", "10.0.0.0/33", "a:b", ":80", "x/8"] {
            assert_eq!(
                AllowList::default()
                    .with_entries(&[bad.to_owned()])
                    .unwrap_err(),
                bad
            );
        }
    }
}
