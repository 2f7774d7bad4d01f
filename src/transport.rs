//! Bytes in, bytes out: HTTP/1.1 on both sides, pools, timers, listeners.
//!
//! Knows nothing of endpoints, sequences or sessions: it is given a target and a head, and says how far a try got.

pub mod head;
pub mod headers;
