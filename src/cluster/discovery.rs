//! Members find each other by multicast (`udp://MULTICAST:PORT` of a gateway-config): each says once a second where it is.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::Interval;

use super::member::Plan;
use super::seal::Key;
use super::strangers::{Strangers, Why};

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
    strangers: Arc<Strangers>,
    every: Interval,
}

impl Group {
    /// Joins on the network of the own address.
    pub fn join(
        group: SocketAddrV4,
        plan: &Plan,
        strangers: Arc<Strangers>,
    ) -> std::io::Result<Group> {
        let (own, cluster) = (plan.address, &plan.cluster);
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
        let announcement = match &plan.key {
            Some(key) => key.seal(plain.as_bytes()).unwrap_or_default(),
            None => plain.into_bytes(),
        };
        Ok(Group {
            socket: UdpSocket::from_std(socket.into())?,
            group: group.into(),
            announcement,
            cluster: cluster.clone(),
            own,
            key: plan.key.clone(),
            strangers,
            every: tokio::time::interval(EVERY),
        })
    }

    /// Announces and listens until somebody else of the same cluster is heard. Whoever stops waiting may ask again: nothing is
    /// announced more often for that.
    pub async fn next(&mut self) -> SocketAddr {
        let mut buffer = [0; ANNOUNCEMENT_MAX];
        loop {
            tokio::select! {
                // Who is not there to hear it is found with the next one.
                _ = self.every.tick() => { let _ = self.socket.send_to(&self.announcement, self.group).await; }
                read = self.socket.recv_from(&mut buffer) => {
                    if let Ok((length, from)) = read
                        && let Some(address) = self.heard(&buffer[..length], from)
                    {
                        return address;
                    }
                }
            }
        }
    }

    fn heard(&self, datagram: &[u8], from: SocketAddr) -> Option<SocketAddr> {
        let opened;
        let plain = match &self.key {
            None => datagram,
            Some(key) => match key.open(datagram) {
                Some(plain) => {
                    opened = plain;
                    &opened[..]
                }
                None => {
                    self.strangers.hear(from, Why::Key);
                    return None;
                }
            },
        };
        let text = std::str::from_utf8(plain).ok()?;
        let mut words = text.splitn(3, ' ');
        let (greeting, address, cluster) = (words.next()?, words.next()?, words.next()?);
        let address: SocketAddr = address.parse().ok()?;
        if greeting != GREETING {
            return None;
        }
        if cluster != self.cluster {
            let name = Some(cluster.to_owned());
            self.strangers.hear(address, Why::Cluster(name));
            return None;
        }
        (address != self.own).then_some(address)
    }
}
