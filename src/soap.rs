//! The message as data: which format it has, what its SOAP header says, and the faults that axon writes.
//!
//! Knows bytes and nothing of the network. What only the header is needed for is read by an iterative scanner over the
//! raw prefix (design 5), faults are written as text; a [`tree`] is built where a body has to be looked into or changed.

pub mod blocks;
pub mod content;
pub mod envelope;
mod escape;
pub mod fault;
pub mod scan;
pub mod tree;
pub mod xpath;

pub use escape::escape_text;
