//! The types of values: patterns, because templates and placeholders may stand for any of them.

use super::Schema;
use super::words::{self, Kind};

impl Schema {
    /// The types of values.
    pub(super) fn values(&mut self) {
        // Templates and placeholders stand for values that are not known here.
        const STANDS_FOR: &str = r"|\s*\$.*|.*\$\{.*";
        self.pattern("number", &format!(r"\s*-?[0-9]*\s*{STANDS_FOR}"));
        self.pattern(
            "numberOrExpression",
            &format!(r"\s*-?[0-9]*\s*|\s*\{{(.|\s)*{STANDS_FOR}"),
        );
        self.pattern(
            "factor",
            &format!(r"\s*[0-9]*\.?[0-9]*([eE]-?[0-9]+)?[fFdD]?\s*{STANDS_FOR}"),
        );
        self.pattern("codes", &format!(r"[\s,]*(-?[0-9]+[\s,]*)*{STANDS_FOR}"));
        self.out.open("xs:simpleType");
        self.out.attribute("name", "text");
        self.out.open("xs:restriction");
        self.out.attribute("base", "xs:string");
        self.out.close();
        self.out.close();
        for word in words::WORDS.iter().filter(|w| w.attribute.is_empty()) {
            if let Kind::Words(_) | Kind::AnyCase(_) = word.kind {
                self.out.open("xs:simpleType");
                self.out
                    .attribute("name", &format!("{}-value", word.element));
                self.restriction(word.kind);
                self.out.close();
            }
        }
    }

    fn pattern(&mut self, name: &str, pattern: &str) {
        self.out.open("xs:simpleType");
        self.out.attribute("name", name);
        self.matching(pattern);
        self.out.close();
    }

    fn matching(&mut self, pattern: &str) {
        self.out.open("xs:restriction");
        self.out.attribute("base", "xs:string");
        self.out.open("xs:pattern");
        self.out.attribute("value", pattern);
        self.out.close();
        self.out.close();
    }

    pub(super) fn restriction(&mut self, kind: Kind) {
        match kind {
            Kind::Words(words) => self.matching(&format!(r"{}|\$.*", words.join("|"))),
            Kind::AnyCase(words) => {
                let any: Vec<String> = words.iter().map(|word| any_case(word)).collect();
                self.matching(&format!(r"\s*({})?\s*|\s*\$.*", any.join("|")));
            }
            _ => self.matching(r"(.|\s)*"),
        }
    }
}

/// A pattern for a word in any case: XSD's regular expressions have no switch for it.
fn any_case(word: &str) -> String {
    word.chars()
        .map(|c| match (c.to_ascii_lowercase(), c.to_ascii_uppercase()) {
            (low, high) if low == high => c.to_string(),
            (low, high) => format!("[{low}{high}]"),
        })
        .collect()
}
