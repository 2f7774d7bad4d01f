//! `use-forwarded` of an `http.proxy`: what its back end is told of the client (RFC 7239, and the fields that came before it).
//!
//! | value | `Forwarded` and `X-Forwarded-*` of the client |
//! |---|---|
//! | `ignore` | are passed on as they come (default) |
//! | `inject` | are passed on, with what is known here behind them |
//! | `exclude` | are left out |

use std::net::IpAddr;

use super::visit::Visit;
use crate::transport::head::RequestHead;
use crate::transport::http1::write::Override;

const FORWARDED: &str = "Forwarded";
const FOR: &str = "X-Forwarded-For";
const BY: &str = "X-Forwarded-Server";
const PROTOCOL: &str = "X-Forwarded-Proto";
const HOST: &str = "X-Forwarded-Host";

/// What becomes of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Forwarded {
    /// They are passed on.
    #[default]
    Ignore,
    /// They are passed on and added to.
    Inject,
    /// They are left out.
    Exclude,
}

impl Forwarded {
    /// Reads its name.
    pub fn parse(text: &str) -> Result<Forwarded, String> {
        match text.to_ascii_lowercase().as_str() {
            "ignore" => Ok(Forwarded::Ignore),
            "inject" => Ok(Forwarded::Inject),
            "exclude" => Ok(Forwarded::Exclude),
            _ => Err(format!("{text} is none of ignore, inject and exclude")),
        }
    }

    /// What the request for the back end has in place of the client's fields.
    pub fn fields(self, visit: &Visit<'_>) -> Vec<Override<'static>> {
        match self {
            Forwarded::Ignore => Vec::new(),
            Forwarded::Exclude => [FORWARDED, FOR, BY, PROTOCOL, HOST]
                .map(Override::remove)
                .into(),
            Forwarded::Inject => {
                let way = Way {
                    client: visit.client.peer.ip(),
                    here: visit.client.local.ip(),
                    secure: visit.accept().is_some_and(|uri| uri.is_secure()),
                    host: visit.host(),
                };
                way.fields(visit.head)
            }
        }
    }
}

/// How a request came.
struct Way<'r> {
    client: IpAddr,
    here: IpAddr,
    secure: bool,
    host: &'r [u8],
}

impl Way<'_> {
    fn fields(&self, head: &RequestHead) -> Vec<Override<'static>> {
        let protocol: &[u8] = if self.secure { b"https" } else { b"http" };
        let said = format!(
            "for={};by={};proto={}",
            node(self.client),
            node(self.here),
            String::from_utf8_lossy(protocol)
        );
        let said = [said.as_bytes(), b";host=\"", &quoted(self.host), b"\""].concat();
        let client = self.client.to_string().into_bytes();
        let here = self.here.to_string().into_bytes();
        let behind = |name, value| Override::set_owned(name, behind(head, name, value));
        vec![
            behind(FORWARDED, said),
            behind(FOR, client),
            behind(BY, here),
            behind(PROTOCOL, protocol.to_vec()),
            behind(HOST, self.host.to_vec()),
        ]
    }
}

/// An address as RFC 7239 section 6 has it.
fn node(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    }
}

/// Bytes between quotation marks.
fn quoted(text: &[u8]) -> Vec<u8> {
    let escaped = |b: &u8| match b {
        b'"' | b'\\' => vec![b'\\', *b],
        _ => vec![*b],
    };
    text.iter().flat_map(escaped).collect()
}

/// The values of a field with one more behind them.
fn behind(head: &RequestHead, name: &str, value: Vec<u8>) -> Vec<u8> {
    let fields = head.headers.iter();
    let before = fields.filter(|(_, own, _)| own.eq_ignore_ascii_case(name.as_bytes()));
    let mut all: Vec<&[u8]> = before.map(|(_, _, value)| value).collect();
    all.push(&value);
    all.join(&b", "[..])
}
