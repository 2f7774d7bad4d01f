//! Expressions of mediators: XPath 1.0 with the functions, variables and conversions of Synapse (spec/mediation.md 8).
//!
//! The engine is [`soap::xpath`](crate::soap::xpath); this file gives it what is Synapse's own: `get-property` and the
//! text functions, `$ctx:`, `$trp:`, `$axis2:`, `$url:`, `$body`, `$header`, `$env`. Compiled once, with the prefixes of the
//! element that carries the attribute. The context node is the envelope.
//!
//! Each expression knows what it [needs](Need): most need no message at all, some its SOAP header, the rest all of it.
//! Whoever runs a mediator has that read first and evaluates then; an evaluation itself never waits. The need is data, so
//! that `explain` can show it.
//!
//! As in the originals an undeclared prefix or an unknown name is no error of the configuration: it fails when a message
//! gets there. The configuration is warned.

mod date;
mod encode;
mod host;
mod need;
mod scope;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

pub use need::Need;
pub(super) use text::java;

use crate::codes::{DiagnosticCode, ErrorCode};
use crate::config::diagnostic::Diagnostics;
use crate::config::source::{Span, Spanned};
use crate::exchange::{Exchange, Fault};
use crate::mediation::content;
use crate::mediation::message::{self, Place};
use crate::soap::content::{Content, Extent, Finding, View};
use crate::soap::json::path::{JsonPath, JsonPathError};
use crate::soap::tree::Tree;
pub use crate::soap::xpath::Value;
use crate::soap::xpath::stream::{Seen, StreamPath};
use crate::soap::xpath::{Context, ErrorKind, XPath, XPathError};
use host::MessageHost;
use scope::{Entry, MessageScope};

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Expression {
    compiled: Arc<Compiled>,
    /// Functions and variables by the numbers that the engine has for them.
    table: Arc<[Entry]>,
    need: Need,
    /// It looks into messages in SOAP only; of others it has no value.
    soap_only: bool,
    /// It asks for the `To` of the message, which the header of one in SOAP may say.
    asks_to: bool,
    /// Where it is written, `file:line:column`; empty when nobody said.
    place: Arc<str>,
}

#[derive(Debug)]
enum Compiled {
    /// With the path that answers it from the text of a message, when it is such a simple one.
    XPath(Box<XPath>, Option<Box<StreamPath>>),
    /// `json-eval(...)`.
    Json(Box<JsonPath>),
    /// It names something that does not exist, and fails whenever it is evaluated.
    Doubtful(XPathError),
}

/// Why an expression cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It is not XPath.
    #[error("{message}")]
    Syntax {
        /// What is wrong.
        message: String,
        /// Where, in bytes of the text.
        at: Range<usize>,
    },
    /// It is an expression of the language that this version does not evaluate.
    #[error("{what}")]
    Unsupported {
        /// What is missing.
        what: String,
        /// Where, in bytes of the text.
        at: Range<usize>,
    },
}

/// The part of a file that a part of an attribute's value stands in.
fn span_of(text: &Spanned<String>, at: &Range<usize>) -> Span {
    // Byte places inside the value are places in the file only where the value is written as it is.
    let exact = (text.span.end - text.span.start) as usize == text.value.len();
    match exact {
        true => Span {
            start: text.span.start + at.start as u32,
            end: text.span.start + at.end as u32,
            ..text.span
        },
        false => text.span,
    }
}

impl ExpressionError {
    /// Adds the problem to those of the load; `text` is the attribute's value.
    pub fn report(&self, text: &Spanned<String>, diagnostics: &mut Diagnostics) {
        match self {
            ExpressionError::Syntax { message, at } => {
                let span = span_of(text, at);
                diagnostics.error(DiagnosticCode::BadExpression, span, message.clone());
            }
            ExpressionError::Unsupported { what, .. } => diagnostics.unsupported(
                DiagnosticCode::NotSupportedYet,
                text.span,
                format!("{what} in an expression is not supported yet"),
                "a message that gets there is answered with a fault that names this place",
            ),
        }
    }
}

impl Expression {
    /// Compiles an expression that has no prefixes to refer to.
    ///
    /// # Errors
    /// [`ExpressionError`].
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        Expression::compile(text, &[])
    }

    /// Compiles an expression; `prefixes` are those in scope at its element, the innermost last.
    ///
    /// # Errors
    /// [`ExpressionError`].
    pub fn compile(
        text: &str,
        prefixes: &[(String, String)],
    ) -> Result<Expression, ExpressionError> {
        if let Some(error) = foreign(text) {
            return Err(error);
        }
        if let Some((path, from)) = json_eval(text) {
            return Expression::json(path, from);
        }
        let mut scope = MessageScope::new(prefixes);
        let compiled = match XPath::compile(text, &mut scope) {
            Ok(xpath) => {
                let anchor = |id: u32| scope.table.get(id as usize)?.anchor();
                let stream = StreamPath::of(&xpath, anchor).map(Box::new);
                Compiled::XPath(Box::new(xpath), stream)
            }
            Err(error) => match error.kind {
                ErrorKind::Unsupported => {
                    return Err(ExpressionError::Unsupported {
                        what: error.message,
                        at: error.at,
                    });
                }
                ErrorKind::Prefix | ErrorKind::Function | ErrorKind::Variable => {
                    Compiled::Doubtful(error)
                }
                _ => {
                    return Err(ExpressionError::Syntax {
                        message: error.message,
                        at: error.at,
                    });
                }
            },
        };
        let need = match &compiled {
            Compiled::XPath(xpath, _) => Need::of(xpath.reach(), !scope.table.is_empty()),
            Compiled::Json(_) => Need::Whole,
            Compiled::Doubtful(_) => Need::Nothing,
        };
        Ok(Expression {
            compiled: Arc::new(compiled),
            table: scope.table.into(),
            need,
            soap_only: false,
            asks_to: scope.asks_to,
            place: Arc::default(),
        })
    }

    /// Compiles a JSONPath; `from` is where it stands in the text of the attribute.
    ///
    /// # Errors
    /// [`ExpressionError::Syntax`].
    pub fn json(path: &str, from: usize) -> Result<Expression, ExpressionError> {
        let compiled = JsonPath::compile(path).map_err(|error| {
            let at = match error {
                JsonPathError::Syntax { at, .. } => from + at,
                JsonPathError::Visits => from,
            };
            ExpressionError::Syntax {
                message: error.to_string(),
                at: at..at,
            }
        })?;
        Ok(Expression {
            compiled: Arc::new(Compiled::Json(Box::new(compiled))),
            table: Arc::default(),
            need: Need::Whole,
            soap_only: false,
            asks_to: false,
            place: Arc::default(),
        })
    }

    /// With the place that faults name.
    pub fn at(self, place: String) -> Expression {
        Expression {
            place: place.into(),
            ..self
        }
    }

    /// The value that a JSONPath looks into.
    fn json_value<'x>(&self, x: &'x Exchange) -> Result<Cow<'x, serde_json::Value>, Fault> {
        match x.content().map(Content::json) {
            Some(value) => value.map_err(|error| content::refused(&self.place, &error)),
            None => Err(self.fault("the message was not read")),
        }
    }

    /// Compiles the value of an attribute; problems go to `diagnostics`.
    pub fn load(
        text: &Spanned<String>,
        prefixes: &[(String, String)],
        place: String,
        diagnostics: &mut Diagnostics,
    ) -> Option<Expression> {
        match Expression::compile(&text.value, prefixes) {
            Ok(expression) => {
                if let Compiled::Doubtful(error) = &*expression.compiled {
                    diagnostics.warn(
                        DiagnosticCode::DoubtfulExpression,
                        span_of(text, &error.at),
                        error.message.clone(),
                        "as in Synapse, a message that gets there fails",
                    );
                }
                Some(expression.at(place))
            }
            Err(error) => {
                error.report(text, diagnostics);
                None
            }
        }
    }

    /// The same for messages in SOAP alone: others are not read for it.
    #[must_use]
    pub fn for_soap(self) -> Expression {
        Expression {
            soap_only: true,
            ..self
        }
    }

    /// How far a message has to be read for an evaluation.
    pub fn extent(&self, x: &Exchange) -> Option<Extent> {
        match self.need.extent() {
            Some(_) if self.soap_only && !message::format(x).is_soap() => None,
            None if self.asks_to && message::header_says_to(x) => Some(Extent::Header),
            extent => extent,
        }
    }

    /// What has to be there for an evaluation.
    pub fn need(&self) -> Need {
        self.need
    }

    /// The transport header fields that it names (`$trp:NAME`).
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.table.iter().filter_map(|entry| match entry {
            Entry::Property(Place::Transport, name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// True when it reads parameters of the template around.
    pub fn reads_parameters(&self) -> bool {
        let reads = |entry: &Entry| {
            matches!(
                entry,
                Entry::Parameter(_) | Entry::GetProperty(Place::Function)
            )
        };
        self.table.iter().any(reads)
    }

    /// Where the expression is written, `file:line:column`; empty when it was not said.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The result as the text that Synapse makes of it: a number is written the Java way (`2.0`), and of nodes all count.
    ///
    /// # Errors
    /// A fault that names the expression's place: it cannot be evaluated, or the message was not read.
    pub fn string<'x>(&'x self, x: &'x Exchange) -> Result<Cow<'x, str>, Fault> {
        let known = self.finding(x, |finding| match finding {
            Finding::Found(found) => text::of_found(found),
            _ => None,
        });
        if let Some(text) = known {
            return Ok(Cow::Owned(text));
        }
        if let Some((stream, content)) = self.simple(x) {
            let found = content.glance(|text, roots| stream.find(text, usize::MAX, roots));
            let found = found.map_err(|error| content::refused(&self.place, &error))?;
            if let Some(text) = found.as_deref().and_then(text::of_found) {
                return Ok(Cow::Owned(text));
            }
        }
        if let Compiled::Json(path) = &*self.compiled {
            let known = self.finding(x, |finding| match finding {
                Finding::Text(text) => Some(text.clone()),
                _ => None,
            });
            let text = match known {
                Some(text) => text,
                None => path.text(self.json_value(x)?.as_ref()),
            };
            return text
                .map(Cow::Owned)
                .map_err(|error| self.fault(&error.to_string()));
        }
        let value = self.evaluate(x)?;
        let tree = self.view(x)?.map(|view| &view.tree);
        text::of(value, tree).map_err(|message| self.fault(&message))
    }

    /// The result as a condition, by the rules of XPath.
    ///
    /// # Errors
    /// As [`string`](Self::string).
    pub fn boolean(&self, x: &Exchange) -> Result<bool, Fault> {
        let known = self.finding(x, |finding| match finding {
            Finding::Found(found) => Some(!found.is_empty()),
            Finding::Text(Ok(text)) => Some(JsonPath::is_true(text)),
            _ => None,
        });
        if let Some(known) = known {
            return Ok(known);
        }
        if let Some((stream, content)) = self.simple(x) {
            let found = content.glance(|text, roots| stream.exists(text, roots));
            let found = found.map_err(|error| content::refused(&self.place, &error))?;
            if let Some(found) = found {
                return Ok(found);
            }
        }
        if let Compiled::Json(path) = &*self.compiled {
            let holds = path.holds(self.json_value(x)?.as_ref());
            return holds.map_err(|error| self.fault(&error.to_string()));
        }
        self.evaluate(x).map(|value| value.to_boolean())
    }

    /// The value as XPath has it.
    ///
    /// # Errors
    /// As [`string`](Self::string).
    pub fn evaluate<'x>(&'x self, x: &'x Exchange) -> Result<Value<'x>, Fault> {
        let xpath = match &*self.compiled {
            Compiled::XPath(xpath, _) => xpath,
            Compiled::Json(_) => return self.string(x).map(Value::Text),
            Compiled::Doubtful(error) => return Err(self.fault(&error.message)),
        };
        let known = self.finding(x, |finding| match finding {
            Finding::Value(value) => Some(value.clone()),
            _ => None,
        });
        let value = match known {
            Some(value) => value,
            None => self.find(xpath, self.view(x)?, x),
        };
        value.map_err(|error| self.fault(&error.message))
    }

    fn find<'x>(
        &'x self,
        xpath: &'x XPath,
        view: Option<&'x View>,
        x: &'x Exchange,
    ) -> Result<Value<'x>, XPathError> {
        let host = MessageHost {
            exchange: x,
            table: &self.table,
        };
        let context = Context {
            tree: view.map(|view| &view.tree),
            node: view.map_or(Tree::DOCUMENT, |view| view.envelope),
            host: &host,
        };
        xpath.evaluate(&context)
    }

    /// What it finds in the SOAP header of a request of which nobody has read anything, when the bytes that are here, at
    /// most so many, tell.
    pub(super) fn glance(&self, x: &mut Exchange, most: usize) -> Option<Seen> {
        let Compiled::XPath(_, Some(stream)) = &*self.compiled else {
            return None;
        };
        match self.need {
            Need::Header => stream.in_header(content::beginning(x, most)?),
            _ => None,
        }
    }

    /// Evaluates what looks into the message and has the message remember what was found, for whoever asks next.
    pub(super) fn look_ahead(&self, x: &Exchange) {
        let Some(content) = x.content() else {
            return;
        };
        if let Some((stream, content)) = self.simple(x)
            && let Ok(Some(found)) =
                content.glance(|text, roots| stream.find(text, usize::MAX, roots))
            && text::of_found(&found).is_some()
        {
            return content.remember(self.key(), Finding::Found(found));
        }
        // What fails here fails again when somebody asks, and is told then.
        let finding = match &*self.compiled {
            Compiled::XPath(xpath, _) => match self.view(x) {
                Ok(view) => Finding::Value(self.find(xpath, view, x).map(Value::into_owned)),
                Err(_) => return,
            },
            Compiled::Json(path) => match self.json_value(x) {
                Ok(value) => Finding::Text(path.text(&value)),
                Err(_) => return,
            },
            Compiled::Doubtful(_) => return,
        };
        content.remember(self.key(), finding);
    }

    /// What this expression has found in the current message before.
    fn finding<T>(&self, x: &Exchange, read: impl FnOnce(&Finding) -> Option<T>) -> Option<T> {
        x.content()?.finding(self.key(), read)
    }

    /// Tells expressions apart.
    fn key(&self) -> usize {
        Arc::as_ptr(&self.compiled).addr()
    }

    /// The message, where the expression looks into it and it was read.
    fn view<'x>(&self, x: &'x Exchange) -> Result<Option<&'x View>, Fault> {
        match (self.need.extent(), x.content()) {
            (Some(_), Some(content)) => {
                let view = content.view();
                view.map(Some)
                    .map_err(|error| content::refused(&self.place, &error))
            }
            _ => Ok(None),
        }
    }

    /// The path that answers the expression from the text of the message.
    fn simple<'x>(&'x self, x: &'x Exchange) -> Option<(&'x StreamPath, &'x Content)> {
        match &*self.compiled {
            Compiled::XPath(_, Some(stream)) => Some((stream, x.content()?)),
            _ => None,
        }
    }

    fn fault(&self, message: &str) -> Fault {
        let text = match &*self.place {
            "" => message.to_owned(),
            place => format!("the expression at {place}: {message}"),
        };
        Fault::new(ErrorCode::NONE, text)
    }
}

/// The path in `json-eval(path)` and where it begins.
fn json_eval(text: &str) -> Option<(&str, usize)> {
    let path = text.trim().strip_prefix("json-eval(")?.strip_suffix(')')?;
    let from = text.find("json-eval(")? + "json-eval(".len();
    let blanks = path.len() - path.trim_start().len();
    Some((path.trim(), from + blanks))
}

/// Expressions of other languages, which WSO2 allows where XPath is.
pub(super) fn foreign(text: &str) -> Option<ExpressionError> {
    let whole = 0..text.len();
    let start = text.trim_start();
    let what = if start.starts_with("${") {
        "an expression `${...}`"
    } else {
        return None;
    };
    Some(ExpressionError::Unsupported {
        what: what.to_owned(),
        at: whole,
    })
}
