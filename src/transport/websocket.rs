//! WebSocket by RFC 6455, from the server's side.
//!
//! [`frame`] and [`receiver`] are pure: bytes in, verdicts out, no socket and no clock. [`handshake`] judges the request
//! that asks for a WebSocket. [`socket`] puts them on a client's connection, answers pings, keeps the idle time and the
//! close handshake.
//!
//! Our own codec and not tungstenite, which the dependency table names: that one owns its stream and a read buffer per
//! connection, while [`Client`](super::downstream::Client) borrows storage only when bytes are there, so that ten
//! thousand silent sockets hold no buffer. The only extension is [`deflate`].

pub mod deflate;
pub mod frame;
pub mod handshake;
pub mod receiver;
pub mod socket;
pub mod utf8;

pub use receiver::{Incoming, Receiver};
pub use socket::Socket;

/// Why a WebSocket is closed (RFC 6455 section 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// All is said.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// The server stops, or the page is left.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL: CloseCode = CloseCode(1002);
    /// Text that is not UTF-8, or what is said to be compressed and is not.
    pub const NOT_UTF8: CloseCode = CloseCode(1007);
    /// The client may not do what it wants to do.
    pub const POLICY: CloseCode = CloseCode(1008);
    /// A message is larger than is taken.
    pub const TOO_BIG: CloseCode = CloseCode(1009);
    /// The server cannot go on with this client now.
    pub const TRY_AGAIN: CloseCode = CloseCode(1013);

    /// True for a code that may stand in a frame (RFC 6455 section 7.4.2).
    pub fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}
