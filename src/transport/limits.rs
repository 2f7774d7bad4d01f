//! Every bound of the data path, in one place (design.md 12 and 14).

use std::time::Duration;

use super::http1::parse::HeadLimits;
use super::replay::ReplayLimits;

/// Bounds and timers of a worker.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Heads of both sides.
    pub head: HeadLimits,
    /// Bytes of a body that are looked at for a SOAP header.
    pub soap_header_bytes: usize,
    /// Bytes of a body that may be held whole.
    pub message_bytes: usize,
    /// What is kept for a repeat.
    pub replay: ReplayLimits,
    /// From the first byte of a request (or the accept) to the end of its head.
    pub head_time: Duration,
    /// To agree on TLS, with clients and with back ends.
    pub tls_handshake: Duration,
    /// Between two requests on a connection.
    pub client_idle: Duration,
    /// A body that moves no byte for so long is given up.
    pub body_progress: Duration,
    /// To connect to a back end.
    pub connect: Duration,
    /// To the head of an answer, where the endpoint sets no timeout.
    pub response: Duration,
    /// An unused pooled connection is closed after so long.
    pub pool_idle: Duration,
    /// Longest time that a message waits for an endpoint without alternative to come back; zero: never.
    pub hold: Duration,
    /// For exchanges under way when the proxy is told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: HeadLimits {
                bytes: 64 * 1024,
                fields: 100,
            },
            soap_header_bytes: 256 * 1024,
            message_bytes: 16 * 1024 * 1024,
            replay: ReplayLimits {
                memory: 1024 * 1024,
                disk: 64 * 1024 * 1024,
                disk_total: 1024 * 1024 * 1024,
            },
            head_time: Duration::from_secs(10),
            tls_handshake: Duration::from_secs(10),
            client_idle: Duration::from_secs(75),
            body_progress: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            response: Duration::from_secs(180),
            pool_idle: Duration::from_secs(30),
            hold: Duration::from_secs(2),
            drain: Duration::from_secs(10),
        }
    }
}

/// Most interim answers (1xx) that a back end may send before the real one.
pub const INTERIM_ANSWERS_MAX: u32 = 16;
/// Most messages that wait on one worker for an endpoint to come back.
pub const HELD_MAX: usize = 1024;
/// Most idle connections kept per target and worker.
pub const POOL_IDLE_MAX: usize = 1024;
/// A looked-up name is good for so long.
pub const DNS_TTL: Duration = Duration::from_secs(30);
/// Most names whose addresses a worker remembers.
pub const DNS_NAMES_MAX: usize = 4096;
/// Longest wait for the rest of a refused request, so that the client sees the answer and not a reset.
pub const LINGER: Duration = Duration::from_millis(500);
/// Most bytes read while lingering.
pub const LINGER_BYTES: usize = 1024 * 1024;
/// Most TLS handshakes of clients under way on one worker; beyond them the one that began first is given up.
pub const HANDSHAKES_MAX: usize = 1024;
