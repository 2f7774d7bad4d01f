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
}

/// Collects the problems of one load.
#[derive(Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds a problem.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
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
        self.list.push(Diagnostic {
            code,
            severity,
            span,
            message,
            help,
        });
    }

    /// The problems so far, in the order found.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// True when at least one is an error.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Error)
    }

    /// Gives the problems up, sorted by place.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.list
            .sort_by_key(|d| (d.span.file, d.span.start, d.code as u16));
        self.list
    }
}
