//! Our HTTP/1.1 codec (RFC 9112): split by httparse, checked strictly on the raw bytes, written anew.
//!
//! No framing byte of a peer is ever copied to the other side: heads are built from the parsed fields, lengths and
//! chunk sizes from the bytes that were counted here. That removes request smuggling as a class, not case by case.

pub mod framing;
pub mod parse;
pub mod strict;
pub mod write;
