//! Configuration diagnostics. Numbering: AX01xx XML, 02xx structure, 03xx references, 04xx values and units,
//! 05xx substitution, 09xx intent. Numbers are never reused.

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
    UnresolvedKey = 301, "a key names an endpoint that is not defined", "define the endpoint, or correct the key; until then sending to it fails with 305100";
    KeyCycle = 302, "endpoint references lead back to themselves, or groups nest deeper than 32", "break the circle; sending through it fails with 305100";
    UnknownAlgorithm = 451, "the balancing algorithm is not known", "use one of the registered names";
    BadWeight = 452, "loadbalance.weight is not a whole number above zero", "write a number from 1 to 4294967295 as the property's value";
}

impl fmt::Display for DiagnosticCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AX{:04}", *self as u16)
    }
}
