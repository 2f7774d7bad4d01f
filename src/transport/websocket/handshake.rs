//! The request that asks for a WebSocket, judged (RFC 6455 section 4.2).

use crate::transport::head::RequestHead;
use crate::util::base64;

/// What every key is joined with (RFC 6455 section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Longest key that is answered: a proper one has 24 characters.
const KEY_MAX: usize = 64;
/// Most sub-protocols of one request that are looked at.
const PROTOCOLS_MAX: usize = 64;

/// Why there will be no WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwilling {
    /// The version is none that is spoken here.
    Version,
    /// The key is missing, or is none.
    Key,
}

/// What a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `Sec-WebSocket-Version`: 13, or the old 8, which is framed in the same way.
    pub version: u8,
    /// The answer to its key.
    pub accept: String,
    /// The sub-protocols that it offers, in its order.
    pub protocols: Vec<String>,
}

/// Judges a request whose `Upgrade` was recognised.
pub fn judge(head: &RequestHead) -> Result<Asked, Unwilling> {
    let version = match head.headers.find("Sec-WebSocket-Version") {
        Some(b"13") => 13,
        Some(b"8") => 8,
        _ => return Err(Unwilling::Version),
    };
    let key = head.headers.find("Sec-WebSocket-Key").unwrap_or_default();
    if key.is_empty() || key.len() > KEY_MAX {
        return Err(Unwilling::Key);
    }
    Ok(Asked {
        version,
        accept: accept(key),
        protocols: protocols(head),
    })
}

/// `Sec-WebSocket-Accept` for a key.
pub fn accept(key: &[u8]) -> String {
    use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
    let mut sha1 = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    sha1.update(key);
    sha1.update(GUID);
    base64::encode(sha1.finish().as_ref())
}

fn protocols(head: &RequestHead) -> Vec<String> {
    let fields = head.headers.iter();
    let ours = fields.filter(|(_, name, _)| name.eq_ignore_ascii_case(b"Sec-WebSocket-Protocol"));
    let tokens = ours.flat_map(|(_, _, value)| value.split(|b| *b == b','));
    tokens
        .map(|token| String::from_utf8_lossy(token.trim_ascii()).into_owned())
        .filter(|token| !token.is_empty())
        .take(PROTOCOLS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc_has_the_answer_of_the_rfc() {
        assert_eq!(
            accept(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn a_request_needs_a_version_and_a_key() {
        let head = |fields: &[(&str, &str)]| {
            let mut head = RequestHead::default();
            for (name, value) in fields {
                head.headers.append(name.as_bytes(), value.as_bytes());
            }
            head
        };
        let key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        let version = ("Sec-WebSocket-Version", "13");
        assert_eq!(judge(&head(&[key])), Err(Unwilling::Version));
        assert_eq!(judge(&head(&[version])), Err(Unwilling::Key));
        let lists = [
            ("Sec-WebSocket-Protocol", "a, b"),
            ("sec-websocket-protocol", " c,"),
        ];
        let asked = judge(&head(&[key, version, lists[0], lists[1]])).unwrap();
        assert_eq!(asked.version, 13);
        assert_eq!(asked.protocols, ["a", "b", "c"]);
    }
}
