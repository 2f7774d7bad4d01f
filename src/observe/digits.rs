//! Digits of the small numbers that every access line holds, looked up and not computed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The last three digits of each number below a thousand.
const THREE: [[u8; 3]; 1_000] = {
    let mut table = [[0; 3]; 1_000];
    let mut n = 0;
    while n < 1_000 {
        table[n] = [
            b'0' + (n / 100) as u8,
            b'0' + (n / 10 % 10) as u8,
            b'0' + (n % 10) as u8,
        ];
        n += 1;
    }
    table
};

/// The two hexadecimal digits of each byte.
const HEX: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut n = 0;
    while n < 256 {
        table[n] = [DIGITS[n >> 4], DIGITS[n & 15]];
        n += 1;
    }
    table
};

/// Appends a number in decimal.
pub fn write_number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends the last three digits of a number.
pub fn write_three(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&THREE[(number % 1_000) as usize]);
}

/// Appends the lowest `digits` hexadecimal digits of a number; an even number of them, at most 16.
pub fn write_hex(out: &mut Vec<u8>, value: u64, digits: usize) {
    let mut all = [0; 16];
    for (pair, byte) in all
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(value.to_be_bytes())
    {
        *pair = HEX[usize::from(byte)];
    }
    out.extend_from_slice(&all[16 - digits.min(16)..]);
}

/// Appends milliseconds with three decimals.
pub fn write_ms(out: &mut Vec<u8>, time: Duration) {
    let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let ms = us / 1_000;
    match THREE.get(ms as usize) {
        Some(digits) => out.extend_from_slice(&digits[leading_zeros(ms as usize)..]),
        None => write_number(out, ms),
    }
    out.push(b'.');
    write_three(out, us);
}

/// Appends `host:port`.
pub fn write_address(out: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            // Three digits and the separator behind them are written each time; the next octet begins where this one ends.
            let mut text = [0; 4 * 4];
            let mut end = 0;
            for octet in ip.octets() {
                let skip = leading_zeros(usize::from(octet));
                let [a, b, c] = THREE[usize::from(octet)];
                let digits = u32::from_le_bytes([a, b, c, b'.']) >> (8 * skip);
                text[end..end + 4].copy_from_slice(&digits.to_le_bytes());
                end += 4 - skip;
            }
            text[end - 1] = b':';
            out.extend_from_slice(&text[..end]);
        }
        IpAddr::V6(ip) => out.extend_from_slice(format!("[{ip}]:").as_bytes()),
    }
    write_number(out, address.port());
}

/// How many of its three digits a number does without.
fn leading_zeros(number: usize) -> usize {
    usize::from(number < 100) + usize::from(number < 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = b"~".to_vec();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_address_is_written_as_the_standard_library_writes_it() {
        for octet in 0..=u8::MAX {
            for other in [0, 9, 10, 99, 100, 255] {
                for ip in [[octet, other, octet, other], [other, octet, other, octet]] {
                    let address = SocketAddr::from((ip, u16::from(octet) * 257));
                    assert_eq!(
                        written(|out| write_address(out, address)),
                        format!("~{address}")
                    );
                }
            }
        }
        let v6: SocketAddr = "[2001:db8::1]:8280".parse().unwrap();
        assert_eq!(written(|out| write_address(out, v6)), "~[2001:db8::1]:8280");
    }

    #[test]
    fn milliseconds_have_three_decimals_and_no_leading_zeros() {
        for (us, text) in [
            (0, "~0.000"),
            (9, "~0.009"),
            (1_234, "~1.234"),
            (10_020, "~10.020"),
            (999_999, "~999.999"),
            (1_000_000, "~1000.000"),
            (61_000_007, "~61000.007"),
        ] {
            let time = Duration::from_micros(us);
            assert_eq!(written(|out| write_ms(out, time)), text);
        }
    }

    #[test]
    fn hexadecimal_digits_are_the_lowest() {
        let value = 0x0123_4567_89ab_cdef;
        assert_eq!(
            written(|out| write_hex(out, value, 16)),
            "~0123456789abcdef"
        );
        assert_eq!(written(|out| write_hex(out, value, 10)), "~6789abcdef");
        assert_eq!(written(|out| write_hex(out, value, 2)), "~ef");
    }
}
