//! The `cluster` of a gateway-config: judged when it is loaded, joined when the process serves.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use tokio::sync::watch;

use super::reload::Shared;
use crate::cluster::seal::{Key, SECRET_MIN};
use crate::cluster::{self, Local, Plan, Says};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::gateway::model::ClusterDef;
use crate::observe::Event;
use crate::settings::Settings;

/// What makes a member of this process; what cannot be is reported. `None` without a cluster, and after an error.
pub fn plan(
    def: Option<&ClusterDef>,
    settings: &Settings,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let def = def?;
    let accept = def.accepts.first()?;
    let port = accept.value.port_or_default();
    let code = DiagnosticCode::ClusterAddress;
    let Ok(ip) = accept.value.host.parse::<Ipv4Addr>() else {
        let message = format!("{} is no IPv4 address", accept.value);
        let help = "write tcp://LOCAL-IP:PORT with an address of this machine";
        diagnostics.error_help(code, accept.span, message, help);
        return None;
    };
    let key = match key(settings) {
        Ok(key) => key,
        Err(message) => {
            let help = "put a secret of at least 16 characters into the file; it has to be the same on every member";
            diagnostics.error_help(code, accept.span, message, help);
            return None;
        }
    };
    if key.is_none() && !ip.is_loopback() {
        let message = format!(
            "{} is reached by other machines, and there is no key",
            accept.value
        );
        let help = "what members send to each other is sealed: set [cluster] key_file in axon.toml (or AXON_CLUSTER_KEY_FILE) to a file with the same secret on every member";
        diagnostics.error_help(code, accept.span, message, help);
        return None;
    }
    let tcp = def.connects.iter().filter(|c| c.value.scheme == "tcp");
    let udp = def.connects.iter().find(|c| c.value.scheme == "udp");
    let multicast = udp.and_then(|group| {
        let ip = group
            .value
            .host
            .parse::<Ipv4Addr>()
            .ok()
            .filter(Ipv4Addr::is_multicast);
        if ip.is_none() {
            let message = format!("{} is no multicast address", group.value);
            let help = "write udp://224.0.0.0 to udp://239.255.255.255, with a port";
            diagnostics.error_help(code, group.span, message, help);
        }
        Some(SocketAddrV4::new(ip?, group.value.port_or_default()))
    });
    Some(Plan {
        cluster: def.name.value.clone(),
        address: SocketAddr::from((ip, port)),
        seeds: tcp.map(|c| c.value.authority()).collect(),
        multicast,
        key: key.map(Arc::new),
    })
}

fn key(settings: &Settings) -> Result<Option<Key>, String> {
    let Some(file) = &settings.cluster.key_file else {
        return Ok(None);
    };
    let secret = std::fs::read(file)
        .map_err(|error| format!("[cluster] key_file {}: {error}", file.display()))?;
    let short = || {
        format!(
            "[cluster] key_file {} holds less than {SECRET_MIN} characters",
            file.display()
        )
    };
    Key::new(&secret).map(Some).ok_or_else(short)
}

/// What the generation that serves says of itself.
struct Serving(Arc<Shared>);

impl Local for Serving {
    fn says(&self) -> Says {
        let generation = self.0.current.load();
        let gateway = generation.gateway.as_ref();
        gateway.map(|gateway| gateway.says()).unwrap_or_default()
    }
}

/// Is a member of the cluster that the configuration says, until the stop begins: when it says another one, the old one is
/// left and the new one joined.
pub async fn follow(shared: Arc<Shared>, mut stopping: watch::Receiver<bool>) {
    let serving = Serving(shared.clone());
    let mut plans = shared.plan.subscribe();
    loop {
        let plan = plans.borrow_and_update().clone();
        let mut changing = plans.clone();
        let leave = async {
            tokio::select! {
                // Both ends live as long as the process.
                _ = changing.changed() => {}
                _ = stopping.wait_for(|stop| *stop) => {}
            }
        };
        match plan {
            None => leave.await,
            Some(plan) => {
                let (view, events) = (&shared.standing.view, &shared.events);
                cluster::run(&plan, &serving, view, events, leave).await;
                view.store(Arc::default());
                if !*stopping.borrow() {
                    let text = format!(
                        "{} has left the cluster '{}': the configuration says otherwise now",
                        plan.name(),
                        plan.cluster
                    );
                    events.emit(Event {
                        text: Some(text),
                        ..Event::new("cluster.left")
                    });
                }
            }
        }
        if *stopping.borrow() {
            return;
        }
    }
}
