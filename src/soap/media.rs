//! Media types: what a `Content-Type` field says, and fields written anew (RFC 9110 section 8.3.1, RFC 2045 section 5.1).

/// A media type with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaType {
    /// `type/subtype`, in lower case.
    pub essence: String,
    /// Parameters in order; names in lower case, values without quotes.
    pub parameters: Vec<(String, String)>,
}

/// Most parameters that are read.
const PARAMETERS_MAX: usize = 32;

impl MediaType {
    /// A media type without parameters.
    pub fn new(essence: &str) -> Self {
        Self {
            essence: essence.to_owned(),
            parameters: Vec::new(),
        }
    }

    /// Reads a field. What is no text has an empty essence.
    pub fn parse(field: &[u8]) -> MediaType {
        let text = std::str::from_utf8(field).unwrap_or_default();
        let (essence, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let mut media = MediaType::new(&essence.trim().to_ascii_lowercase());
        while !rest.trim_start().is_empty() && media.parameters.len() < PARAMETERS_MAX {
            let Some((name, after)) = rest.split_once('=') else {
                break;
            };
            // An empty parameter before this one: `;;a=b`.
            let name = name.rsplit(';').next().unwrap_or_default();
            let (value, after) = value(after.trim_start());
            media
                .parameters
                .push((name.trim().to_ascii_lowercase(), value));
            rest = after;
        }
        media
    }

    /// The value of a parameter; the name in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// With a parameter added.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.parameters.push((name.to_owned(), value.into()));
        self
    }

    /// With that charset in place of any other.
    pub fn charset(mut self, charset: super::charset::Charset) -> Self {
        let name = charset.name();
        match self.parameters.iter_mut().find(|(n, _)| n == "charset") {
            Some(entry) => name.clone_into(&mut entry.1),
            None => self
                .parameters
                .insert(0, ("charset".to_owned(), name.to_owned())),
        }
        self
    }

    /// True for a multipart.
    pub fn is_multipart(&self) -> bool {
        self.essence.starts_with("multipart/")
    }

    /// True for XML of any kind (RFC 7303).
    pub fn is_xml(&self) -> bool {
        matches!(self.essence.as_str(), "text/xml" | "application/xml")
            || self.essence.ends_with("+xml")
    }
}

/// A parameter's value and what follows its semicolon.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => {
                let rest = &quoted[at + 1..];
                return (value, rest.split_once(';').map_or("", |(_, rest)| rest));
            }
            c => value.push(c),
        }
    }
    (value, "")
}

impl std::fmt::Display for MediaType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.essence)?;
        for (name, value) in &self.parameters {
            let token = !value.is_empty()
                && value
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
            // An action is quoted in any case (RFC 3902), and so are types and ids by custom.
            if token && name == "charset" {
                write!(f, "; {name}={value}")?;
                continue;
            }
            write!(f, "; {name}=\"")?;
            for c in value.chars().filter(|c| !c.is_control()) {
                if matches!(c, '"' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
            f.write_str("\"")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_with_and_without_quotes() {
        let media = MediaType::parse(
            b"Multipart/Related; boundary=\"a;b\\\"c\" ;Type = application/xop+xml;; start=<r@x>",
        );
        assert_eq!(media.essence, "multipart/related");
        assert_eq!(media.parameter("boundary"), Some("a;b\"c"));
        assert_eq!(media.parameter("type"), Some("application/xop+xml"));
        assert_eq!(media.parameter("start"), Some("<r@x>"));
        assert!(media.is_multipart() && !media.is_xml());
        for field in [&b""[..], b";", b"text/xml; x", b"text/xml; charset=\"u"] {
            MediaType::parse(field);
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let media = MediaType::new("application/soap+xml")
            .with("charset", "UTF-8")
            .with("action", "urn:a\"b");
        let text = media.to_string();
        assert_eq!(
            text,
            "application/soap+xml; charset=UTF-8; action=\"urn:a\\\"b\""
        );
        assert_eq!(MediaType::parse(text.as_bytes()), media);
    }
}
