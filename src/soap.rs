//! The message as data: which format it has, what its SOAP header says, and the faults that axon writes.
//!
//! Knows bytes and nothing of the network. What only the header is needed for is read by an iterative scanner over the
//! raw prefix (design 5), faults are written as text; [`convert`] works on the ranges of an [`outline`]; a [`tree`] is built
//! where a body has to be looked into or changed.

pub mod addressing;
pub mod blocks;
pub mod charset;
pub mod coding;
pub mod content;
pub mod convert;
pub mod envelope;
mod escape;
pub mod fault;
pub mod json;
pub mod media;
pub mod multipart;
pub mod outline;
pub mod scan;
pub mod tree;
pub mod xop;
pub mod xpath;
#[cfg(feature = "xsd")]
pub mod xsd;

pub use escape::escape_text;
