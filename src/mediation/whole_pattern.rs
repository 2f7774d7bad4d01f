//! Regular expressions that have to match a whole text, as in Java's `matches`.
//!
//! Most of those that route are a word without any sign in it, or `.*`: comparing is then all there is to do.

use regex::Regex;

/// A pattern for a whole text.
#[derive(Debug)]
pub enum WholePattern {
    /// This text.
    Word(String),
    /// Any text of one line.
    Line,
    /// What the expression matches.
    Regex(Regex),
}

impl WholePattern {
    /// The pattern of an expression; `compiled` is the same, anchored at both ends.
    pub fn new(written: &str, compiled: Regex) -> WholePattern {
        let sign = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | ':' | '/'));
        match written {
            ".*" => WholePattern::Line,
            word if !word.contains(sign) => WholePattern::Word(word.to_owned()),
            _ => WholePattern::Regex(compiled),
        }
    }

    /// True for a text that it matches.
    pub fn is_match(&self, text: &str) -> bool {
        match self {
            WholePattern::Word(word) => word == text,
            WholePattern::Line => memchr::memchr(b'\n', text.as_bytes()).is_none(),
            WholePattern::Regex(regex) => regex.is_match(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_no_engine_matches_as_with_one() {
        let texts = [
            "",
            "gold",
            "Gold",
            "goldx",
            "a b",
            "a\nb",
            "a\r",
            "http://h/p",
            ".",
            "a-b_c:1",
            "é",
        ];
        for written in [
            "",
            "gold",
            ".*",
            "a b",
            "http://h/p",
            "a-b_c:1",
            "é",
            ".",
            "(?i)gold",
            "a|gold",
            "a.b",
        ] {
            let regex = Regex::new(&format!(r"\A(?:{written})\z")).unwrap();
            let pattern = WholePattern::new(written, regex.clone());
            for text in texts {
                assert_eq!(
                    pattern.is_match(text),
                    regex.is_match(text),
                    "{written} {text:?}"
                );
            }
        }
        let kind = |written: &str| WholePattern::new(written, Regex::new("").unwrap());
        assert!(matches!(kind("gold"), WholePattern::Word(_)));
        assert!(matches!(kind(".*"), WholePattern::Line));
        assert!(matches!(kind("a.b"), WholePattern::Regex(_)));
    }
}
