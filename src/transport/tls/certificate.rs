//! What a certificate says that people ask about: whose it is, who signed it, how long it is good, for which names.
//!
//! A reader of the few fields that are needed (RFC 5280 section 4.1), not a verifier: rustls decides about trust. Whatever
//! the bytes are, it answers or gives up; it never reads beyond them and never recurses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::der::{Der, EXPLICIT_0, INTEGER, OCTETS, OID, SEQUENCE, SET};

/// Most names that are read from one certificate.
const NAMES_MAX: usize = 1_000;

/// The facts of one certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Common name of the subject, else its organisation.
    pub subject: String,
    /// Common name of the issuer, else its organisation.
    pub issuer: String,
    /// Serial number, in hexadecimal digits.
    pub serial: String,
    /// First second in which it is valid, since 1970.
    pub not_before: i64,
    /// Last second in which it is valid, since 1970.
    pub not_after: i64,
    /// DNS names (lower case) and IP addresses that it is valid for.
    pub names: Vec<String>,
}

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANISATION: &[u8] = &[0x55, 0x04, 0x0a];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

impl Facts {
    /// Reads a certificate in DER; `None` when it is none.
    pub fn read(der: &[u8]) -> Option<Facts> {
        let mut certificate = Der(Der(der).expect(SEQUENCE)?);
        let mut signed = Der(certificate.expect(SEQUENCE)?);
        let mut serial = signed.next()?;
        if serial.0 == EXPLICIT_0 {
            serial = signed.next()?;
        }
        if serial.0 != INTEGER {
            return None;
        }
        signed.expect(SEQUENCE)?;
        let issuer = signed.expect(SEQUENCE)?;
        let mut validity = Der(signed.expect(SEQUENCE)?);
        let (not_before, not_after) = (time(validity.next()?)?, time(validity.next()?)?);
        let subject = signed.expect(SEQUENCE)?;
        let mut names = Vec::new();
        while let Some((tag, value)) = signed.next() {
            if tag == EXTENSIONS {
                names = alternative_names(value).unwrap_or_default();
            }
        }
        Some(Facts {
            subject: common_name(subject),
            issuer: common_name(issuer),
            serial: serial.1.iter().map(|b| format!("{b:02x}")).collect(),
            not_before,
            not_after,
            names,
        })
    }

    /// True when it can be shown for a host, by its name or by that of all hosts one label up.
    pub fn covers(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.hosts()
            .iter()
            .any(|name| match name.strip_prefix("*.") {
                Some(suffix) => host.split_once('.').is_some_and(|(_, rest)| rest == suffix),
                None => *name == host,
            })
    }

    /// The hosts that it can be shown for, in lower case: its names, else the common name, which is all that many a
    /// certificate in a Java keystore has. Clients of today look at names only.
    pub fn hosts(&self) -> Vec<String> {
        let is_host = |text: &str| {
            let host = |b: u8| b.is_ascii_alphanumeric() || b"-._*:".contains(&b);
            !text.is_empty() && text.bytes().all(host)
        };
        match self.names.is_empty() && is_host(&self.subject) {
            true => vec![self.subject.to_ascii_lowercase()],
            false => self.names.clone(),
        }
    }
}

fn common_name(name: &[u8]) -> String {
    let mut organisation = None;
    let mut parts = Der(name);
    while let Some(part) = parts.expect(SET) {
        let Some(mut pair) = Der(part).expect(SEQUENCE).map(Der) else {
            continue;
        };
        let (Some(kind), Some((_, text))) = (pair.expect(OID), pair.next()) else {
            continue;
        };
        match kind {
            COMMON_NAME => return printable(text),
            ORGANISATION => organisation = Some(printable(text)),
            _ => {}
        }
    }
    organisation.unwrap_or_default()
}

/// Text without what could upset a terminal or a log.
fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

fn alternative_names(extensions: &[u8]) -> Option<Vec<String>> {
    let mut list = Der(Der(extensions).expect(SEQUENCE)?);
    while let Some(extension) = list.expect(SEQUENCE) {
        let mut fields = Der(extension);
        if fields.expect(OID)? != ALTERNATIVE_NAMES {
            continue;
        }
        // `critical` may stand in between.
        let mut value = fields.next()?;
        if value.0 != OCTETS {
            value = fields.next()?;
        }
        let mut general = Der(Der(value.1).expect(SEQUENCE)?);
        let mut names = Vec::new();
        while let Some((tag, value)) = general.next() {
            match (tag, value.len()) {
                (DNS_NAME, _) => names.push(printable(value).to_ascii_lowercase()),
                (IP_ADDRESS, 4) => {
                    let octets: [u8; 4] = value.try_into().ok()?;
                    names.push(Ipv4Addr::from(octets).to_string());
                }
                (IP_ADDRESS, 16) => {
                    let octets: [u8; 16] = value.try_into().ok()?;
                    names.push(Ipv6Addr::from(octets).to_string());
                }
                _ => {}
            }
            if names.len() >= NAMES_MAX {
                break;
            }
        }
        return Some(names);
    }
    Some(Vec::new())
}

/// Seconds since 1970 of a `UTCTime` or `GeneralizedTime`, which in a certificate always end in `Z`.
fn time((tag, text): (u8, &[u8])) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, text.len()) {
        (UTC_TIME, 12) => {
            let year: i64 = text[..2].parse().ok()?;
            // RFC 5280 section 4.1.2.5.1: 50 and above is the last century.
            (
                if year < 50 { 2000 + year } else { 1900 + year },
                &text[2..],
            )
        }
        (GENERALIZED_TIME, 14) => (text[..4].parse().ok()?, &text[4..]),
        _ => return None,
    };
    let field = |at: usize| rest[at..at + 2].parse::<i64>().ok();
    let (month, day) = (field(0)?, field(2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (hour, minute, second) = (field(4)?, field(6)?, field(8)?);
    Some(days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days from 1970-01-01 in the Gregorian calendar; years begin in March, so that the leap day is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Vec<u8> {
        let mut asked =
            rcgen::CertificateParams::new(vec!["Quotes.test".into(), "*.quotes.test".into()])
                .unwrap();
        asked
            .subject_alt_names
            .push(rcgen::SanType::IpAddress("127.0.0.1".parse().unwrap()));
        asked.distinguished_name = rcgen::DistinguishedName::new();
        asked
            .distinguished_name
            .push(rcgen::DnType::CommonName, "the quotes");
        asked.not_before = rcgen::date_time_ymd(1999, 12, 31);
        asked.not_after = rcgen::date_time_ymd(2060, 2, 29);
        asked.serial_number = Some(rcgen::SerialNumber::from(vec![0x0a, 0xff]));
        let key = rcgen::KeyPair::generate().unwrap();
        asked.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_tells_its_names_and_times() {
        let facts = Facts::read(&made()).unwrap();
        assert_eq!(facts.subject, "the quotes");
        assert_eq!(facts.issuer, "the quotes");
        assert_eq!(facts.serial, "0aff");
        assert_eq!(facts.names, ["quotes.test", "*.quotes.test", "127.0.0.1"]);
        // date -u -d 1999-12-31 +%s, and of 2060-02-29.
        assert_eq!(facts.not_before, 946_598_400);
        assert_eq!(facts.not_after, 2_845_238_400);
    }

    #[test]
    fn whatever_the_bytes_are_it_answers_or_gives_up() {
        let der = made();
        for cut in 0..der.len() {
            Facts::read(&der[..cut]);
            let mut changed = der.clone();
            for value in [0x00, 0x7f, 0x84, 0xff] {
                changed[cut] = value;
                Facts::read(&changed);
            }
        }
        assert_eq!(Facts::read(b""), None);
        assert_eq!(Facts::read(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn days_count_from_1970() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(2000, 2, 29), 11_016);
        assert_eq!(days_since_1970(2000, 3, 1), 11_017);
        assert_eq!(days_since_1970(1969, 12, 31), -1);
    }
}
