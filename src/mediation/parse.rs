//! What the parsers of mediators share: attributes, expressions, references, and the diagnostics that come of them.
//!
//! A mediator that cannot be compiled is reported and replaced by one that fails with its place, so that `--lenient` and
//! "not supported yet" keep the rest of the configuration serving (design 9).

mod inside;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use regex::Regex;

use super::executor::Executor;
use super::expression::Expression;
use super::mediator::{List, Mediator, refuse};
use super::store::Store;
use super::whole_pattern::WholePattern;
use super::{Sequence, SequenceId, Template, mediator};
use crate::codes::{DiagnosticCode, ErrorCode};
use crate::config::SYNAPSE_NS;
use crate::config::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::config::language;
use crate::config::model::{AddressDef, EndpointDef, EndpointKind, LeafDef};
use crate::config::source::{Sources, Span, Spanned};
use crate::config::suggest::nearest;
use crate::config::xml::{Element, Node};
use crate::exchange::{Entries, Exchange, Fault};

/// Deepest nesting of mediators in one sequence.
const DEPTH_MAX: usize = 64;
/// Largest compiled regular expression, in bytes.
const REGEX_MAX: usize = 1 << 20;

/// Parses an inline `endpoint` element.
pub type EndpointParser = fn(&Element, &mut Diagnostics) -> Option<EndpointDef>;

/// Gives numbers to the endpoints that sequences send to.
pub trait EndpointNames {
    /// An endpoint written inside a sequence; `position` (`main/in/send`) is its identity across reloads.
    fn inline(&mut self, position: &str, def: &EndpointDef) -> u32;
    /// An endpoint by its key. A missing one is the implementer's to report, and fails when it is sent to.
    fn key(&mut self, key: &Spanned<String>) -> u32;
    /// An endpoint inside something that is not run: it gets no number, only what is wrong with it is reported.
    fn look(&mut self, _def: &EndpointDef, _diagnostics: &mut Diagnostics) {}
}

/// A literal or an expression (`value` and `expression` attributes).
#[derive(Debug)]
pub enum ValueOf {
    /// Fixed.
    Literal(String),
    /// Computed for each message.
    Expression(Expression),
}

impl ValueOf {
    /// The text for a message.
    pub fn text<'x>(&'x self, x: &'x Exchange) -> Result<Cow<'x, str>, Fault> {
        match self {
            ValueOf::Literal(text) => Ok(Cow::Borrowed(text)),
            ValueOf::Expression(expression) => expression.string(x),
        }
    }

    /// The expression, if it is one.
    pub fn expression(&self) -> Option<&Expression> {
        match self {
            ValueOf::Literal(_) => None,
            ValueOf::Expression(expression) => Some(expression),
        }
    }
}

/// A reference to a sequence.
#[derive(Debug)]
pub enum SequenceRef {
    /// One that exists.
    Known(SequenceId),
    /// One that does not: an error when a message gets there (recorded).
    Missing(String),
    /// `{xpath}`: found for each message.
    Computed(Expression),
}

impl SequenceRef {
    /// The expression, if it is one.
    pub fn expression(&self) -> Option<&Expression> {
        match self {
            SequenceRef::Computed(expression) => Some(expression),
            SequenceRef::Known(_) | SequenceRef::Missing(_) => None,
        }
    }
}

/// The state of compiling sequences.
pub struct Parse<'p> {
    /// Where problems go.
    pub diagnostics: &'p mut Diagnostics,
    sources: &'p Sources,
    sequences: &'p HashMap<String, SequenceId>,
    templates: &'p HashMap<String, Template>,
    endpoints: &'p mut dyn EndpointNames,
    parse_endpoint: EndpointParser,
    position: Vec<String>,
    /// Above zero inside what is not run: endpoints there get no number.
    looking: usize,
    /// The message stores that are kept here.
    pub(super) stores: Vec<Arc<Store>>,
    /// The priority executors.
    pub(super) executors: Vec<Arc<Executor>>,
    /// Sequences without a name, inside mediators.
    pub(super) own: Vec<Sequence>,
    /// The texts that keys stand for.
    pub(super) entries: Entries,
    /// Header fields that expressions look at and that go back with a fault about the request.
    pub(super) fields: BTreeSet<String>,
}

/// Fields of the configuration's own. One that may hold a secret goes back to nobody: something between the client and
/// us may have added it.
fn is_given_back(field: &str) -> bool {
    const SECRETS: [&str; 9] = [
        "auth",
        "token",
        "key",
        "secret",
        "session",
        "cookie",
        "pass",
        "credential",
        "forwarded",
    ];
    let field = field.to_ascii_lowercase();
    field.starts_with("x-") && !SECRETS.iter().any(|part| field.contains(part))
}

impl<'p> Parse<'p> {
    /// Starts.
    pub fn new(
        sources: &'p Sources,
        sequences: &'p HashMap<String, SequenceId>,
        templates: &'p HashMap<String, Template>,
        endpoints: &'p mut dyn EndpointNames,
        parse_endpoint: EndpointParser,
        diagnostics: &'p mut Diagnostics,
    ) -> Self {
        Self {
            diagnostics,
            sources,
            sequences,
            templates,
            endpoints,
            parse_endpoint,
            position: Vec::new(),
            looking: 0,
            stores: Vec::new(),
            executors: Vec::new(),
            own: Vec::new(),
            entries: Entries::default(),
            fields: BTreeSet::new(),
        }
    }

    /// Compiles what stops nothing: its problems are only told.
    pub fn apart<T>(&mut self, compile: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::take(self.diagnostics);
        let compiled = compile(self);
        let found = std::mem::replace(self.diagnostics, before);
        for problem in found.list() {
            self.diagnostics.push(Diagnostic {
                severity: problem.severity.min(Severity::Warning),
                ..problem.clone()
            });
        }
        compiled
    }

    /// `file:line:column`.
    pub fn locate(&self, span: Span) -> String {
        self.sources.locate(span)
    }

    /// The mediators of a named sequence. One with an error is left out whole: who gets there hears why, instead of having its
    /// message taken half of the way.
    pub fn sequence_body(&mut self, name: &str, element: &Element) -> List {
        let before = self.diagnostics.errors();
        self.position = vec![name.to_owned()];
        let list = self.list(element);
        match self.left_out(&format!("the sequence `{name}`"), element.name_span, before) {
            None => list,
            Some(fault) => List::failing(element.name_span, fault),
        }
    }

    /// The fault of who gets to an artifact in which there was an error since there were that many.
    pub fn left_out(&self, what: &str, place: Span, before: usize) -> Option<Fault> {
        let mut errors = self.diagnostics.list().iter();
        let first = errors
            .by_ref()
            .filter(|problem| problem.severity == Severity::Error)
            .nth(before)?;
        let text = format!(
            "{what} at {} is left out: {} at {}",
            self.locate(place),
            first.message,
            self.locate(first.span)
        );
        Some(Fault::new(ErrorCode::NOT_SUPPORTED, text))
    }

    /// The mediators inside an element, in order.
    pub fn list(&mut self, element: &Element) -> List {
        if self.position.len() > DEPTH_MAX {
            self.bad(element.name_span, "mediators are nested too deeply");
            return List::default();
        }
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let (mut mediators, mut places) = (Vec::new(), Vec::new());
        let place = |e: &Element| Spanned::new(e.name.as_str().into(), e.name_span);
        for child in element.elements() {
            if child.is("description") {
                continue;
            }
            let nth = seen
                .entry(child.name.as_str())
                .and_modify(|n| *n += 1)
                .or_insert(0);
            self.position.push(match nth {
                0 => child.name.clone(),
                n => format!("{}#{n}", child.name),
            });
            places.push(place(child));
            mediators.push(self.mediator(child));
            self.position.pop();
        }
        places.push(place(element));
        List::new(mediators, places)
    }

    fn mediator(&mut self, element: &Element) -> Box<dyn Mediator> {
        let place = self.sources.locate(element.name_span);
        // The namespace is optional in hand-written files (warned of where the file is read), a foreign one is an error.
        let known = element.namespace == SYNAPSE_NS || element.namespace.is_empty();
        let parse = mediator::entry(&element.name).filter(|_| known);
        match parse {
            Some(entry) => (entry.parse)(element, self).unwrap_or_else(|| {
                refuse(format!(
                    "`{}` at {place} cannot be run; axon check says why",
                    element.name
                ))
            }),
            None if let Some(reason) = mediator::later(&element.name, known) => {
                let text = format!("the mediator `{}` {reason}", element.name);
                self.unsupported(element.name_span, &text);
                if let Some(row) = language::later_mediator(&element.name) {
                    self.later(element, row);
                }
                refuse(format!("`{}` at {place} {reason}", element.name))
            }
            None => {
                let text = format!("`{}` is not a mediator", element.name);
                let code = DiagnosticCode::UnknownMediator;
                let help = match nearest(&element.name, mediator::names()) {
                    Some(meant) if meant == element.name => {
                        format!("write xmlns=\"{SYNAPSE_NS}\"")
                    }
                    Some(meant) => format!("did you mean {meant}?"),
                    None => code.row().help.to_owned(),
                };
                self.diagnostics
                    .error_help(code, element.name_span, text, help);
                refuse(format!("`{}` at {place} is not a mediator", element.name))
            }
        }
    }

    /// `file:line:column` of an element.
    pub fn place(&self, element: &Element) -> String {
        self.sources.locate(element.name_span)
    }

    /// The mediators inside an element as a sequence of their own; `part` tells it apart from others of the same mediator.
    pub fn own_sequence(&mut self, part: &str, element: &Element) -> SequenceId {
        self.position.push(part.to_owned());
        let sequence = Sequence {
            name: self.position.join("/"),
            place: element.name_span,
            list: self.list(element),
            on_error: element
                .attribute("onError")
                .and_then(|key| self.known_sequence(key)),
        };
        self.position.pop();
        self.own.push(sequence);
        SequenceId::own(self.own.len() - 1)
    }

    /// The number of an `endpoint` element inside such a part.
    pub fn endpoint_in(&mut self, part: &str, element: &Element) -> Option<u32> {
        self.position.push(part.to_owned());
        let endpoint = self.endpoint(element);
        self.position.pop();
        endpoint
    }

    /// An attribute that is true or false; false where it is not there.
    pub fn flag(&mut self, element: &Element, name: &str) -> Option<bool> {
        self.word(element, name, &[("false", false), ("true", true)])
    }

    /// Warns of something that has no effect.
    pub fn warn(&mut self, span: Span, message: &str, help: &str) {
        let code = DiagnosticCode::BadMediator;
        self.diagnostics.warn(code, span, message, help);
    }

    /// Reports a setting that is missing or wrong.
    pub fn bad(&mut self, span: Span, message: impl Into<String>) {
        self.diagnostics
            .error(DiagnosticCode::BadMediator, span, message);
    }

    /// Reports something that this version does not run.
    pub fn unsupported(&mut self, span: Span, message: &str) {
        let help = "a message that gets there is answered with a fault that names this place";
        self.diagnostics
            .unsupported(DiagnosticCode::NotSupportedYet, span, message, help);
    }

    /// An attribute that must be there and not be empty.
    pub fn required<'e>(
        &mut self,
        element: &'e Element,
        name: &str,
    ) -> Option<&'e Spanned<String>> {
        match element.attribute(name) {
            Some(value) if !value.value.trim().is_empty() => Some(value),
            Some(value) => {
                self.bad(
                    value.span,
                    format!("`{name}` of `{}` is empty", element.name),
                );
                None
            }
            None => {
                self.bad(
                    element.name_span,
                    format!("`{}` needs the attribute `{name}`", element.name),
                );
                None
            }
        }
    }

    /// An attribute that must be there and may be empty.
    pub fn present<'e>(&mut self, element: &'e Element, name: &str) -> Option<&'e Spanned<String>> {
        let found = element.attribute(name);
        if found.is_none() {
            let text = format!("`{}` needs the attribute `{name}`", element.name);
            self.bad(element.name_span, text);
        }
        found
    }

    /// An attribute that takes one of a few words; the first is the default.
    pub fn word<T: Copy>(
        &mut self,
        element: &Element,
        name: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let Some(written) = element.attribute(name) else {
            return words.first().map(|(_, value)| *value);
        };
        let found = words.iter().find(|(word, _)| *word == written.value.trim());
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let text = format!(
                "`{}` is no {name}; known: {}",
                written.value,
                known.join(", ")
            );
            self.bad(written.span, text);
        }
        found.map(|(_, value)| *value)
    }

    /// Compiles the expression of an attribute of an element, with the prefixes in scope there.
    pub fn expression(&mut self, element: &Element, text: &Spanned<String>) -> Option<Expression> {
        let place = self.sources.locate(text.span);
        let loaded = Expression::load(text, &element.prefixes, place, self.diagnostics)?;
        self.fields.extend(
            loaded
                .fields()
                .filter(|f| is_given_back(f))
                .map(str::to_owned),
        );
        Some(loaded)
    }

    /// Compiles the JSONPath of an attribute of an element; `json-eval()` around it may stand or not.
    pub fn json_path(&mut self, text: &Spanned<String>) -> Option<Expression> {
        let place = self.sources.locate(text.span);
        let path = text.value.trim();
        let compiled = match path.starts_with("json-eval(") {
            true => Expression::parse(path),
            false => Expression::json(path, text.value.len() - text.value.trim_start().len()),
        };
        match compiled {
            Ok(expression) => Some(expression.at(place)),
            Err(error) => {
                error.report(text, self.diagnostics);
                None
            }
        }
    }

    /// The value of an element: its `value`, else its `expression`; one of them must be there.
    pub fn value(&mut self, element: &Element) -> Option<ValueOf> {
        match (element.attribute("value"), element.attribute("expression")) {
            (Some(value), _) => Some(ValueOf::Literal(value.value.clone())),
            (None, Some(expression)) => self
                .expression(element, expression)
                .map(ValueOf::Expression),
            (None, None) => {
                let text = format!("`{}` needs `value` or `expression`", element.name);
                self.bad(element.name_span, text);
                None
            }
        }
    }

    /// A regular expression that has to match a whole text, as in Java's `matches`.
    pub fn whole_regex(&mut self, text: &Spanned<String>) -> Option<Regex> {
        self.compile(text, &format!(r"\A(?:{})\z", text.value))
    }

    /// The same for who only asks whether it matches.
    pub fn whole_pattern(&mut self, text: &Spanned<String>) -> Option<WholePattern> {
        let regex = self.whole_regex(text)?;
        Some(WholePattern::new(&text.value, regex))
    }

    /// A regular expression that is looked for inside a text.
    pub fn regex(&mut self, text: &Spanned<String>) -> Option<Regex> {
        self.compile(text, &text.value)
    }

    fn compile(&mut self, text: &Spanned<String>, pattern: &str) -> Option<Regex> {
        let built = regex::RegexBuilder::new(pattern)
            .size_limit(REGEX_MAX)
            .build();
        let error = match built {
            Ok(regex) => return Some(regex),
            Err(error) => error.to_string(),
        };
        let reason = error
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        if reason.contains("look-around") || reason.contains("backreference") {
            self.unsupported(
                text.span,
                &format!("this regular expression is not supported: {reason}"),
            );
        } else {
            self.diagnostics
                .error(DiagnosticCode::BadRegex, text.span, reason);
        }
        None
    }

    /// A reference to a sequence in an attribute of an element; a missing one is warned of.
    pub fn sequence(&mut self, element: &Element, key: &Spanned<String>) -> Option<SequenceRef> {
        let text = key.value.trim();
        if let Some(inner) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
            let inner = Spanned::new(inner.to_owned(), key.span);
            return self.expression(element, &inner).map(SequenceRef::Computed);
        }
        Some(match self.known_sequence(key) {
            Some(id) => SequenceRef::Known(id),
            None => SequenceRef::Missing(text.to_owned()),
        })
    }

    /// The sequence template of that name.
    pub fn template(&self, name: &str) -> Option<&'p Template> {
        self.templates.get(name)
    }

    /// The names of all sequence templates.
    pub fn template_names(&self) -> impl Iterator<Item = &'p str> + use<'p> {
        self.templates.keys().map(String::as_str)
    }

    /// The sequence of that name; a missing one is warned of.
    pub fn known_sequence(&mut self, key: &Spanned<String>) -> Option<SequenceId> {
        let found = self.sequences.get(key.value.trim()).copied();
        if found.is_none() {
            let text = format!("there is no sequence `{}`", key.value);
            let help = "define it, or correct the name";
            self.diagnostics
                .warn(DiagnosticCode::UnknownSequence, key.span, text, help);
        }
        found
    }

    /// The number of an `endpoint` element inside a mediator.
    pub fn endpoint(&mut self, element: &Element) -> Option<u32> {
        let def = (self.parse_endpoint)(element, self.diagnostics)?;
        if self.looking > 0 {
            self.endpoints.look(&def, self.diagnostics);
            return None;
        }
        Some(match &def.kind {
            // One that sets properties is more than the endpoint that it refers to.
            EndpointKind::Indirect(key) if def.properties.is_empty() => self.endpoints.key(key),
            _ => self.endpoints.inline(&self.position.join("/"), &def),
        })
    }

    /// The number of an endpoint by its key.
    pub fn endpoint_by_key(&mut self, key: &Spanned<String>) -> u32 {
        self.endpoints.key(key)
    }

    /// The number of an endpoint for an address alone, which is never left out.
    pub fn address(&mut self, url: &Spanned<String>) -> Option<u32> {
        let leaf = LeafDef {
            suspend_codes: vec![-1],
            mark_codes: vec![-1],
            ..LeafDef::default()
        };
        let def = EndpointDef {
            name: None,
            kind: EndpointKind::Address(AddressDef {
                uri: url.clone(),
                leaf,
            }),
            on_error: None,
            properties: Vec::new(),
            description: None,
            span: url.span,
        };
        if self.looking > 0 {
            self.endpoints.look(&def, self.diagnostics);
            return None;
        }
        Some(self.endpoints.inline(&self.position.join("/"), &def))
    }

    /// The number of an `endpoint` element that stands in no sequence; a broken one fails when it is sent to.
    pub fn endpoint_at(&mut self, place: &str, element: &Element) -> u32 {
        self.position = vec![place.to_owned(), "endpoint".to_owned()];
        self.endpoint(element).unwrap_or_else(|| {
            let text = "it is broken; axon check says why".to_owned();
            let broken = EndpointDef {
                name: None,
                kind: EndpointKind::Unsupported(Spanned::new(text, element.name_span)),
                on_error: None,
                properties: Vec::new(),
                description: None,
                span: element.span,
            };
            self.endpoints.inline(&self.position.join("/"), &broken)
        })
    }

    /// Warns of child elements and attributes that mean nothing here; the originals ignore them.
    pub fn only(&mut self, element: &Element, attributes: &[&str], children: &[&str]) {
        const ALWAYS: &[&str] = &["description", "trace", "statistics"];
        for attribute in &element.attributes {
            let known = [attributes, ALWAYS]
                .concat()
                .contains(&attribute.name.as_str());
            if attribute.namespace.is_empty() && !known {
                let text = format!("`{}` has no attribute `{}`", element.name, attribute.name);
                self.diagnostics.warn(
                    DiagnosticCode::BadMediator,
                    attribute.name_span,
                    text,
                    ignored(&attribute.name, attributes),
                );
            }
        }
        for child in &element.children {
            if let Node::Element(child) = child
                && !children.contains(&child.name.as_str())
                && child.name != "description"
            {
                let text = format!("`{}` takes no `{}`", element.name, child.name);
                self.diagnostics.warn(
                    DiagnosticCode::BadMediator,
                    child.name_span,
                    text,
                    ignored(&child.name, children),
                );
            }
        }
    }
}

/// What to do about a word that is none of those.
fn ignored(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(meant) => format!("it is ignored; did you mean `{meant}`?"),
        None if known.is_empty() => "it is ignored; there are none here".to_owned(),
        None => format!("it is ignored; there are `{}`", known.join("`, `")),
    }
}
