//! The `cluster` of a gateway-config: judged when it is loaded, joined when the process serves.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use super::reload::Shared;
use crate::cluster::seal::{Key, SECRET_MIN};
use crate::cluster::{Local, Offer, Plan};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::gateway::model::ClusterDef;
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

/// What the generation that serves offers.
pub struct Offering(pub Arc<Shared>);

impl Local for Offering {
    fn offers(&self) -> Vec<Offer> {
        let generation = self.0.current.load();
        generation
            .gateway
            .as_ref()
            .map(|gateway| gateway.offers())
            .unwrap_or_default()
    }
}
