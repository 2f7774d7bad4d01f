//! Functions and variables that are not XPath's own.

use super::Reach;
use super::value::{Value, ValueKind};
use crate::soap::tree::Tree;

/// A name as an expression writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written<'e> {
    /// The prefix; empty for none.
    pub prefix: &'e str,
    /// The local name.
    pub local: &'e str,
    /// What the prefix means: `""` without a prefix, `None` when it is not declared.
    pub namespace: Option<&'e str>,
}

/// What is known of an argument when a call is compiled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Argument<'e> {
    /// Its text, when it is a literal.
    pub literal: Option<&'e str>,
    /// Its kind, where it is known.
    pub kind: Option<ValueKind>,
}

/// A function or variable of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    /// What the host is asked by.
    pub id: u32,
    /// The kind of its value; `None` when that is only known at run time.
    pub kind: Option<ValueKind>,
    /// How much of the message it looks at.
    pub reach: Reach,
}

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The function of XPath of that local name, whatever the prefix.
    Core,
    /// A function or variable of the host.
    Extension(Extension),
}

/// Why a name means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Nobody knows it.
    Name,
    /// It exists and cannot have these arguments.
    Arguments(String),
    /// It exists and is not evaluated here.
    Unsupported(String),
}

/// What holds where an expression stands; asked while it is compiled.
pub trait Scope {
    /// The namespace of a prefix; `None` when it is not declared.
    fn namespace(&self, prefix: &str) -> Option<&str>;

    /// A function that is none of XPath's, or has a prefix.
    ///
    /// # Errors
    /// [`Unknown`], when there is no such function.
    fn function(
        &mut self,
        name: &Written<'_>,
        arguments: &[Argument<'_>],
    ) -> Result<Known, Unknown>;

    /// A variable.
    ///
    /// # Errors
    /// [`Unknown`], when there is no such variable.
    fn variable(&mut self, name: &Written<'_>) -> Result<Extension, Unknown>;
}

/// A host failed; the text says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostError(pub String);

/// Functions and variables at run time. The numbers are those that the [`Scope`] gave; `'x` is how long the message and
/// what the host itself looks into are there.
pub trait Host<'x> {
    /// The value of a call.
    ///
    /// # Errors
    /// [`HostError`], which ends the evaluation.
    fn function(
        &self,
        id: u32,
        arguments: Vec<Value<'x>>,
        tree: Option<&'x Tree>,
    ) -> Result<Value<'x>, HostError>;

    /// The value of a variable.
    ///
    /// # Errors
    /// [`HostError`], which ends the evaluation.
    fn variable(&self, id: u32, tree: Option<&'x Tree>) -> Result<Value<'x>, HostError>;
}

/// No functions and no variables.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl<'x> Host<'x> for NoHost {
    fn function(
        &self,
        _: u32,
        _: Vec<Value<'x>>,
        _: Option<&'x Tree>,
    ) -> Result<Value<'x>, HostError> {
        Err(HostError("there are no functions here".to_owned()))
    }

    fn variable(&self, _: u32, _: Option<&'x Tree>) -> Result<Value<'x>, HostError> {
        Err(HostError("there are no variables here".to_owned()))
    }
}

/// A scope of prefixes only.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    /// Prefixes with their namespaces; the first of a prefix counts.
    pub namespaces: Vec<(String, String)>,
}

impl Scope for Plain {
    fn namespace(&self, prefix: &str) -> Option<&str> {
        let found = self.namespaces.iter().find(|(known, _)| known == prefix);
        found.map(|(_, namespace)| namespace.as_str())
    }

    fn function(&mut self, _: &Written<'_>, _: &[Argument<'_>]) -> Result<Known, Unknown> {
        Err(Unknown::Name)
    }

    fn variable(&mut self, _: &Written<'_>) -> Result<Extension, Unknown> {
        Err(Unknown::Name)
    }
}
