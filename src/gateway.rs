//! The KAAZING side: what a `gateway-config.xml` describes, as it runs (spec/kaazing.md).
//!
//! ```text
//! door -> route (Host + path) -> cross-site rules -> service -> WebSocket frames, an HTTP answer, or a tunnel
//! ```
//!
//! A [`Gateway`] belongs to a generation and is shared by all workers; it never changes. A type of service is one file
//! that implements [`Service`] and one row in [`SERVICES`].

mod backend;
mod balancer;
mod broadcast;
mod candidates;
mod directory;
mod door;
mod echo;
mod forwarded;
pub mod greeting;
mod http_proxy;
mod http_redirect;
mod loads;
mod management;
mod origin;
mod page;
mod proxy;
mod realm;
mod route;
mod service;
mod shape;
mod splice;
mod unsupported;
mod update_check;
mod visit;
pub mod wse;

pub use door::{Door, DoorKey};
pub use service::{LocalBoxFuture, Service};
pub use visit::{Lasting, Served};

use std::sync::Arc;

use self::loads::Loads;
use self::origin::Origins;
use self::realm::Access;
use self::route::Routes;
use self::service::{Build, Running};
use self::shape::Shape;
use self::visit::Visit;
use self::wse::Sessions;
use crate::cluster::{Description, Offer, Says, Standing, View};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::gateway::meant;
use crate::config::gateway::model::{GatewayDef, ServiceDef};
use crate::config::gateway::protection::Versions;
use crate::config::source::Span;
use crate::transport::downstream::Client;
use crate::transport::head::{Method, RequestHead};
use crate::transport::headers::Name;
use crate::transport::local::Calls;
use crate::transport::tls::ClientTls;
use crate::transport::worker::Worker;

/// Makes a service of what the file says; `None` after a problem that was reported.
type Make = fn(&mut Build<'_>) -> Option<Arc<dyn Service>>;

/// A type of service.
pub struct ServiceType {
    /// Its name in `type`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
    /// Which elements it takes.
    shape: Shape,
    make: Make,
}

/// Every type of service that the language has.
pub const SERVICES: &[ServiceType] = &[
    balancer::TYPE,
    broadcast::TYPE,
    directory::TYPE,
    echo::TYPE,
    http_proxy::TYPE,
    http_redirect::TYPE,
    management::JMX,
    management::SNMP,
    proxy::TYPE,
    update_check::TYPE,
    unsupported::AMQP_PROXY,
    unsupported::TURN_REST,
];

/// Everything that one gateway-config compiles to.
pub struct Gateway {
    services: Vec<Running>,
    routes: Routes,
    doors: Vec<Door>,
    loads: Loads,
    standing: Standing,
    description: Arc<Description>,
    namespace: String,
    span: Span,
    sessions: Arc<Sessions>,
}

/// What services need to know of the world around the process.
#[derive(Clone, Debug)]
pub struct Outside {
    /// How back ends inside TLS are known, by the versions that are spoken to them.
    pub trust: [(Versions, Arc<ClientTls>); Versions::EACH.len()],
    /// Where this process stands in the cluster.
    pub standing: Standing,
}

impl Outside {
    /// How back ends are known that are spoken to in these versions.
    fn trust(&self, versions: Versions) -> &Arc<ClientTls> {
        let found = self.trust.iter().find(|(own, _)| *own == versions);
        &found.unwrap_or(&self.trust[0]).1
    }
}

impl Gateway {
    /// Compiles the file; what only the types of services can judge is added to the diagnostics.
    ///
    /// Counts of the previous one go on under the names of its services.
    pub fn build(
        def: &GatewayDef,
        previous: Option<&Gateway>,
        outside: &Outside,
        diagnostics: &mut Diagnostics,
    ) -> Gateway {
        let loads = Loads::of(def, previous.map(|p| &p.loads));
        let mut services = Vec::new();
        for service in &def.services {
            let trust = outside.trust(service.connect_options.versions.unwrap_or_default());
            let Some(made) = make(def, service, &loads, trust, diagnostics) else {
                continue;
            };
            services.push(Running {
                name: service.name.value.clone(),
                accepts: service.accepts.iter().map(|a| a.value.clone()).collect(),
                balances: service.balances.iter().map(|b| b.value.clone()).collect(),
                origins: Origins::of(service),
                // What is not served need not be protected, and is to say why.
                access: match service.unsupported {
                    None => Access::of(def, service),
                    Some(_) => None,
                },
                load: loads.named(&service.name.value),
                message_bytes: service
                    .accept_options
                    .maximum_message
                    .unwrap_or(echo::MESSAGE_BYTES),
                shows_server: service.accept_options.server_header != Some(false),
                service: made,
            });
        }
        Gateway {
            routes: Routes::of(def, &services),
            doors: door::doors(def, &services),
            services,
            loads,
            standing: outside.standing.clone(),
            description: Arc::new(Description::of(def)),
            namespace: def.namespace.clone(),
            span: def.span,
            sessions: previous.map(|p| p.sessions.clone()).unwrap_or_default(),
        }
    }

    /// Serves a connection on which no HTTP is spoken.
    pub async fn stream(&self, worker: &Worker, client: &mut Client, doors: &[DoorKey]) {
        let running = doors
            .iter()
            .find_map(|door| self.routes.stream(door))
            .map(|at| &self.services[at]);
        if let Some(running) = running {
            running.service.stream(worker, client).await;
        }
        client.io.say_goodbye();
    }

    /// The other members of the cluster, as far as they are known.
    fn cluster(&self) -> arc_swap::Guard<Arc<View>> {
        self.standing.view.load()
    }

    /// The namespace that the file is written in, and where it says so.
    pub fn namespace(&self) -> (&str, Span) {
        (&self.namespace, self.span)
    }

    /// How many services it has.
    pub fn service_count(&self) -> usize {
        self.services.len()
    }

    /// What this process tells the other members of the cluster.
    pub fn says(&self) -> Says {
        Says {
            offers: self.offers(),
            open: self.services.iter().map(|r| r.load.now()).sum(),
            draining: self.standing.draining.is_on(),
            description: self.description.clone(),
        }
    }

    /// What this process offers to balancers of other members.
    fn offers(&self) -> Vec<Offer> {
        let mut offers = Vec::new();
        for running in self.services.iter().filter(|r| r.service.is_available()) {
            for public in &running.balances {
                let own = running
                    .accepts
                    .iter()
                    .filter(|a| a.matches_but_host(public));
                offers.extend(own.map(|uri| Offer {
                    public: public.to_string(),
                    uri: uri.to_string(),
                    load: running.load.now(),
                }));
            }
        }
        offers
    }

    /// True unless balancers are to leave the service out: it knows that it could not serve anybody, or somebody ordered it.
    fn is_available(&self, service: &str) -> bool {
        let serves = |running: &Running| running.service.is_available();
        !self.standing.draining.is_on() && self.running(service).is_some_and(serves)
    }

    /// The service of that name.
    fn running(&self, name: &str) -> Option<&Running> {
        self.services.iter().find(|running| running.name == name)
    }

    /// The addresses to listen on.
    pub fn doors(&self) -> &[Door] {
        &self.doors
    }

    /// Serves one request that came through a door; `inward` leads to the same door from inside.
    pub async fn serve(
        &self,
        worker: &Worker,
        client: &mut Client,
        head: &RequestHead,
        doors: &[DoorKey],
        inward: &Calls,
    ) -> Served {
        let asks = Asks::of(client, head);
        let host = head.headers.value(Name::Host).unwrap_or_default();
        let found = self.routes.find(doors, host, head.target(), asks);
        let mut visit = Visit::new(worker, client, head, self, inward);
        match found {
            Ok(place) => {
                let running = &self.services[place.service];
                visit.at(running, &place);
                visit.served.service = Some(running.name.clone());
                if visit.is_admitted(asks).await {
                    match asks {
                        Asks::WebSocket => running.websocket(&mut visit).await,
                        Asks::Emulation => running.service.emulated(&mut visit).await,
                        Asks::Http => running.service.http(&mut visit).await,
                    }
                }
            }
            Err(page) => visit.page(page).await,
        }
        visit.served
    }
}

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// A WebSocket.
    WebSocket,
    /// One that is emulated over HTTP: the path goes on with `/;e/`.
    Emulation,
    /// Anything else.
    Http,
}

impl Asks {
    fn of(client: &Client, head: &RequestHead) -> Asks {
        let path = head
            .target()
            .split(|b| *b == b'?')
            .next()
            .unwrap_or_default();
        if client.upgrade {
            Asks::WebSocket
        } else if head.method != Method::Connect && memchr::memmem::find(path, b"/;e/").is_some() {
            Asks::Emulation
        } else {
            Asks::Http
        }
    }
}

/// One service: its type found, its elements judged, itself made.
fn make(
    def: &GatewayDef,
    service: &ServiceDef,
    loads: &Loads,
    trust: &Arc<ClientTls>,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<dyn Service>> {
    let kind = service.kind.value.as_str();
    let Some(row) = SERVICES.iter().find(|row| row.name == kind) else {
        let names: Vec<_> = SERVICES.iter().map(|row| row.name).collect();
        let near = meant(kind, names.iter().copied());
        let message = format!(
            "{kind} is no type of service (service '{}'); the types are {}",
            service.name.value,
            names.join(", ")
        );
        let help = match near.starts_with("did") {
            true => near,
            false => "axon has the types of the community edition".to_owned(),
        };
        let code = DiagnosticCode::UnknownServiceType;
        diagnostics.error_help(code, service.kind.span, message, help);
        return None;
    };
    if !row.shape.judge(service, diagnostics) {
        return None;
    }
    let mut build = Build {
        gateway: def,
        def: service,
        loads,
        trust,
        diagnostics,
    };
    let made = (row.make)(&mut build)?;
    // Asked for protection that is not there: better not served than served without.
    if let Some(why) = &service.unsupported {
        return Some(Arc::new(unsupported::Refusing::new(&why.value)));
    }
    Some(made)
}
