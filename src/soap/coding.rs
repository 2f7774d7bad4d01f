//! Packed bodies (`Content-Encoding`, RFC 9110 section 8.4.1): unpacked for who looks into them, within a bound.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// Why a body cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Packed {
    /// The coding is not known here.
    #[error("a message packed with `{0}` is not read; gzip and deflate are")]
    Unknown(String),
    /// The bytes are not what the coding says.
    #[error("the message is not packed with `{0}` as it says")]
    Broken(String),
    /// It is longer than may be held once it is unpacked.
    #[error("unpacked, the message is longer than [limits] message_bytes ({0})")]
    TooLong(usize),
}

/// The bytes under a `Content-Encoding`, at most `limit` of them; `None` when nothing is packed.
///
/// # Errors
/// [`Packed`].
pub fn unpack(coding: &[u8], bytes: &[u8], limit: usize) -> Result<Option<Vec<u8>>, Packed> {
    let name: String = String::from_utf8_lossy(coding.trim_ascii())
        .chars()
        .take(40)
        .collect();
    match name.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(None),
        "gzip" | "x-gzip" => read(MultiGzDecoder::new(bytes), &name, limit).map(Some),
        // Some senders leave out the frame of zlib that the coding has.
        "deflate" => match read(ZlibDecoder::new(bytes), &name, limit) {
            Err(Packed::Broken(_)) => read(DeflateDecoder::new(bytes), &name, limit).map(Some),
            read => read.map(Some),
        },
        _ => Err(Packed::Unknown(name)),
    }
}

fn read(unpacking: impl Read, name: &str, limit: usize) -> Result<Vec<u8>, Packed> {
    let mut out = Vec::new();
    let most = limit as u64 + 1;
    unpacking
        .take(most)
        .read_to_end(&mut out)
        .map_err(|_| Packed::Broken(name.to_owned()))?;
    match out.len() > limit {
        true => Err(Packed::TooLong(limit)),
        false => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packing = GzEncoder::new(Vec::new(), Compression::default());
        packing.write_all(bytes).unwrap();
        packing.finish().unwrap()
    }

    #[test]
    fn what_was_packed_comes_back() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(b"hello").unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(b"hello").unwrap();
        for (coding, packed) in [
            (&b"gzip"[..], gzip(b"hello")),
            (b" X-GZIP ", [gzip(b"hel"), gzip(b"lo")].concat()),
            (b"deflate", zlib.finish().unwrap()),
            (b"deflate", raw.finish().unwrap()),
        ] {
            assert_eq!(unpack(coding, &packed, 5), Ok(Some(b"hello".to_vec())));
        }
        assert_eq!(unpack(b"identity", b"x", 5), Ok(None));
    }

    #[test]
    fn what_cannot_be_unpacked_says_why() {
        assert_eq!(
            unpack(b"gzip", &gzip(&[0; 100_000]), 99_999),
            Err(Packed::TooLong(99_999))
        );
        let broken = |name: &str| Err(Packed::Broken(name.to_owned()));
        assert_eq!(unpack(b"gzip", b"no gzip", 9), broken("gzip"));
        assert_eq!(unpack(b"gzip", &gzip(b"hello")[..12], 9), broken("gzip"));
        assert_eq!(unpack(b"deflate", b"\xff\xff\xff", 9), broken("deflate"));
        assert_eq!(
            unpack(b"gzip, br", b"", 9),
            Err(Packed::Unknown("gzip, br".to_owned()))
        );
    }
}
