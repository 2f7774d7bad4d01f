//! Members find each other by multicast (`udp://MULTICAST:PORT` of a gateway-config): each says once a second where it is.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::seal::Key;

/// How often a member says where it is.
const EVERY: Duration = Duration::from_secs(1);
/// Longest announcement.
const ANNOUNCEMENT_MAX: usize = 1_024;
/// How an announcement begins.
const GREETING: &str = "axon-cluster";

/// A group that members listen to.
pub(super) struct Group {
    socket: UdpSocket,
    group: SocketAddr,
    announcement: Vec<u8>,
    cluster: String,
    own: SocketAddr,
    key: Option<Arc<Key>>,
}

impl Group {
    /// Joins on the network of the own address.
    pub fn join(
        group: SocketAddrV4,
        own: SocketAddr,
        cluster: &str,
        key: Option<Arc<Key>>,
    ) -> std::io::Result<Group> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        // Several members may live on one machine.
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, group.port())).into())?;
        let interface = match own {
            SocketAddr::V4(own) => *own.ip(),
            SocketAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        socket.join_multicast_v4(group.ip(), &interface)?;
        socket.set_multicast_if_v4(&interface)?;
        socket.set_multicast_loop_v4(true)?;
        let plain = format!("{GREETING} {own} {cluster}");
        let announcement = match &key {
            Some(key) => key.seal(plain.as_bytes()).unwrap_or_default(),
            None => plain.into_bytes(),
        };
        Ok(Group {
            socket: UdpSocket::from_std(socket.into())?,
            group: group.into(),
            announcement,
            cluster: cluster.to_owned(),
            own,
            key,
        })
    }

    /// Announces and listens until somebody else of the same cluster is heard.
    pub async fn next(&self) -> SocketAddr {
        let mut buffer = [0; ANNOUNCEMENT_MAX];
        let mut every = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                // Who is not there to hear it is found with the next one.
                _ = every.tick() => { let _ = self.socket.send_to(&self.announcement, self.group).await; }
                read = self.socket.recv_from(&mut buffer) => {
                    if let Ok((length, _)) = read
                        && let Some(address) = self.heard(&buffer[..length])
                    {
                        return address;
                    }
                }
            }
        }
    }

    fn heard(&self, datagram: &[u8]) -> Option<SocketAddr> {
        let plain = match &self.key {
            Some(key) => key.open(datagram)?,
            None => datagram.to_vec(),
        };
        let text = String::from_utf8(plain).ok()?;
        let mut words = text.splitn(3, ' ');
        let (greeting, address, cluster) = (words.next()?, words.next()?, words.next()?);
        let address: SocketAddr = address.parse().ok()?;
        (greeting == GREETING && cluster == self.cluster && address != self.own).then_some(address)
    }
}
