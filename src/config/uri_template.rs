//! URI templates (RFC 6570), all four levels for values that are texts: lists and maps do not occur.
//!
//! Parsed while loading, so that a slip is reported with its place; expanded for each message. Names may also hold `-`
//! and `~`, which the RFC leaves out and message properties have.

/// Longest text of a template.
pub const TEMPLATE_BYTES_MAX: usize = 8 * 1024;

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// As it goes out: what a URI cannot hold is encoded already.
    Literal(String),
    Expression(Expression),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Expression {
    operator: Operator,
    variables: Vec<Variable>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    name: String,
    /// `:n`: the first characters only.
    prefix: Option<usize>,
}

/// What an operator does (RFC 6570 appendix A).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Operator {
    first: &'static str,
    separator: &'static str,
    named: bool,
    if_empty: &'static str,
    reserved: bool,
}

const SIMPLE: Operator = Operator {
    first: "",
    separator: ",",
    named: false,
    if_empty: "",
    reserved: false,
};

/// One part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// Text, encoded for a URI.
    Literal(&'t str),
    /// Variables in braces.
    Variables {
        /// The character in front of them.
        operator: Option<char>,
        /// Their names.
        names: Vec<&'t str>,
    },
}

impl Operator {
    fn sign(self) -> Option<char> {
        let first = self.first.chars().next();
        first.or(self.reserved.then_some('+'))
    }

    fn of(sign: char) -> Option<Self> {
        Some(match sign {
            '+' => Self {
                reserved: true,
                ..SIMPLE
            },
            '#' => Self {
                first: "#",
                reserved: true,
                ..SIMPLE
            },
            '.' => Self {
                first: ".",
                separator: ".",
                ..SIMPLE
            },
            '/' => Self {
                first: "/",
                separator: "/",
                ..SIMPLE
            },
            ';' => Self {
                first: ";",
                separator: ";",
                named: true,
                ..SIMPLE
            },
            '?' => Self {
                first: "?",
                separator: "&",
                named: true,
                if_empty: "=",
                ..SIMPLE
            },
            '&' => Self {
                first: "&",
                separator: "&",
                named: true,
                if_empty: "=",
                ..SIMPLE
            },
            _ => return None,
        })
    }

    fn is_query(self) -> bool {
        self.separator == "&"
    }
}

/// What is wrong with a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A `{` that nothing closes.
    #[error("a {{ is not closed")]
    Open,
    /// A `}` that closes nothing.
    #[error("a }} closes nothing")]
    Stray,
    /// An expression without a variable, or with a name that is none.
    #[error("an expression has no usable variable name")]
    Name,
    /// An operator that RFC 6570 keeps for later.
    #[error("an expression begins with an operator that does not exist")]
    Operator,
    /// `:n` without a number from 1 to 9999.
    #[error("the length after a : is not between 1 and 9999")]
    Prefix,
    /// Over [`TEMPLATE_BYTES_MAX`].
    #[error("the template is longer than 8 KiB")]
    Long,
}

impl Template {
    /// Parses a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(TemplateError::Long);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            if rest[at..].starts_with('}') {
                return Err(TemplateError::Stray);
            }
            literal(&rest[..at], &mut parts);
            let (inside, after) = rest[at + 1..].split_once('}').ok_or(TemplateError::Open)?;
            if inside.contains('{') {
                return Err(TemplateError::Open);
            }
            parts.push(Part::Expression(Expression::parse(inside)?));
            rest = after;
        }
        literal(rest, &mut parts);
        Ok(Self {
            parts,
            text: text.to_owned(),
        })
    }

    /// The template as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Names of the variables, in order.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.expressions()
            .flat_map(|e| e.variables.iter().map(|v| v.name.as_str()))
    }

    /// Names of the variables that stand before the query: without them the URL means something else.
    pub fn path_variables(&self) -> impl Iterator<Item = &str> {
        self.expressions()
            .take_while(|e| !e.operator.is_query())
            .flat_map(|e| e.variables.iter().map(|v| v.name.as_str()))
    }

    /// The parts in order, for those who match a URI against the template.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.parts.iter().map(|part| match part {
            Part::Literal(text) => Piece::Literal(text),
            Part::Expression(expression) => Piece::Variables {
                operator: expression.operator.sign(),
                names: expression
                    .variables
                    .iter()
                    .map(|v| v.name.as_str())
                    .collect(),
            },
        })
    }

    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression(expression) => Some(expression),
            Part::Literal(_) => None,
        })
    }

    /// The URI with the values in place. A variable without a value leaves no trace (RFC 6570 section 2.3).
    pub fn expand<'v>(
        &self,
        mut value: impl FnMut(&str) -> Option<std::borrow::Cow<'v, str>>,
    ) -> String {
        let mut out = String::with_capacity(self.text.len() + 32);
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Expression(expression) => expression.expand(&mut out, &mut value),
            }
        }
        out
    }
}

impl Expression {
    fn parse(inside: &str) -> Result<Self, TemplateError> {
        let first = inside.chars().next().ok_or(TemplateError::Name)?;
        let (operator, list) = match Operator::of(first) {
            Some(operator) => (operator, &inside[1..]),
            None if "=,!@|".contains(first) => return Err(TemplateError::Operator),
            None => (SIMPLE, inside),
        };
        let variables = list
            .split(',')
            .map(Variable::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            operator,
            variables,
        })
    }

    fn expand<'v>(
        &self,
        out: &mut String,
        value: &mut impl FnMut(&str) -> Option<std::borrow::Cow<'v, str>>,
    ) {
        let operator = self.operator;
        let mut any = false;
        for variable in &self.variables {
            let Some(value) = value(&variable.name) else {
                continue;
            };
            out.push_str(if any {
                operator.separator
            } else {
                operator.first
            });
            any = true;
            if operator.named {
                encode(out, &variable.name, true);
                if value.is_empty() {
                    out.push_str(operator.if_empty);
                    continue;
                }
                out.push('=');
            }
            let end = variable.prefix.and_then(|n| value.char_indices().nth(n));
            encode(
                out,
                &value[..end.map_or(value.len(), |(at, _)| at)],
                operator.reserved,
            );
        }
    }
}

impl Variable {
    fn parse(text: &str) -> Result<Self, TemplateError> {
        // `*` spreads lists; of a text it changes nothing.
        let text = text.trim();
        let text = text.strip_suffix('*').unwrap_or(text);
        let (name, prefix) = match text.split_once(':') {
            None => (text, None),
            Some((name, digits)) => {
                let length = digits.parse().ok().filter(|n| (1..=9999).contains(n));
                (name, Some(length.ok_or(TemplateError::Prefix)?))
            }
        };
        let known = |c: char| c.is_ascii_alphanumeric() || "_.-~%".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(known) {
            return Err(TemplateError::Name);
        }
        Ok(Self {
            name: name.to_owned(),
            prefix,
        })
    }
}

fn literal(text: &str, parts: &mut Vec<Part>) {
    if !text.is_empty() {
        let mut out = String::with_capacity(text.len());
        encode(&mut out, text, true);
        parts.push(Part::Literal(out));
    }
}

/// Writes a text percent-encoded; reserved characters and triplets stay where `reserved` says so.
fn encode(out: &mut String, text: &str, reserved: bool) {
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let triplet = || {
            let digits = bytes.get(at + 1..at + 3);
            digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit))
        };
        let stays = byte.is_ascii_alphanumeric()
            || b"-._~".contains(&byte)
            || reserved && (b":/?#[]@!$&'()*+,;=".contains(&byte) || byte == b'%' && triplet());
        if stays {
            out.push(char::from(byte));
        } else {
            percent(out, byte);
        }
    }
}

/// Writes one byte as `%XX`.
pub fn percent(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// The text with its triplets decoded; what is no UTF-8 then becomes replacement characters.
pub fn decode_percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16));
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of RFC 6570 section 3.2 that are texts.
    fn value(name: &str) -> Option<std::borrow::Cow<'static, str>> {
        let text = match name {
            "dub" => "me/too",
            "hello" => "Hello World!",
            "half" => "50%",
            "var" | "uri.var.x" => "value",
            "who" => "fred",
            "base" => "http://example.com/home/",
            "path" => "/foo/bar",
            "v" => "6",
            "x" => "1024",
            "y" => "768",
            "empty" => "",
            "umlaut" => "\u{fc}\u{20ac}x",
            _ => return None,
        };
        Some(text.into())
    }

    #[test]
    fn the_examples_of_the_rfc() {
        for (template, want) in [
            // 3.2.2
            ("{var}", "value"),
            ("{hello}", "Hello%20World%21"),
            ("{half}", "50%25"),
            ("O{empty}X", "OX"),
            ("O{undef}X", "OX"),
            ("{x,y}", "1024,768"),
            ("{x,hello,y}", "1024,Hello%20World%21,768"),
            ("?{x,empty}", "?1024,"),
            ("?{x,undef}", "?1024"),
            ("?{undef,y}", "?768"),
            ("{var:3}", "val"),
            ("{var:30}", "value"),
            // 3.2.3
            ("{+var}", "value"),
            ("{+hello}", "Hello%20World!"),
            ("{+half}", "50%25"),
            ("{base}index", "http%3A%2F%2Fexample.com%2Fhome%2Findex"),
            ("{+base}index", "http://example.com/home/index"),
            ("O{+empty}X", "OX"),
            ("O{+undef}X", "OX"),
            ("{+path}/here", "/foo/bar/here"),
            ("here?ref={+path}", "here?ref=/foo/bar"),
            ("up{+path}{var}/here", "up/foo/barvalue/here"),
            ("{+x,hello,y}", "1024,Hello%20World!,768"),
            ("{+path,x}/here", "/foo/bar,1024/here"),
            ("{+path:6}/here", "/foo/b/here"),
            // 3.2.4
            ("{#var}", "#value"),
            ("{#hello}", "#Hello%20World!"),
            ("foo{#empty}", "foo#"),
            ("foo{#undef}", "foo"),
            ("{#path,x}/here", "#/foo/bar,1024/here"),
            // 3.2.5
            ("{.who}", ".fred"),
            ("{.who,who}", ".fred.fred"),
            ("{.half,who}", ".50%25.fred"),
            ("X{.var}", "X.value"),
            ("X{.empty}", "X."),
            ("X{.undef}", "X"),
            // 3.2.6
            ("{/who}", "/fred"),
            ("{/half,who}", "/50%25/fred"),
            ("{/who,dub}", "/fred/me%2Ftoo"),
            ("{/var,empty}", "/value/"),
            ("{/var,undef}", "/value"),
            ("{/var,x}/here", "/value/1024/here"),
            ("{/var:1,var}", "/v/value"),
            // 3.2.7
            ("{;who}", ";who=fred"),
            ("{;half}", ";half=50%25"),
            ("{;empty}", ";empty"),
            ("{;v,empty,who}", ";v=6;empty;who=fred"),
            ("{;v,undef,who}", ";v=6;who=fred"),
            ("{;hello:5}", ";hello=Hello"),
            // 3.2.8
            ("{?who}", "?who=fred"),
            ("{?x,y}", "?x=1024&y=768"),
            ("{?x,y,empty}", "?x=1024&y=768&empty="),
            ("{?x,y,undef}", "?x=1024&y=768"),
            ("{?var:3}", "?var=val"),
            // 3.2.9
            ("?fixed=yes{&x}", "?fixed=yes&x=1024"),
            ("{&var:3}", "&var=val"),
            ("{&x,y,empty}", "&x=1024&y=768&empty="),
            // Names of properties, characters outside ASCII, a spread of one.
            ("http://h/{uri.var.x}", "http://h/value"),
            ("{umlaut}", "%C3%BC%E2%82%ACx"),
            ("{umlaut:2}", "%C3%BC%E2%82%AC"),
            ("{who*}", "fred"),
            ("\u{fc}/%41/a b", "%C3%BC/%41/a%20b"),
        ] {
            let parsed = Template::parse(template).unwrap_or_else(|e| panic!("{template}: {e}"));
            assert_eq!(parsed.expand(value), want, "{template}");
        }
    }

    #[test]
    fn slips_are_named() {
        use TemplateError::{Name, Open, Operator, Prefix, Stray};
        for (template, error) in [
            ("a{b", Open),
            ("{a{b}}", Open),
            ("a}b", Stray),
            ("{}", Name),
            ("{?}", Name),
            ("{a,}", Name),
            ("{a b}", Name),
            ("{.}", Name),
            ("{=a}", Operator),
            ("{|a}", Operator),
            ("{a:0}", Prefix),
            ("{a:x}", Prefix),
            ("{a:10000}", Prefix),
        ] {
            assert_eq!(Template::parse(template), Err(error), "{template}");
        }
        let long = "x".repeat(TEMPLATE_BYTES_MAX + 1);
        assert_eq!(Template::parse(&long), Err(TemplateError::Long));
    }

    #[test]
    fn variables_before_the_query_are_told_apart() {
        let template = Template::parse("http://{h}/a/{b}{?c,d}").unwrap();
        let all: Vec<_> = template.variables().collect();
        let path: Vec<_> = template.path_variables().collect();
        assert_eq!(all, ["h", "b", "c", "d"]);
        assert_eq!(path, ["h", "b"]);
    }

    #[test]
    fn triplets_are_decoded_and_what_is_none_stays() {
        assert_eq!(decode_percent("a%20b%C3%BC%4"), "a b\u{fc}%4");
        assert_eq!(decode_percent("%zz%ff"), "%zz\u{fffd}");
    }
}
