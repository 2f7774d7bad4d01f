//! Configuration diagnostics. Numbering: AX01xx XML, 02xx structure, 03xx references, 04xx values and units,
//! 05xx substitution, 06xx mediation, 09xx intent. Numbers are never reused.

use std::fmt;

/// One row of [`DIAGNOSTICS`].
#[derive(Debug)]
pub struct DiagnosticText {
    /// The code.
    pub code: DiagnosticCode,
    /// One sentence for people.
    pub text: &'static str,
    /// What to do.
    pub help: &'static str,
}

macro_rules! diagnostics {
    ($($id:ident = $code:literal, $text:literal, $help:literal;)*) => {
        /// A diagnostic's stable code; prints as `AX0301`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum DiagnosticCode {
            $(#[doc = $text] $id = $code,)*
        }
        /// Every diagnostic with its meaning and advice, ascending.
        pub const DIAGNOSTICS: &[DiagnosticText] = &[
            $(DiagnosticText { code: DiagnosticCode::$id, text: $text, help: $help },)*
        ];
    };
}

diagnostics! {
    Malformed = 101, "the file is not well-formed XML", "correct the syntax at the given place";
    UnknownRoot = 102, "the root element is not a configuration element", "use definitions, endpoint, sequence or another artifact in the Synapse namespace";
    NotSupportedYet = 201, "a part of the language that this version does not run", "the artifact answers with a fault that names this place";
    UnknownMediator = 601, "an element that is no mediator stands in a sequence", "correct the name, or the namespace";
    BadMediator = 602, "a mediator lacks a setting, or has one that it cannot have", "see the mediator's reference";
    BadExpression = 603, "an expression is not valid XPath", "correct it at the given place";
    BadRegex = 604, "a regular expression is not valid", "correct it at the given place";
    UnknownSequence = 605, "a sequence that is referred to does not exist", "define it, or correct the key; a message that gets there fails";
}

impl fmt::Display for DiagnosticCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AX{:04}", *self as u16)
    }
}
