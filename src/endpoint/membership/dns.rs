//! `dns`: a member for each address (A and AAAA) of the property `host`, all with the property `port`.

use std::io;
use std::net::ToSocketAddrs;
use std::time::Duration;

use super::{Address, MEMBERS_MAX, Settings, Source};
use crate::config::diagnostic::Diagnostics;

/// `refresh` when it is not given, in milliseconds.
const REFRESH_MS: u64 = 30_000;

struct Dns {
    host: String,
    http_port: u16,
    https_port: Option<u16>,
    refresh: Duration,
}

impl Source for Dns {
    fn look(&self) -> io::Result<Vec<Address>> {
        let mut members: Vec<_> = (self.host.as_str(), self.http_port)
            .to_socket_addrs()?
            .map(|found| Address {
                host: found.ip().to_string(),
                http_port: Some(self.http_port),
                https_port: self.https_port,
            })
            .collect();
        // Resolvers turn their answers round; the members do not change by that.
        members.sort_unstable();
        members.dedup();
        members.truncate(MEMBERS_MAX);
        match members.is_empty() {
            true => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the host has no address",
            )),
            false => Ok(members),
        }
    }

    fn period(&self) -> Option<Duration> {
        Some(self.refresh)
    }
}

pub(super) fn build(
    settings: &Settings<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Box<dyn Source>> {
    settings.only(&["host", "port", "httpsPort", "refresh"], diagnostics);
    let host = settings.required("host", diagnostics);
    let port = settings.required("port", diagnostics).is_some();
    let http_port = settings.number("port", 80, 1..=65_535, diagnostics)?;
    let https_port = settings.number("httpsPort", 0, 0..=65_535, diagnostics)?;
    let refresh = settings.number("refresh", REFRESH_MS, 500..=86_400_000, diagnostics)?;
    let host = host.filter(|_| port)?;
    Some(Box::new(Dns {
        host: host.value.clone(),
        http_port: http_port as u16,
        https_port: (https_port > 0).then_some(https_port as u16),
        refresh: Duration::from_millis(refresh),
    }))
}
