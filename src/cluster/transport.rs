//! Datagrams between members, sealed where there is a key.
//!
//! The trait is chitchat's and asks for its error type. Release 0.11 because it is the last one whose messages can be
//! written by somebody else: later ones keep their wire form to themselves, so that nothing could be sealed.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use chitchat::transport::{Socket, Transport};
use chitchat::{ChitchatMessage, Deserializable, Serializable};
use tokio::net::UdpSocket;

use super::seal::Key;
use super::strangers::{Strangers, Why};

/// Largest datagram.
const DATAGRAM_MAX: usize = 65_535;

/// See the module.
pub(super) struct Sealed {
    /// Name of the cluster.
    pub cluster: String,
    pub key: Option<Arc<Key>>,
    /// Takes who does not belong to it.
    pub strangers: Arc<Strangers>,
}

#[async_trait]
impl Transport for Sealed {
    async fn open(&self, at: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let socket = UdpSocket::bind(at).await?;
        Ok(Box::new(SealedSocket {
            socket,
            cluster: self.cluster.clone(),
            key: self.key.clone(),
            strangers: self.strangers.clone(),
            buffer: vec![0; DATAGRAM_MAX],
        }))
    }
}

struct SealedSocket {
    socket: UdpSocket,
    cluster: String,
    key: Option<Arc<Key>>,
    strangers: Arc<Strangers>,
    buffer: Vec<u8>,
}

#[async_trait]
impl Socket for SealedSocket {
    /// A datagram that cannot be sent is lost, as any may be.
    async fn send(&mut self, to: SocketAddr, message: ChitchatMessage) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        message.serialize(&mut bytes);
        let sealed = match &self.key {
            Some(key) => key.seal(&bytes),
            None => Some(bytes),
        };
        if let Some(bytes) = sealed {
            let _ = self.socket.send_to(&bytes, to).await;
        }
        Ok(())
    }

    /// What is not sealed with the key, or is no message, is passed over.
    async fn recv(&mut self) -> anyhow::Result<(SocketAddr, ChitchatMessage)> {
        loop {
            // An error is about one peer that is not there; the socket stays good.
            let Ok((length, from)) = self.socket.recv_from(&mut self.buffer).await else {
                tokio::task::yield_now().await;
                continue;
            };
            let opened;
            let mut bytes = match &self.key {
                None => &self.buffer[..length],
                Some(key) => match key.open(&self.buffer[..length]) {
                    Some(plain) => {
                        opened = plain;
                        &opened[..]
                    }
                    None => {
                        self.strangers.hear(from, Why::Key);
                        continue;
                    }
                },
            };
            let Ok(message) = ChitchatMessage::deserialize(&mut bytes) else {
                // Without a key of its own it cannot tell what is sealed from what is broken.
                self.strangers.hear(from, Why::Key);
                continue;
            };
            match &message {
                ChitchatMessage::Syn { cluster_id, .. } if *cluster_id != self.cluster => {
                    let name = Some(cluster_id.clone());
                    self.strangers.hear(from, Why::Cluster(name));
                }
                ChitchatMessage::BadCluster => self.strangers.hear(from, Why::Cluster(None)),
                _ => {}
            }
            return Ok((from, message));
        }
    }
}
