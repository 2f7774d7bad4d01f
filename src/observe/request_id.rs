//! The name of one exchange, the same in logs, events, faults and towards the back end.
//!
//! Taken from `traceparent` (W3C Trace Context, level 1: the trace id), else from `X-Request-Id` when it is short
//! and harmless, else made. A made one is a prefix drawn once per worker and a counter: 16 bytes, nothing is
//! formatted until somebody writes it down.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::digits::write_hex;

/// Longest `X-Request-Id` that is taken over.
pub const GIVEN_MAX: usize = 128;

/// The id of one exchange; cheap to clone, written on demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Origin);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Trace { trace: u128, parent: u64 },
    Given(Arc<str>),
    Made { prefix: u64, count: u64 },
}

impl RequestId {
    /// The trace id, when the request came with a valid `traceparent`.
    pub fn trace(&self) -> Option<u128> {
        match self.0 {
            Origin::Trace { trace, .. } => Some(trace),
            _ => None,
        }
    }

    /// The caller's span id, when the request came with a valid `traceparent`.
    pub fn parent_span(&self) -> Option<u64> {
        match self.0 {
            Origin::Trace { parent, .. } => Some(parent),
            _ => None,
        }
    }

    /// Appends the id: hexadecimal digits, or the given text (which holds no character that needs escaping).
    pub fn write(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Origin::Trace { trace, .. } => {
                write_hex(out, (trace >> 64) as u64, 16);
                write_hex(out, *trace as u64, 16);
            }
            Origin::Given(text) => out.extend_from_slice(text.as_bytes()),
            Origin::Made { prefix, count } => {
                write_hex(out, *prefix, 12);
                write_hex(out, *count, 10);
            }
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(32);
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

/// Hands out ids; one per worker, so that no two workers share a counter.
#[derive(Debug)]
pub struct RequestIds {
    prefix: u64,
    count: std::cell::Cell<u64>,
}

impl RequestIds {
    /// A source with a random prefix of 48 bits.
    pub fn new() -> RequestIds {
        // RandomState is the standard library's seed: unpredictable enough to keep workers and restarts apart.
        RequestIds::with_prefix(RandomState::new().hash_one(std::process::id()))
    }

    /// A source with this prefix (its low 48 bits), for repeatable runs.
    pub fn with_prefix(prefix: u64) -> RequestIds {
        RequestIds {
            prefix: prefix & 0xffff_ffff_ffff,
            count: std::cell::Cell::new(0),
        }
    }

    /// The id for a request with these two header values.
    pub fn next(&self, traceparent: Option<&[u8]>, x_request_id: Option<&[u8]>) -> RequestId {
        if let Some((trace, parent)) = traceparent.and_then(parse_traceparent) {
            return RequestId(Origin::Trace { trace, parent });
        }
        if let Some(text) = x_request_id.and_then(acceptable) {
            return RequestId(Origin::Given(text.into()));
        }
        let count = self.count.get();
        self.count.set(count.wrapping_add(1) & 0xff_ffff_ffff);
        RequestId(Origin::Made {
            prefix: self.prefix,
            count,
        })
    }
}

impl Default for RequestIds {
    fn default() -> RequestIds {
        RequestIds::new()
    }
}

/// Trace id and parent id of a valid header, else nothing.
fn parse_traceparent(value: &[u8]) -> Option<(u128, u64)> {
    let version = value.get(..2).and_then(|v| number(v, 2))?;
    if version == 0xff || value.len() < 55 || [2, 35, 52].iter().any(|&at| value[at] != b'-') {
        return None;
    }
    // Version 00 is exactly this long; a later one may go on after another dash.
    if value.len() > 55 && (version == 0 || value[55] != b'-') {
        return None;
    }
    let trace = number(&value[3..35], 32)?;
    let parent = number(&value[36..52], 16)? as u64;
    number(&value[53..55], 2)?;
    (trace != 0 && parent != 0).then_some((trace, parent))
}

/// Lower-case hexadecimal of exactly that many digits.
fn number(digits: &[u8], count: usize) -> Option<u128> {
    if digits.len() != count {
        return None;
    }
    digits.iter().try_fold(0_u128, |sum, &digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(sum << 4 | u128::from(value))
    })
}

fn acceptable(value: &[u8]) -> Option<&str> {
    let harmless = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:=+/@,".contains(b);
    if value.is_empty() || value.len() > GIVEN_MAX || !value.iter().all(harmless) {
        return None;
    }
    std::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_traceparent_gives_its_trace_id() {
        let id = RequestIds::with_prefix(1).next(Some(VALID), Some(b"other"));
        assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(id.parent_span(), Some(0x00f0_67aa_0ba9_02b7));
        assert!(id.trace().is_some());
    }

    #[test]
    fn a_later_version_may_be_longer_and_version_00_may_not() {
        let mut longer = VALID.to_vec();
        longer.extend_from_slice(b"-more");
        assert_eq!(parse_traceparent(&longer), None);
        longer[1] = b'1';
        assert!(parse_traceparent(&longer).is_some());
    }

    #[test]
    fn malformed_traceparents_are_passed_over() {
        let upper = VALID.to_ascii_uppercase();
        for bad in [
            &b""[..],
            b"00",
            b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            b"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            b"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-zz",
            &upper,
        ] {
            let id = RequestIds::with_prefix(7).next(Some(bad), Some(b"mine"));
            assert_eq!(
                id.to_string(),
                "mine",
                "{:?}",
                bad.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn a_request_id_with_odd_characters_or_too_long_is_replaced() {
        let ids = RequestIds::with_prefix(0xabc);
        for bad in [
            &b""[..],
            b"a b",
            b"a\"b",
            b"\xff",
            b"x\r\ny",
            &[b'a'; GIVEN_MAX + 1],
        ] {
            assert!(
                ids.next(None, Some(bad))
                    .to_string()
                    .starts_with("000000000abc")
            );
        }
        assert_eq!(
            ids.next(None, Some(&[b'a'; GIVEN_MAX])).to_string(),
            "a".repeat(GIVEN_MAX)
        );
    }

    #[test]
    fn made_ids_count_up_and_differ() {
        let ids = RequestIds::with_prefix(0xdead_beef_0001);
        assert_eq!(ids.next(None, None).to_string(), "deadbeef00010000000000");
        assert_eq!(ids.next(None, None).to_string(), "deadbeef00010000000001");
    }
}
