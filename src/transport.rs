//! Bytes in, bytes out: HTTP/1.1 on both sides, pools, timers, listeners.
//!
//! Knows nothing of endpoints, sequences or sessions: it is given a target and a head, and says how far a try got.

pub mod alarm;
pub mod breath;
pub mod buffer;
pub mod connection;
pub mod downstream;
pub mod drain;
pub mod gate;
pub mod head;
pub mod headers;
pub mod http1;
pub mod io;
pub mod limits;
pub mod listener;
pub mod local;
pub mod pool;
pub mod pump;
pub mod replay;
pub mod reply;
pub mod target;
pub mod tls;
pub mod upstream;
pub mod websocket;
pub mod whole;
pub mod worker;
