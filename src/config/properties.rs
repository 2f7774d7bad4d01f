//! Java properties files, as far as settings beside a configuration use them: `key = value` lines and comments.
//!
//! Continuation lines and `\u` escapes are not read: none of the keys that axon looks for needs them.

use std::ops::Range;

/// One line of a properties file.
#[derive(Debug, PartialEq, Eq)]
pub struct Property<'a> {
    /// The key.
    pub key: &'a str,
    /// The value, trimmed.
    pub value: &'a str,
    /// Where the key stands.
    pub key_range: Range<usize>,
    /// Where the value stands.
    pub value_range: Range<usize>,
}

/// The properties in the order of the file.
pub fn properties(text: &str) -> impl Iterator<Item = Property<'_>> {
    let place = move |part: &str| {
        let start = part.as_ptr() as usize - text.as_ptr() as usize;
        start..start + part.len()
    };
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '!']) {
            return None;
        }
        let (key, value) = line
            .split_once(['=', ':'])
            .unwrap_or((line, &line[line.len()..]));
        let (key, value) = (key.trim(), value.trim());
        Some(Property {
            key,
            value,
            key_range: place(key),
            value_range: place(value),
        })
    })
}

/// The value of the last line with that key, as Java reads it.
pub fn lookup<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    properties(text)
        .filter(|p| p.key == key)
        .last()
        .map(|p| p.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_and_placed() {
        let text = "# c\n a.b = 12 \nc:http://x\nlonely\n";
        let all: Vec<_> = properties(text).collect();
        assert_eq!((all[0].key, all[0].value), ("a.b", "12"));
        assert_eq!(&text[all[0].value_range.clone()], "12");
        assert_eq!((all[1].key, all[1].value), ("c", "http://x"));
        assert_eq!((all[2].key, all[2].value), ("lonely", ""));
        assert_eq!(lookup("k=1\nk=2", "k"), Some("2"));
    }
}
