//! Payloads of JSON and of plain text.

use serde_json::Value as Json;

use super::argument::Value;
use super::{Piece, argument, broken, pieces};
use crate::exchange::Fault;

/// A text with its arguments.
pub(super) fn plain(format: &str, values: &[Value]) -> Result<String, Fault> {
    let mut out = String::new();
    for piece in pieces(format) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Argument(number) => out.push_str(&argument(values, number)?.text()),
        }
    }
    Ok(out)
}

/// JSON with its arguments: inside quotes a value is escaped, outside it is JSON, or a string where it is none.
pub(super) fn json(format: &str, values: &[Value]) -> Result<String, Fault> {
    let mut out = String::new();
    let mut quoted = false;
    for piece in pieces(format) {
        match piece {
            Piece::Text(text) => {
                out.push_str(text);
                quoted = ends_quoted(text, quoted);
            }
            Piece::Argument(number) => {
                let value = argument(values, number)?.text();
                let string = Json::String(value.clone()).to_string();
                match quoted {
                    true => out.push_str(&string[1..string.len() - 1]),
                    false if serde_json::from_str::<Json>(&value).is_ok() => {
                        out.push_str(&value);
                    }
                    false => out.push_str(&string),
                }
            }
        }
    }
    match serde_json::from_str::<Json>(&out) {
        Ok(_) => Ok(out),
        Err(error) => Err(broken(&format!("what was made is no JSON: {error}"))),
    }
}

/// Whether a text ends inside a string of JSON.
fn ends_quoted(text: &str, mut quoted: bool) -> bool {
    let mut escaped = false;
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    quoted
}
