//! Text made fit for XML 1.0: markup escaped, characters that no XML document may hold replaced.

/// Appends `text` to `out` as character data (also safe inside a quoted attribute).
///
/// A character outside the XML 1.0 `Char` production (section 2.2) becomes U+FFFD: a fault that quotes a hostile
/// message must stay well-formed.
pub fn escape_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A bare carriage return would be read back as a line feed (XML 1.0 section 2.11).
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            c if (c as u32) < 0x20 || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_and_forbidden_characters_are_replaced() {
        let mut out = String::new();
        escape_text(&mut out, "a<b>&\"c\"\r\n\u{0}\u{1f}\u{ffff}é");
        assert_eq!(
            out,
            "a&lt;b&gt;&amp;&quot;c&quot;&#13;\n\u{fffd}\u{fffd}\u{fffd}é"
        );
        assert!(roxmltree::Document::parse(&format!("<a x=\"{out}\">{out}</a>")).is_ok());
    }
}
