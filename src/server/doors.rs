//! The doors of a gateway-config as sockets: names looked up, addresses bound, certificates found.

use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::boot::RunError;
use super::worker::Listening;
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::gateway::protection::Protection;
use crate::config::gateway::uri::Uri;
use crate::config::model::Model;
use crate::config::source::Spanned;
use crate::gateway::{Door, DoorKey, Gateway};
use crate::observe::{LineWriter, Lines, LogFormat};
use crate::transport::listener;

/// Name of the TLS profile that the keystore makes.
pub const KEYSTORE_PROFILE: &str = "keystore";

/// Name of the TLS profile of a door that is protected in this way.
pub fn profile(protection: Protection) -> String {
    format!("{KEYSTORE_PROFILE}{}", protection.suffix())
}

/// The doors that share one socket: two names may be of one address.
pub type Keys = Arc<ArcSwap<Vec<DoorKey>>>;

/// What people call a door, in clear and inside TLS.
pub const KINDS: [&str; 2] = ["gateway", "gateway-tls"];

/// An address that is open.
#[derive(Clone, Debug)]
pub struct OpenDoor {
    /// The address that was asked for.
    at: SocketAddr,
    /// The address that is listened on.
    name: String,
    tls: Option<Protection>,
    /// No HTTP is spoken.
    pub raw: bool,
    /// What leads to it.
    pub keys: Keys,
    /// Turns true when nothing leads to it any more.
    closed: Arc<watch::Sender<bool>>,
}

impl OpenDoor {
    /// What a person calls it.
    pub fn kind(&self) -> &'static str {
        KINDS[usize::from(self.tls.is_some())]
    }

    /// Ready when nothing leads to it any more.
    pub fn closed(&self) -> impl Future<Output = ()> + use<> {
        let mut closed = self.closed.subscribe();
        async move {
            // Who could close it is gone with the process.
            if closed.wait_for(|closed| *closed).await.is_err() {
                std::future::pending().await
            }
        }
    }
}

/// Binds every door. A name that does not resolve and an address in use name the place that asked for them.
pub fn open(
    gateway: &Gateway,
    locate: impl Fn(&Door) -> String,
) -> Result<Vec<Listening>, RunError> {
    let mut known = Vec::new();
    let mut all = Vec::new();
    for door in gateway.doors() {
        let opened = open_one(door, &mut known).map_err(|(address, source)| RunError::Listen {
            address: format!("{address} ({})", locate(door)),
            source,
        })?;
        all.extend(opened);
    }
    Ok(all)
}

/// Opens one door: every address of its name, as far as it is not among those that are known, to which what is opened is
/// added. The error says which address it is about.
fn open_one(
    door: &Door,
    known: &mut Vec<OpenDoor>,
) -> Result<Vec<Listening>, (String, std::io::Error)> {
    let key = &door.key;
    if known.iter().any(|open| open.keys.load().contains(key)) {
        return Ok(Vec::new());
    }
    let name = key.host.as_deref().unwrap_or("0.0.0.0");
    let named = |error| (format!("{name}:{}", key.port), error);
    let mut fresh = Vec::new();
    for at in addresses(name, key.port).map_err(named)? {
        let about = |error| (at.to_string(), error);
        // A port that is chosen by the system is another one each time.
        let same = known.iter().find(|open| open.at == at && at.port() != 0);
        if let Some(open) = same {
            if (open.tls, open.raw) != (key.tls, key.raw) {
                let why = "Address already in use in another way: in clear and inside TLS, with other verify-client or protocols, or for HTTP and for streams";
                return Err(about(std::io::Error::other(why)));
            }
            let mut keys = Vec::clone(&open.keys.load());
            keys.push(key.clone());
            open.keys.store(Arc::new(keys));
            continue;
        }
        let socket = listener::bind(at).map_err(about)?;
        let name = socket.local_addr().map_err(about)?.to_string();
        let open = OpenDoor {
            at,
            name: name.clone(),
            tls: key.tls,
            raw: key.raw,
            keys: Arc::new(ArcSwap::from_pointee(vec![key.clone()])),
            closed: Arc::new(watch::channel(false).0),
        };
        known.push(open.clone());
        fresh.push(Listening {
            name,
            tls: key.tls.map(profile),
            door: Some(open),
            socket,
        });
    }
    Ok(fresh)
}

/// The addresses of a name or of an interface (`@eth0`): those of IPv4, or of IPv6 when there is no other.
fn addresses(name: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    let mut all: Vec<_> = match name.strip_prefix('@') {
        Some(interface) => of_interface(interface, port)?,
        None => (name, port).to_socket_addrs()?.collect(),
    };
    if all.iter().any(SocketAddr::is_ipv4) {
        all.retain(SocketAddr::is_ipv4);
    }
    all.sort();
    all.dedup();
    match all.is_empty() {
        true => Err(std::io::Error::other("the name has no address")),
        false => Ok(all),
    }
}

/// The addresses of a network interface, without those that mean something on their own link only.
fn of_interface(name: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    let all = if_addrs::get_if_addrs()?;
    let own = all.iter().filter(|i| i.name == name && !i.is_link_local());
    let own: Vec<_> = own.map(|i| SocketAddr::new(i.ip(), port)).collect();
    if own.is_empty() {
        let mut names: Vec<_> = all.iter().map(|i| i.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let names = names.join(", ");
        let why = format!("no interface {name} with an address; there are {names}");
        return Err(std::io::Error::other(why));
    }
    Ok(own)
}

/// What only this machine can say: which addresses are its own.
pub fn check(model: &Model, diagnostics: &mut Diagnostics) {
    let Some(cluster) = model.gateway.as_ref().and_then(|g| g.cluster.as_ref()) else {
        return;
    };
    for accept in &cluster.accepts {
        own(accept, diagnostics);
    }
}

/// An address that a socket cannot be bound to belongs to another machine.
fn own(accept: &Spanned<Uri>, diagnostics: &mut Diagnostics) {
    if let Err(error) = UdpSocket::bind((accept.value.host.as_str(), 0)) {
        let message = format!(
            "{}: the address belongs to no interface of this machine: {error}",
            accept.value
        );
        let code = DiagnosticCode::ClusterAddress;
        let help = "write tcp://LOCAL-IP:PORT with an address of this machine";
        diagnostics.error_help(code, accept.span, message, help);
    }
}

/// A socket that was opened by a reload, for one worker.
pub struct Fresh {
    /// The socket.
    pub listening: Listening,
    /// Takes its access lines.
    pub access: Option<(LogFormat, Lines)>,
}

/// The doors that are open. A reload opens those that are new and closes those that nothing leads to any more; connections that
/// came in by them go on.
pub struct Doors {
    open: Mutex<Vec<OpenDoor>>,
    workers: Vec<mpsc::Sender<Fresh>>,
    format: LogFormat,
    writer: Arc<LineWriter>,
}

/// Most doors that wait for a worker to take them.
pub const FRESH_MAX: usize = 64;

impl Doors {
    /// The doors that were opened at the start, and who takes later ones.
    pub fn new(
        open: impl IntoIterator<Item = OpenDoor>,
        workers: Vec<mpsc::Sender<Fresh>>,
        format: LogFormat,
        writer: Arc<LineWriter>,
    ) -> Doors {
        Doors {
            open: Mutex::new(open.into_iter().collect()),
            workers,
            format,
            writer,
        }
    }

    /// Binds what a generation needs and is not open yet; an address that cannot be bound is an error at its place.
    pub fn bind(&self, gateway: &Gateway, diagnostics: &mut Diagnostics) -> Vec<Listening> {
        let mut known = self.open.lock().clone();
        let mut fresh = Vec::new();
        for door in gateway.doors() {
            match open_one(door, &mut known) {
                Ok(sockets) => fresh.extend(sockets),
                Err((address, error)) => {
                    let code = DiagnosticCode::AddressUnusable;
                    let message = format!("cannot listen on {address}: {error}");
                    let help = code.row().help;
                    diagnostics.error_help(code, door.span, message, help);
                }
            }
        }
        fresh
    }

    /// Closes what no generation needs any more; says which.
    pub fn close_unused(&self, gateway: Option<&Gateway>) -> Vec<String> {
        let needed = gateway.map(Gateway::doors).unwrap_or_default();
        let mut closed = Vec::new();
        self.open.lock().retain(|open| {
            let before = open.keys.load();
            let leads_here = |key: &&DoorKey| needed.iter().any(|door| door.key == **key);
            let keys: Vec<_> = before.iter().filter(leads_here).cloned().collect();
            if keys.is_empty() {
                open.closed.send_replace(true);
                closed.push(format!("{} {}", open.kind(), open.name));
                return false;
            }
            if keys.len() < before.len() {
                open.keys.store(Arc::new(keys));
            }
            true
        });
        closed
    }

    /// Kind and address of those that are open.
    pub fn names(&self) -> Vec<(String, String)> {
        let open = self.open.lock();
        let names = open.iter().map(|d| (d.kind().to_owned(), d.name.clone()));
        names.collect()
    }

    /// TLS profile and address of those that speak TLS.
    pub fn tls_names(&self) -> Vec<(String, String)> {
        let open = self.open.lock();
        let secure = open.iter().filter(|door| door.tls.is_some());
        let names = secure.map(|door| (KEYSTORE_PROFILE.to_owned(), door.name.clone()));
        names.collect()
    }

    /// Hands sockets to the workers; the names of those that are open then.
    pub fn hand_out(&self, fresh: Vec<Listening>) -> Vec<String> {
        let mut names = Vec::new();
        for listening in fresh {
            let mut taken = false;
            for worker in &self.workers {
                // A worker that is gone, or has no descriptor left, does without it; the others accept.
                let Ok(listening) = listening.try_clone() else {
                    continue;
                };
                let access =
                    (self.format != LogFormat::Off).then(|| (self.format, self.writer.lines()));
                taken |= worker.blocking_send(Fresh { listening, access }).is_ok();
            }
            if taken {
                names.push(format!("{} {}", listening.kind(), listening.name));
                self.open.lock().extend(listening.door);
            }
        }
        names
    }
}
