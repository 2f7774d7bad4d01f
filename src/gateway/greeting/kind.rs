//! What kind of client asks for a WebSocket.

use crate::transport::websocket::handshake::Asked;

/// The sub-protocol of the second handshake.
pub const EXTENDED: &str = "x-kaazing-handshake";

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// It makes the second handshake.
    pub extended: bool,
    /// It understands where it is told to go.
    pub balanced: bool,
    /// It speaks version 8.
    pub old: bool,
}

impl Kind {
    /// Told by what it asked for, and by the query of its request.
    pub fn of(asked: &Asked, query: Option<&[u8]>) -> Kind {
        let parts = |query: &'_ [u8]| query.split(|b| *b == b'&').any(|part| part == b".kl=Y");
        Kind {
            extended: asked.protocols.iter().any(|p| p == EXTENDED),
            balanced: query.is_some_and(parts),
            old: asked.version == 8,
        }
    }

    /// Any of the KAAZING clients.
    pub fn is_kaazing(self) -> bool {
        self.extended || self.balanced || self.old
    }
}
