//! The message as data: which format it has, what its SOAP header says, and the faults that axon writes.
//!
//! Knows bytes and nothing of the network. A message is never parsed into a tree here: the header is read by an
//! iterative scanner over the raw prefix (design 5), faults are written as text.

pub mod blocks;
pub mod envelope;
mod escape;
pub mod fault;
pub mod scan;

pub use escape::escape_text;
