//! JSON as XML and XML as JSON, the way Synapse maps them (spec/mediation.md 10; recordings of the topics content and
//! payload).
//!
//! An object with one member is the element of that name, any other stands in `jsonObject`; an array is one element for
//! each of its values, at the outermost place in `jsonArray` as `jsonElement`s. Attributes are members `@name`, the text
//! beside them `$`. On the way to JSON a prefix is written `p.name`, and texts that are numbers, `true` or `false` lose
//! their quotes.
//!
//! What XML cannot say is kept in processing instructions, which no XPath over elements and texts sees: `xml-multiple` in
//! front of the values of an array (as the library of the originals does), and `json string`, `json object` where a
//! value would come back as another kind. So JSON that was changed in one place is the same in all others, and
//! differs from that of the originals, where `"007"` becomes `7` and an array of one value that value.

mod from_xml;
pub mod path;
mod to_xml;

pub use from_xml::write;
pub use to_xml::{JsonError, read};

/// Around an object that does not have exactly one member.
const OBJECT: &str = "jsonObject";
/// Around an array that stands by itself.
const ARRAY: &str = "jsonArray";
/// One value of such an array.
const ELEMENT: &str = "jsonElement";
/// Target of the instruction in front of the values of an array.
const MULTIPLE: &str = "xml-multiple";
/// Target of the instruction that says what kind a value is.
const KIND: &str = "json";
/// Namespace of `xsi:nil`.
const XSI_NS: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// Deepest nesting; that of trees of XML is bounded too.
const DEPTH_MAX: usize = 120;

/// True for the instructions that this mapping leaves in a tree.
pub fn is_mark(target: &str) -> bool {
    target == MULTIPLE || target == KIND
}

/// True for a text that JSON would take for something else than a string.
fn is_bare(text: &str) -> bool {
    matches!(text, "true" | "false" | "null") || is_number(text)
}

/// A number of JSON (RFC 8259 section 6).
fn is_number(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.starts_with('0')) {
        return false;
    }
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::tree::Tree;

    fn xml(json: &str) -> String {
        read(json.as_bytes(), 1 << 20).unwrap()
    }

    fn json(xml: &str) -> String {
        let tree = Tree::parse_str(xml).unwrap();
        write(&tree, tree.root().unwrap()).unwrap()
    }

    #[test]
    fn members_are_elements_and_one_member_is_the_root() {
        assert_eq!(
            xml(r#"{"order":{"id":7,"ok":true}}"#),
            "<order><id>7</id><ok>true</ok></order>"
        );
        assert_eq!(
            xml(r#"{"a":1,"b":"x<y"}"#),
            "<jsonObject><a>1</a><b>x&lt;y</b></jsonObject>"
        );
        assert_eq!(
            xml(r#"[1,{"a":2}]"#),
            "<jsonArray><?xml-multiple jsonElement?><jsonElement>1</jsonElement><jsonElement><a>2</a></jsonElement></jsonArray>"
        );
        assert_eq!(xml(r#"{"o":{"@k":"v","$":"t"}}"#), "<o k=\"v\">t</o>");
    }

    #[test]
    fn members_of_one_name_are_one_array_however_many_others_there_are() {
        let many: String = (0..40).map(|n| format!("<m{n}>{n}</m{n}>")).collect();
        let text = json(&format!("<o>{many}<m3>x</m3><m39>y</m39></o>"));
        assert!(text.contains("\"m3\":[3,\"x\"]"), "{text}");
        assert!(text.contains("\"m39\":[39,\"y\"]"), "{text}");
        assert!(text.contains("\"m38\":38"), "{text}");
    }

    #[test]
    fn what_was_read_is_written_again() {
        for text in [
            r#"{"order":{"id":7,"items":["a","b"],"ok":true,"none":null}}"#,
            r#"{"a":[1]}"#,
            r#"{"a":[]}"#,
            r#"{"a":[[1,2],[]]}"#,
            r#"[]"#,
            r#"[{"a":1}]"#,
            r#"{}"#,
            r#"{"a":{}}"#,
            r#"{"a":"","b":{"c":[{},"",null]}}"#,
            r#"{"a":"007","b":"7","c":"true","d":"null","e":1.5e+10,"f":12345678901234567890123}"#,
            r#"{"a b":1,"1":2,"":3,"_x0020_":4,"x:y":5}"#,
            r#"{"o":{"@k":"1","$":"t"}}"#,
            r#""text""#,
            r#"7"#,
            r#"{"a":"line\nbreak \"q\" \\ \u0001"}"#,
            r#"{"jsonObject":1}"#,
        ] {
            let want = text.replace("\\u0001", "\u{fffd}");
            assert_eq!(json(&xml(text)), want, "{}", xml(text));
        }
    }

    #[test]
    fn xml_becomes_json_as_the_originals_write_it() {
        assert_eq!(
            json(r#"<s:doc xmlns:s="u"><s:name>Jo</s:name><s:n>5</s:n></s:doc>"#),
            r#"{"s.doc":{"s.name":"Jo","s.n":5}}"#
        );
        assert_eq!(
            json("<a><b>1</b><b>x</b><c/><d>true</d> <e>-0.50</e><f>01</f></a>"),
            r#"{"a":{"b":[1,"x"],"c":null,"d":true,"e":-0.50,"f":"01"}}"#
        );
        // Values of one name that stand apart are one array all the same: a member is there once.
        assert_eq!(
            json("<a><b>1</b><c>2</c><b>3</b></a>"),
            r#"{"a":{"b":[1,3],"c":2}}"#
        );
        assert_eq!(
            json(r#"<a k="1">text<b/></a>"#),
            r#"{"a":{"@k":"1","b":null,"$":"text"}}"#
        );
    }

    #[test]
    fn what_is_no_json_says_where() {
        for (text, at) in [("{", "line 1"), ("{\"a\":1}x", "column"), ("", "line")] {
            let error = read(text.as_bytes(), 1 << 20).unwrap_err().to_string();
            assert!(error.contains(at), "{error}");
        }
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        assert!(read(deep.as_bytes(), 1 << 20).is_err());
        let wide = format!("[{}1]", "1,".repeat(1000));
        assert!(matches!(
            read(wide.as_bytes(), 10_000),
            Err(JsonError::TooLong(10_000))
        ));
    }
}
