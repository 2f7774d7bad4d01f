//! What is wrong with a configuration, where, and what to do.

use super::source::Span;
use crate::codes::DiagnosticCode;

/// How bad a problem is (design: three severities).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Accepted, but probably not what was meant.
    Warning,
    /// Well-formed, but needs something that axon does not have; only that artifact does not work.
    Unsupported,
    /// The artifact cannot mean anything; `axon run` refuses unless `--lenient`.
    Error,
}

impl Severity {
    /// The word that people and tools see.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Unsupported => "unsupported",
            Severity::Error => "error",
        }
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code (`AX0301`).
    pub code: DiagnosticCode,
    /// How bad.
    pub severity: Severity,
    /// Where.
    pub span: Span,
    /// One sentence: what is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Another place that has to do with it: the definition that was perhaps meant.
    pub related: Option<Span>,
}

/// Most problems that one load keeps; what comes after them is only counted.
const MAX_KEPT: usize = 10_000;

/// Collects the problems of one load.
#[derive(Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    errors: usize,
}

impl Diagnostics {
    /// Adds a problem.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        // An error is let through in the last half, so that warnings alone cannot crowd it out.
        let limit = match diagnostic.severity {
            Severity::Error => MAX_KEPT,
            _ => MAX_KEPT / 2,
        };
        if self.list.len() < limit {
            self.list.push(diagnostic);
        }
    }

    /// Adds an error.
    pub fn error(&mut self, code: DiagnosticCode, span: Span, message: impl Into<String>) {
        self.add(code, Severity::Error, span, message.into(), None);
    }

    /// Adds an error with advice.
    pub fn error_help(
        &mut self,
        code: DiagnosticCode,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(
            code,
            Severity::Error,
            span,
            message.into(),
            Some(help.into()),
        );
    }

    /// Adds a warning.
    pub fn warn(
        &mut self,
        code: DiagnosticCode,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(
            code,
            Severity::Warning,
            span,
            message.into(),
            Some(help.into()),
        );
    }

    /// Adds "not supported".
    pub fn unsupported(
        &mut self,
        code: DiagnosticCode,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(
            code,
            Severity::Unsupported,
            span,
            message.into(),
            Some(help.into()),
        );
    }

    fn add(
        &mut self,
        code: DiagnosticCode,
        severity: Severity,
        span: Span,
        message: String,
        help: Option<String>,
    ) {
        self.push(Diagnostic {
            code,
            severity,
            span,
            message,
            help,
            related: None,
        });
    }

    /// Names another place for the problem at `of` that was added last; one that was only counted needs none.
    pub fn related(&mut self, of: Span, place: Span) {
        if let Some(last) = self.list.last_mut().filter(|last| last.span == of) {
            last.related = Some(place);
        }
    }

    /// The problems so far, in the order found.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// How many errors there are so far: a parser compares before and after.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// True when at least one is an error.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Gives the problems up, sorted by place.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.list
            .sort_by_key(|d| (d.span.file, d.span.start, d.code as u16));
        self.list
    }
}
