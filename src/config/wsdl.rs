//! WSDL 1.1 and 2.0 documents as data: services, ports, where they lead and in which format (spec/endpoints.md 4.3).
//!
//! Everything here is pure but [`Library`], which reads files. Who fetches a document from elsewhere asks a
//! [`Collector`] what to fetch, hands in the bytes, and gets the same [`Documents`] that a file gives; so the rules for
//! imports, bounds and circles stand in one place and are tested without a network.
//!
//! The same policy as for configuration files holds: no DOCTYPE, bounded nesting, known encodings only.

mod choose;
mod collect;
mod document;
mod gather;
mod library;
mod location;
mod publish;
mod publishing;
mod schedule;

pub use choose::{Chosen, Problem};
pub use collect::{Collector, Documents};
pub use document::{Document, Name, PortFormat, WSDL11, WSDL20};
pub use gather::Gatherer;
pub use library::{FileSeen, Library, Resolution};
pub use location::{Location, Written};
pub use publish::{Addresses, Asked, Part, Place, Published};
pub use publishing::Publishing;
pub use schedule::{Failed, Schedule};

/// Largest document.
pub const MAX_DOCUMENT_BYTES: usize = 4 * 1024 * 1024;
/// Most documents that one definition may consist of.
pub const MAX_DOCUMENTS: usize = 32;
/// Largest sum of all of them.
pub const MAX_TOTAL_BYTES: usize = 16 * 1024 * 1024;
/// Deepest chain of imports.
pub const MAX_IMPORT_DEPTH: usize = 8;

/// Puts something together from several documents, without reading any of them.
pub trait Collect {
    /// What comes of it.
    type Out;
    /// What to read now.
    fn next(&self) -> Option<&Location>;
    /// Hands in what [`next`](Self::next) named: its bytes, and where they came from in the end.
    fn supply(&mut self, bytes: Result<(&[u8], &Location), String>);
    /// What was put together, or why the first document could not be read.
    fn finish(self) -> Result<Self::Out, String>;
}

/// True for the namespace of a definition that may stand inside a configuration.
pub fn is_wsdl(namespace: &str) -> bool {
    namespace == WSDL11 || namespace == WSDL20
}
