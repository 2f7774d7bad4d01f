//! Tasks (spec/mediation.md 6).

use crate::config::cron::Schedule;
use crate::config::source::{Span, Spanned};

/// A `task` that puts a message into the mediation.
#[derive(Debug, Clone)]
pub struct TaskDef {
    /// Name.
    pub name: Spanned<String>,
    /// When its messages are due; the first of a pause at once.
    pub schedule: Schedule,
    /// How many messages there are; without it there is no end.
    pub count: Option<u32>,
    /// The payload, an XML element as text.
    pub message: String,
    /// Where the message goes by itself.
    pub to: Option<String>,
    /// Its action.
    pub action: Option<String>,
    /// Its format.
    pub format: TaskFormat,
    /// What it goes through.
    pub target: TaskTarget,
    /// The element.
    pub span: Span,
}

/// The format of a task's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskFormat {
    /// SOAP 1.1.
    Soap11,
    /// SOAP 1.2, without a word (recorded).
    Soap12,
    /// The payload alone.
    Pox,
    /// A GET without a body.
    Get,
}

/// What a task's message goes through.
#[derive(Debug, Clone)]
pub enum TaskTarget {
    /// The sequence `main`.
    Main,
    /// A sequence by its name.
    Sequence(Spanned<String>),
    /// A proxy service by its name.
    Proxy(Spanned<String>),
}
