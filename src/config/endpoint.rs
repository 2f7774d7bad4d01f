//! `endpoint` elements: one file per kind.
