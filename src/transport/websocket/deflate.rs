//! permessage-deflate (RFC 7692): messages that are compressed on the way.
//!
//! Each message stands alone: both sides are told to forget the one before (`server_no_context_takeover`,
//! `client_no_context_takeover`). So a silent WebSocket holds no window, and the state of the algorithm, a third of a
//! megabyte, belongs to the thread and not to the connection. What is lost is a better ratio for many small messages
//! that are alike.
//!
//! Pure: [`negotiate`] reads what a client offers, [`deflate`] compresses a payload, [`inflation`] gives it back in
//! pieces, so that a few bytes that stand for many cannot make anything grow.

mod inflation;
mod offer;

pub use inflation::{Inflation, Step};
pub use offer::{Agreed, negotiate};

use std::cell::RefCell;

use flate2::{Compress, Compression, FlushCompress};

/// Where nothing is gained by compressing, and where the state that has to be reset costs more than the bytes.
const WORTH_IT: usize = 64;
/// What every compressed message ends with and what is not sent (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

thread_local! {
    static COMPRESS: RefCell<Option<Compress>> = const { RefCell::new(None) };
}

/// Adds the compressed payload to `out`. False, and nothing was added, when it would not be smaller.
pub fn deflate(payload: &[u8], agreed: Agreed, out: &mut Vec<u8>) -> bool {
    if payload.len() < WORTH_IT {
        return false;
    }
    let start = out.len();
    let done = COMPRESS.with(|kept| {
        let mut kept = kept.borrow_mut();
        let state = kept.get_or_insert_with(|| Compress::new(Compression::fast(), false));
        // A window smaller than the algorithm's own is kept by forgetting in time: no match reaches out of its piece.
        let mut pieces = payload.chunks(agreed.window());
        pieces.all(|piece| squeeze(state, piece, out))
    });
    if !done || !out.ends_with(&TAIL) || out.len() - start - TAIL.len() >= payload.len() {
        out.truncate(start);
        return false;
    }
    out.truncate(out.len() - TAIL.len());
    true
}

/// One piece, to the end of a byte.
fn squeeze(state: &mut Compress, piece: &[u8], out: &mut Vec<u8>) -> bool {
    state.reset();
    loop {
        let taken = state.total_in() as usize;
        // Room for what cannot be made smaller, and for the end.
        out.reserve(piece.len() - taken + 64);
        let before = state.total_out();
        if state
            .compress_vec(&piece[taken..], out, FlushCompress::Sync)
            .is_err()
        {
            return false;
        }
        let all = state.total_in() as usize == piece.len();
        if all && out.len() < out.capacity() {
            return true;
        }
        if state.total_out() == before && !all {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::websocket::CloseCode;

    fn agreed(offer: &str) -> Agreed {
        negotiate([offer.as_bytes()]).unwrap().0
    }

    /// The message that these compressed bytes stand for.
    fn inflated(limit: u64, compressed: &[u8]) -> Result<Vec<u8>, CloseCode> {
        let mut inflation = Inflation::new(false, limit);
        inflation.feed(0..compressed.len(), true);
        let mut whole = Vec::new();
        loop {
            match inflation.step(compressed)? {
                Step::Piece { last, .. } => {
                    whole.extend_from_slice(inflation.piece());
                    if last {
                        return Ok(whole);
                    }
                }
                Step::More => panic!("it was told that nothing follows"),
            }
        }
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 7692 section 7.2.3: a compressed "Hello", the same without compression, with BFINAL set, in two blocks.
        for bytes in [
            &b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..],
            b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
            b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
            b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
        ] {
            assert_eq!(
                inflated(5, bytes).as_deref(),
                Ok(&b"Hello"[..]),
                "{bytes:x?}"
            );
        }
    }

    #[test]
    fn what_is_compressed_is_the_same_afterwards_and_smaller() {
        let text = "a message that says the same thing again and again, ".repeat(4_000);
        for offer in [
            "permessage-deflate",
            "permessage-deflate; server_max_window_bits=9",
        ] {
            for length in [64, 511, 512, 513, 40_000, text.len()] {
                let mut out = b"before".to_vec();
                assert!(
                    deflate(&text.as_bytes()[..length], agreed(offer), &mut out),
                    "{length}"
                );
                let compressed = out.strip_prefix(b"before").unwrap();
                assert!(compressed.len() < length);
                assert_eq!(
                    inflated(length as u64, compressed).unwrap(),
                    &text.as_bytes()[..length]
                );
            }
        }
    }

    #[test]
    fn what_does_not_get_smaller_is_left_alone() {
        let mut noise = 1_u32;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        })
        .take(100_000)
        .collect();
        for payload in [&bytes[..], b"short"] {
            let mut out = b"before".to_vec();
            assert!(!deflate(payload, agreed("permessage-deflate"), &mut out));
            assert_eq!(out, b"before");
        }
    }

    #[test]
    fn the_limit_counts_what_comes_out_and_includes_itself() {
        let bomb = vec![0; 10_000_000];
        let mut out = Vec::new();
        assert!(deflate(&bomb, agreed("permessage-deflate"), &mut out));
        assert!(out.len() < 50_000);
        assert_eq!(
            inflated(10_000_000, &out).map(|all| all.len()),
            Ok(10_000_000)
        );
        assert_eq!(inflated(9_999_999, &out), Err(CloseCode::TOO_BIG));
    }

    #[test]
    fn what_is_no_compressed_message_is_refused() {
        for bytes in [&b"\xff\xff\xff"[..], b"\x06\x00"] {
            assert_eq!(inflated(100, bytes), Err(CloseCode::NOT_UTF8), "{bytes:x?}");
        }
    }
}
