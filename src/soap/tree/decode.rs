//! A message's bytes as text: which encoding it is in, and is it whole.
//!
//! A byte order mark decides, else the charset of the media type, else the XML declaration (RFC 7303 section 3). What the
//! header scan reads is read here: UTF-8, US-ASCII, ISO-8859-1, UTF-16.

use super::ParseError;
use super::parse::place;
use crate::soap::scan::{Encoding, detect};

/// The text of a message, and where it starts: behind a byte order mark.
pub(super) fn decode(bytes: Vec<u8>, charset: Option<&str>) -> Result<(String, usize), ParseError> {
    let (shape, skip) = detect(&bytes, true).unwrap_or((Encoding::Utf8, 0));
    let encoding = match (shape, charset.map(str::trim)) {
        (Encoding::Utf8, Some(name)) if skip == 0 && !name.is_empty() => named(name)?,
        (Encoding::Utf8, _) if skip == 0 => declared(&bytes)?,
        (Encoding::Foreign, _) => return Err(ParseError::Encoding("UTF-32".to_owned())),
        (shape, _) => shape,
    };
    match encoding {
        Encoding::Latin1 => Ok((bytes.iter().map(|&b| char::from(b)).collect(), 0)),
        Encoding::Utf16Le => Ok((wide(&bytes[skip..], u16::from_le_bytes)?, 0)),
        Encoding::Utf16Be => Ok((wide(&bytes[skip..], u16::from_be_bytes)?, 0)),
        _ => match String::from_utf8(bytes) {
            Ok(text) => Ok((text, skip)),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(&error.as_bytes()[..valid]);
                let (line, column) = place(&text, valid);
                Err(ParseError::Malformed {
                    message: "a byte that is not UTF-8".to_owned(),
                    line,
                    column,
                })
            }
        },
    }
}

/// The encoding that a charset parameter names.
fn named(name: &str) -> Result<Encoding, ParseError> {
    let name = name.trim_matches(['"', '\'']);
    let is = |names: &[&str]| names.iter().any(|n| name.eq_ignore_ascii_case(n));
    if is(&["utf-8", "utf8", "us-ascii", "ascii"]) {
        Ok(Encoding::Utf8)
    } else if is(&["iso-8859-1", "iso8859-1", "latin1"]) {
        Ok(Encoding::Latin1)
    } else if is(&["utf-16", "utf-16be"]) {
        Ok(Encoding::Utf16Be)
    } else if is(&["utf-16le"]) {
        Ok(Encoding::Utf16Le)
    } else {
        Err(ParseError::Encoding(name.to_owned()))
    }
}

/// The encoding that the XML declaration names, among those with one byte per ASCII character.
fn declared(bytes: &[u8]) -> Result<Encoding, ParseError> {
    let head = &bytes[..bytes.len().min(256)];
    let end = memchr::memchr(b'>', head).unwrap_or(0);
    let declaration = &head[..end];
    let target = declaration.strip_prefix(b"<?xml");
    if !target.is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_whitespace)) {
        return Ok(Encoding::Utf8);
    }
    if Encoding::Utf8.accepts(declaration) {
        return Ok(Encoding::Utf8.declared(declaration));
    }
    let text = String::from_utf8_lossy(declaration);
    let name = text.split_once("encoding").map_or("", |(_, rest)| rest);
    let name =
        name.trim_matches(|c: char| c.is_whitespace() || matches!(c, '=' | '?' | '"' | '\''));
    Err(ParseError::Encoding(name.chars().take(64).collect()))
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, ParseError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let mut text = String::with_capacity(pairs.len());
    let broken = |text: &str| {
        let (line, column) = place(text, text.len());
        ParseError::Malformed {
            message: "a broken UTF-16 character".to_owned(),
            line,
            column,
        }
    };
    for c in char::decode_utf16(units) {
        match c {
            Ok(c) => text.push(c),
            Err(_) => return Err(broken(&text)),
        }
    }
    match rest.is_empty() {
        true => Ok(text),
        false => Err(broken(&text)),
    }
}
