//! The parameters of the sequence templates that a message is in (spec/mediation.md 6).
//!
//! A list of calls, the innermost first: what a template was called with hides what those around it were called with.
//! The values are shared, so that a copy of a message costs nothing more. As deep as sequences may call each other.

use std::fmt::Debug;
use std::sync::Arc;

use super::{Exchange, Fault};
use crate::soap::content::Extent;

/// A value that is computed anew wherever the template uses it (`{{expression}}`).
pub trait Computed: Debug + Send + Sync {
    /// Its text for the message as it is now.
    ///
    /// # Errors
    /// As evaluating an expression.
    fn text(&self, x: &Exchange) -> Result<String, Fault>;

    /// How far the message has to be read for that.
    fn extent(&self) -> Option<Extent>;
}

/// What a parameter stands for.
#[derive(Clone, Debug)]
pub enum Argument {
    /// A text.
    Text(String),
    /// An expression of the caller.
    Computed(Arc<dyn Computed>),
}

/// One call of a template.
#[derive(Debug)]
pub struct Call {
    arguments: Vec<(Arc<str>, Argument)>,
    outer: Option<Arc<Call>>,
}

impl Exchange {
    /// Enters a template.
    pub fn enter(&mut self, arguments: Vec<(Arc<str>, Argument)>) {
        let outer = self.call.take();
        self.call = Some(Arc::new(Call { arguments, outer }));
    }

    /// Leaves the innermost template.
    pub fn leave(&mut self) {
        self.call = self.call.take().and_then(|call| call.outer.clone());
    }

    /// What a parameter of the innermost template stands for; `None` for one that it does not have.
    pub fn argument(&self, name: &str) -> Option<&Argument> {
        let call = self.call.as_deref()?;
        let found = call.arguments.iter().find(|(known, _)| **known == *name);
        found.map(|(_, argument)| argument)
    }

    /// How far the message has to be read for those parameters of the innermost template that are computed.
    pub fn arguments_extent(&self) -> Option<Extent> {
        let arguments = &self.call.as_deref()?.arguments;
        let extents = arguments.iter().map(|(_, argument)| match argument {
            Argument::Computed(computed) => computed.extent(),
            Argument::Text(_) => None,
        });
        extents.max().flatten()
    }
}
