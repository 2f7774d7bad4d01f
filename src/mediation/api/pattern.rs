//! Whether a path is one that a `uri-template` stands for, and what its variables are then (RFC 6570 read backwards).
//!
//! The path is one regular expression, so that no request makes the matching slow. Of the query each `name=value` of
//! the template has to be among those of the request, in any order and beside others; Synapse compares the text. A template
//! without a query takes any. A `*` at the end takes the rest of the path.

use regex::Regex;

use crate::config::uri_template::{Piece, Template};

/// Largest compiled expression, in bytes.
const SIZE_MAX: usize = 1 << 20;

/// A template, compiled.
#[derive(Debug)]
pub(super) struct Pattern {
    path: Part,
    /// Pairs that have to be there.
    pairs: Vec<Part>,
    /// Parameters that may be there.
    optional: Vec<String>,
}

#[derive(Debug)]
struct Part {
    regex: Regex,
    /// Variables by group.
    names: Vec<String>,
}

/// What variables of a template stand for, as the request has it.
pub(super) type Values = Vec<(String, String)>;

impl Pattern {
    /// Compiles a template; the error says why it cannot be.
    pub(super) fn new(template: &Template) -> Result<Pattern, String> {
        let mut optional = Vec::new();
        let mut parts = vec![Writing::default()];
        let mut path = true;
        for piece in template.pieces() {
            match piece {
                Piece::Literal(text) => {
                    let mut rest = text;
                    while let Some(at) = rest.find(if path { '?' } else { '&' }) {
                        last(&mut parts).literal(&rest[..at], path);
                        parts.push(Writing::default());
                        path = false;
                        rest = &rest[at + 1..];
                    }
                    last(&mut parts).literal(rest, path);
                }
                Piece::Variables {
                    operator: Some('?' | '&'),
                    names,
                } => {
                    optional.extend(names.into_iter().map(str::to_owned));
                    if path {
                        parts.push(Writing::default());
                    }
                    path = false;
                }
                Piece::Variables { operator, names } => {
                    last(&mut parts).variables(operator, &names, path);
                }
            }
        }
        let mut parts = parts.into_iter();
        let path = parts.next().unwrap_or_default().compile(true)?;
        let pairs = parts.filter(|part| !part.text.is_empty());
        Ok(Pattern {
            path,
            pairs: pairs
                .map(|part| part.compile(false))
                .collect::<Result<_, _>>()?,
            optional,
        })
    }

    /// The values of the variables, when the template stands for this path and query.
    pub(super) fn values(&self, path: &str, query: &str) -> Option<Values> {
        let mut values = self.path.values(path)?;
        for pair in &self.pairs {
            values.extend(query.split('&').find_map(|given| pair.values(given))?);
        }
        for name in &self.optional {
            let value = query.split('&').find_map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (key == name).then_some(value)
            });
            values.extend(value.map(|value| (name.clone(), value.to_owned())));
        }
        Some(values)
    }
}

impl Part {
    fn values(&self, text: &str) -> Option<Values> {
        let found = self.regex.captures(text)?;
        let groups = self.names.iter().zip(found.iter().skip(1));
        let values = groups.filter_map(|(name, group)| Some((name, group?)));
        Some(
            values
                .map(|(name, group)| (name.clone(), group.as_str().to_owned()))
                .collect(),
        )
    }
}

/// A regular expression being written.
#[derive(Default)]
struct Writing {
    text: String,
    names: Vec<String>,
    /// True behind a `*`.
    open: bool,
}

fn last(parts: &mut [Writing]) -> &mut Writing {
    // There is always the path.
    match parts.last_mut() {
        Some(last) => last,
        None => unreachable!("a pattern has a path"),
    }
}

impl Writing {
    fn literal(&mut self, text: &str, path: bool) {
        self.text.push_str(&regex::escape(text));
        self.open = path && text.ends_with('*');
    }

    fn variables(&mut self, operator: Option<char>, names: &[&str], path: bool) {
        self.open = false;
        for (at, name) in names.iter().enumerate() {
            // In a list a comma separates; alone it belongs to the value.
            let comma = if names.len() > 1 { "," } else { "" };
            let written = regex::escape(name);
            let group = match operator {
                None if path => format!("([^/?#{comma}]+)"),
                None => format!("([^&{comma}]*)"),
                Some('+') if path => "([^?#]+)".to_owned(),
                Some('+') => "([^&]*)".to_owned(),
                Some('/') => "(?:/([^/?#]+))?".to_owned(),
                Some('.') => "(?:\\.([^/?#.]+))?".to_owned(),
                Some(';') => format!("(?:;{written}(?:=([^/?#;]*))?)?"),
                // A fragment never gets to a server.
                _ => continue,
            };
            if at > 0 && matches!(operator, None | Some('+')) {
                self.text.push(',');
            }
            self.text.push_str(&group);
            self.names.push((*name).to_owned());
        }
    }

    fn compile(mut self, path: bool) -> Result<Part, String> {
        if self.open {
            // What was written is an escaped star.
            self.text.truncate(self.text.len() - "\\*".len());
            let rest = match self.text.strip_suffix('/') {
                Some(before) => format!("{before}(?:/.*)?"),
                None => format!("{}.*", self.text),
            };
            self.text = rest;
        }
        if path && self.text.is_empty() {
            self.text.push_str("/?");
        }
        let regex = regex::RegexBuilder::new(&format!(r"\A(?:{})\z", self.text))
            .size_limit(SIZE_MAX)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Part {
            regex,
            names: self.names,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(template: &str, target: &str) -> Option<String> {
        let pattern = Pattern::new(&Template::parse(template).unwrap()).unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let values = pattern.values(path, query)?;
        let texts: Vec<String> = values.iter().map(|(n, v)| format!("{n}={v}")).collect();
        Some(texts.join(" "))
    }

    #[test]
    fn templates_take_the_paths_that_they_stand_for() {
        for (template, target, want) in [
            ("/o/{id}/{sub}", "/o/7/x", Some("id=7 sub=x")),
            ("/o/{id}/{sub}", "/o/a%20b/x", Some("id=a%20b sub=x")),
            ("/o/{id}/{sub}", "/o/7", None),
            ("/o/{id}/{sub}", "/o/7/x/", None),
            ("/o/{id}", "/o/", None),
            ("/o/{id}", "/o/7?x=1", Some("id=7")),
            ("/o.x", "/oyx", None),
            ("/o/{id}.json", "/o/7.json", Some("id=7")),
            ("/o/{a},{b}", "/o/1,2", Some("a=1 b=2")),
            ("/o/{a,b}", "/o/1,2", Some("a=1 b=2")),
            ("/o/{a}", "/o/1,2", Some("a=1,2")),
            ("/o/{+rest}", "/o/1/2/3", Some("rest=1/2/3")),
            ("/o{/a,b}", "/o/1", Some("a=1")),
            ("/o{/a,b}", "/o/1/2", Some("a=1 b=2")),
            ("/o{/a}", "/o", Some("")),
            ("/o{.a}", "/o.pdf", Some("a=pdf")),
            ("/o{;a}", "/o;a=1", Some("a=1")),
            ("/o b", "/o%20b", Some("")),
            ("/*", "/", Some("")),
            ("/o/*", "/o", Some("")),
            ("/o/*", "/o/1/2?x=1", Some("")),
            ("/o/*", "/ox", None),
            ("/o/{a}/*", "/o/1/2/3", Some("a=1")),
            ("", "/", Some("")),
            ("", "/x", None),
        ] {
            assert_eq!(
                values(template, target).as_deref(),
                want,
                "{template} {target}"
            );
        }
    }

    #[test]
    fn pairs_of_the_query_have_to_be_there_and_optional_ones_may() {
        for (template, target, want) in [
            ("/find?k={v}", "/find?k=val", Some("v=val")),
            ("/find?k={v}", "/find", None),
            ("/find?k={v}", "/find?x=1&k=val", Some("v=val")),
            ("/find?k={v}", "/find?kk=val", None),
            ("/find?k={v}&n={w}", "/find?n=2&k=", Some("v= w=2")),
            ("/find?k=1", "/find?k=1", Some("")),
            ("/find?k=1", "/find?k=2", None),
            ("/find{?a,b}", "/find?b=2&c=3", Some("b=2")),
            ("/find{?a,b}", "/find", Some("")),
            ("/find?k=1{&a}", "/find?k=1&a=2", Some("a=2")),
            ("?k={v}", "/?k=1", Some("v=1")),
        ] {
            assert_eq!(
                values(template, target).as_deref(),
                want,
                "{template} {target}"
            );
        }
    }
}
