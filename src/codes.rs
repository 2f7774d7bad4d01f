//! One place for every number and name that a person can meet: Synapse error codes, diagnostics, outcomes.
//!
//! Logs, metrics, faults, the API and the documentation take their texts from these tables.

mod diagnostic;
mod error;

pub use diagnostic::{DIAGNOSTICS, DiagnosticCode, DiagnosticText};
pub use error::{ERRORS, ErrorCode, ErrorText};
