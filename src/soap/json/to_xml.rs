//! From JSON to the text of an element.

use serde_json::Value;

use super::{ARRAY, DEPTH_MAX, ELEMENT, KIND, MULTIPLE, OBJECT, XSI_NS, is_bare};
use crate::soap::escape_text;
use crate::soap::tree::{continues_name, starts_name};

/// Why JSON cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is none.
    #[error("the message is no JSON: {0}")]
    Malformed(String),
    /// It is nested too deeply.
    #[error("the message is JSON that is nested more than {DEPTH_MAX} deep")]
    Deep,
    /// As XML it is longer than may be held.
    #[error("as XML the message is longer than {0} bytes")]
    TooLong(usize),
}

/// The element of a JSON text as XML, at most about `limit` bytes.
///
/// # Errors
/// [`JsonError`].
pub fn read(json: &[u8], limit: usize) -> Result<String, JsonError> {
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let value: Value =
        serde_json::from_slice(json).map_err(|error| JsonError::Malformed(error.to_string()))?;
    let mut writer = Writer {
        out: String::with_capacity(json.len() * 2),
        limit,
    };
    writer.root(&value)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    limit: usize,
}

impl Writer {
    fn root(&mut self, value: &Value) -> Result<(), JsonError> {
        match value {
            Value::Object(members) => {
                let single = match members.iter().next() {
                    Some((name, value)) if members.len() == 1 => {
                        let taken = [OBJECT, ARRAY].contains(&name.as_str());
                        let plain = !value.is_array() && !name.starts_with(['@', '$']) && !taken;
                        plain.then_some((name, value))
                    }
                    _ => None,
                };
                match single {
                    Some((name, value)) => self.member(name, value, 0),
                    None => self.member(OBJECT, value, 0),
                }
            }
            Value::Array(values) => {
                self.open(ARRAY);
                self.values(ELEMENT, values, 1)?;
                self.close(ARRAY);
                Ok(())
            }
            // A value by itself is the text of the outermost element.
            value => self.member(OBJECT, value, 0),
        }
    }

    /// One element; of an array as many as it has values.
    fn member(&mut self, name: &str, value: &Value, depth: usize) -> Result<(), JsonError> {
        if depth > DEPTH_MAX {
            return Err(JsonError::Deep);
        }
        if self.out.len() > self.limit {
            return Err(JsonError::TooLong(self.limit));
        }
        let tag = encoded(name);
        match value {
            Value::Array(values) => return self.values(name, values, depth),
            Value::Null => {
                self.out
                    .push_str(&format!("<{tag} xmlns:xsi=\"{XSI_NS}\" xsi:nil=\"true\"/>"));
                return Ok(());
            }
            Value::Object(members) => {
                self.out.push('<');
                self.out.push_str(&tag);
                let mut names: Vec<String> = Vec::new();
                for (name, value) in members {
                    if let Some((name, text)) = attribute(name, value)
                        && !names.contains(&name)
                    {
                        self.out.push_str(&format!(" {name}=\""));
                        escape_value(&mut self.out, text);
                        self.out.push('"');
                        names.push(name);
                    }
                }
                self.out.push('>');
                if members.is_empty() {
                    self.mark("object");
                }
                for (name, value) in members {
                    match (name.as_str(), value) {
                        (name, value) if attribute(name, value).is_some() => {}
                        ("$", value) if !value.is_object() && !value.is_array() => {
                            self.scalar(value);
                        }
                        (name, value) => self.member(name, value, depth + 1)?,
                    }
                }
            }
            scalar => {
                self.open(&tag);
                self.scalar(scalar);
            }
        }
        self.close(&tag);
        Ok(())
    }

    fn values(&mut self, name: &str, values: &[Value], depth: usize) -> Result<(), JsonError> {
        let tag = encoded(name);
        self.out.push_str(&format!("<?{MULTIPLE} {tag}?>"));
        for value in values {
            match value {
                Value::Array(inner) => {
                    if depth > DEPTH_MAX {
                        return Err(JsonError::Deep);
                    }
                    self.open(&tag);
                    self.values(ELEMENT, inner, depth + 1)?;
                    self.close(&tag);
                }
                value => self.member(name, value, depth)?,
            }
        }
        Ok(())
    }

    fn scalar(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                if text.is_empty() || is_bare(text) || text.trim() != text {
                    self.mark("string");
                }
                let text = text.replace(
                    |c: char| c.is_control() && !"\t\n\r".contains(c),
                    "\u{fffd}",
                );
                escape_text(&mut self.out, &text);
            }
            Value::Null => {}
            value => self.out.push_str(&value.to_string()),
        }
    }

    fn mark(&mut self, kind: &str) {
        self.out.push_str(&format!("<?{KIND} {kind}?>"));
    }

    fn open(&mut self, name: &str) {
        self.out.push_str(&format!("<{name}>"));
    }

    fn close(&mut self, name: &str) {
        self.out.push_str(&format!("</{name}>"));
    }
}

/// A member that is an attribute: its name there, and its text.
fn attribute<'v>(name: &str, value: &'v Value) -> Option<(String, &'v str)> {
    let name = name.strip_prefix('@').filter(|name| !name.is_empty())?;
    let plain = !name.starts_with("xmlns") && !name.contains(':');
    Some((encoded(name), value.as_str()?)).filter(|_| plain)
}

fn escape_value(out: &mut String, text: &str) {
    let mut escaped = String::new();
    escape_text(&mut escaped, text);
    out.push_str(
        &escaped
            .replace('"', "&quot;")
            .replace('\n', "&#10;")
            .replace('\t', "&#9;"),
    );
}

/// The name of an element for any text: what no name may hold is `_xHHHH_` (as in ISO 9075-14).
fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, c) in name.char_indices() {
        let fits = match at {
            0 => starts_name(c),
            _ => continues_name(c),
        };
        let escape = c == '_' && name[at..].starts_with("_x");
        if fits && !escape {
            out.push(c);
        } else {
            out.push_str(&format!("_x{:04X}_", u32::from(c)));
        }
    }
    if out.is_empty() {
        out.push_str("_x_");
    }
    out
}
