//! One frame: its header read and written, its payload unmasked (RFC 6455 section 5.2 and 5.3).

use super::CloseCode;

/// Longest header: two bytes, a length of eight, a key of four.
pub const HEADER_MAX: usize = 14;
/// Longest payload of a control frame (RFC 6455 section 5.5).
pub const CONTROL_MAX: usize = 125;
/// The first reserved bit.
const COMPRESSED: u8 = 0x40;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// More of a message.
    Continuation = 0,
    /// Text.
    Text = 1,
    /// Bytes.
    Binary = 2,
    /// The close handshake.
    Close = 8,
    /// Asks for a pong.
    Ping = 9,
    /// Answers a ping, or says that one is there.
    Pong = 10,
}

impl Opcode {
    fn of(number: u8) -> Option<Opcode> {
        Some(match number {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return None,
        })
    }

    /// True for frames that may come between the parts of a message.
    pub fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The last frame of its message.
    pub fin: bool,
    /// The message that it begins is compressed (RFC 7692 section 6): the first reserved bit.
    pub compressed: bool,
    /// What it is.
    pub opcode: Opcode,
    /// The key that its payload is masked with.
    pub mask: Option<[u8; 4]>,
    /// Bytes of the payload.
    pub length: u64,
}

/// Reads a header and says how many bytes it took. `Ok(None)`: more bytes are needed. Lengths have one spelling only:
/// the shortest.
pub fn read(bytes: &[u8]) -> Result<Option<(Header, usize)>, CloseCode> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & 0x30 != 0 {
        return Err(CloseCode::PROTOCOL);
    }
    let compressed = first & COMPRESSED != 0;
    let opcode = Opcode::of(first & 0x0f).ok_or(CloseCode::PROTOCOL)?;
    let fin = first & 0x80 != 0;
    let short = usize::from(second & 0x7f);
    if opcode.is_control() && (!fin || short > CONTROL_MAX) {
        return Err(CloseCode::PROTOCOL);
    }
    // Only what begins a message may say so. Whether compression was agreed on at all, the receiver knows.
    if compressed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
        return Err(CloseCode::PROTOCOL);
    }
    let (length, digits) = match short {
        126 => match rest.first_chunk::<2>() {
            Some(digits) => (u64::from(u16::from_be_bytes(*digits)), 2),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(digits) => (u64::from_be_bytes(*digits), 8),
            None => return Ok(None),
        },
        short => (short as u64, 0),
    };
    let shortest = match digits {
        2 => length > CONTROL_MAX as u64,
        8 => length > u64::from(u16::MAX) && length >> 63 == 0,
        _ => true,
    };
    if !shortest {
        return Err(CloseCode::PROTOCOL);
    }
    let mask = match second & 0x80 {
        0 => None,
        _ => match rest.get(digits..).and_then(|rest| rest.first_chunk::<4>()) {
            Some(key) => Some(*key),
            None => return Ok(None),
        },
    };
    let header = Header {
        fin,
        compressed,
        opcode,
        mask,
        length,
    };
    Ok(Some((header, 2 + digits + mask.map_or(0, |_| 4))))
}

/// Writes a header, with its key when there is one.
pub fn write(header: &Header, out: &mut Vec<u8>) {
    let fin = if header.fin { 0x80 } else { 0 };
    let compressed = if header.compressed { COMPRESSED } else { 0 };
    let masked = if header.mask.is_some() { 0x80 } else { 0 };
    out.push(fin | compressed | header.opcode as u8);
    match header.length {
        short @ 0..=125 => out.push(masked | short as u8),
        middle @ 126..=0xffff => {
            out.push(masked | 126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(masked | 127);
            out.extend_from_slice(&long.to_be_bytes());
        }
    }
    out.extend_from_slice(&header.mask.unwrap_or_default()[..header.mask.map_or(0, |_| 4)]);
}

/// Writes a whole frame as a server does: unmasked.
pub fn write_frame(fin: bool, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    let header = Header {
        fin,
        compressed: false,
        opcode,
        mask: None,
        length: payload.len() as u64,
    };
    write(&header, out);
    out.extend_from_slice(payload);
}

/// Masks or unmasks a part of a payload that begins `at` bytes after the payload's first.
pub fn mask(bytes: &mut [u8], key: [u8; 4], at: u64) {
    let turn = (at % 4) as usize;
    let turned = [
        key[turn],
        key[(turn + 1) % 4],
        key[(turn + 2) % 4],
        key[(turn + 3) % 4],
    ];
    let eight = u64::from_ne_bytes([
        turned[0], turned[1], turned[2], turned[3], turned[0], turned[1], turned[2], turned[3],
    ]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ eight).to_ne_bytes();
    }
    for (at, byte) in rest.iter_mut().enumerate() {
        *byte ^= turned[at % 4];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 6455 section 5.7.
        let (header, length) = read(b"\x81\x05Hello").unwrap().unwrap();
        assert_eq!(
            (header.fin, header.opcode, header.length, length),
            (true, Opcode::Text, 5, 2)
        );
        let mut frame = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        let (header, length) = read(&frame).unwrap().unwrap();
        mask(&mut frame[length..], header.mask.unwrap(), 0);
        assert_eq!(&frame[length..], b"Hello");
        let (header, length) = read(b"\x82\x7f\0\0\0\0\0\x01\0\0").unwrap().unwrap();
        assert_eq!((header.length, length), (65_536, 10));
    }

    #[test]
    fn what_is_written_is_read_again_and_no_part_of_it_alone() {
        for length in [0, 1, 125, 126, 65_535, 65_536, u64::MAX >> 1] {
            for mask in [None, Some([1, 2, 3, 4])] {
                let header = Header {
                    fin: length % 2 == 0,
                    compressed: length > 125,
                    opcode: Opcode::Binary,
                    mask,
                    length,
                };
                let mut out = Vec::new();
                write(&header, &mut out);
                assert_eq!(read(&out), Ok(Some((header, out.len()))));
                for cut in 0..out.len() {
                    assert_eq!(read(&out[..cut]), Ok(None));
                }
            }
        }
    }

    #[test]
    fn what_the_rfc_forbids_is_a_protocol_error() {
        for frame in [
            &b"\xa1\x00"[..],                            // a reserved bit
            b"\xc0\x00",                                 // a compressed continuation
            b"\xc9\x00",                                 // a compressed ping
            b"\x83\x00",                                 // an unknown opcode
            b"\x09\x00",                                 // a fragmented ping
            b"\x89\x7e\x00\x7e",                         // a long ping
            b"\x82\x7e\x00\x05",                         // a length with a longer spelling
            b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", // the same
            b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", // the highest bit
        ] {
            assert_eq!(read(frame), Err(CloseCode::PROTOCOL), "{frame:x?}");
        }
    }

    #[test]
    fn masking_in_parts_is_masking_at_once() {
        let key = [9, 8, 7, 6];
        let text: Vec<u8> = (0..=99).collect();
        let mut whole = text.clone();
        mask(&mut whole, key, 0);
        for cut in 0..text.len() {
            let mut parts = text.clone();
            let (first, second) = parts.split_at_mut(cut);
            mask(first, key, 0);
            mask(second, key, cut as u64);
            assert_eq!(parts, whole, "{cut}");
        }
    }
}
