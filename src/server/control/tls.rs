//! The TLS profiles as the administration shows them.

use super::Running;
use crate::admin::{CertificateView, TlsProfileView, TlsView};
use crate::endpoint::tree::NodeKind;
use crate::observe::stamp::{rfc3339, unix_ms};
use crate::server::counters::sum;
use crate::server::generation::Generation;
use crate::settings::ClientAuth;
use crate::transport::tls::{Facts, Profile};

/// Everything about TLS, now.
pub(super) fn view(running: &Running) -> TlsView {
    let generation = running.generation();
    let reloads = running.shared.reloads.lock().clone();
    let profiles = generation.tls.profiles();
    TlsView {
        last_reload_at: rfc3339(reloads.last_unix_ms),
        problem: reloads.problem,
        handshakes_failed: sum(running.counters(), |c| &c.handshakes_failed),
        profiles: profiles
            .into_iter()
            .map(|profile| shown(running, &generation, profile))
            .collect(),
    }
}

fn shown(running: &Running, generation: &Generation, profile: &Profile) -> TlsProfileView {
    let now_s = i64::try_from(unix_ms() / 1_000).unwrap_or(i64::MAX);
    let users = generation.endpoints.nodes().filter(
        |(_, node)| matches!(&node.kind, NodeKind::Leaf(leaf) if leaf.tls.name() == profile.name),
    );
    let doors = running.shared.doors.tls_names();
    let listeners = running.tls_listeners.iter().chain(&doors);
    let listeners = listeners.filter(|(name, _)| *name == profile.name);
    TlsProfileView {
        name: profile.name.clone(),
        loaded_at: rfc3339(profile.loaded_unix_ms),
        not_after: profile.not_after().map(moment),
        ends_in_s: profile.not_after().map(|end| end - now_s),
        client: match profile.client_auth {
            ClientAuth::None => "none",
            ClientAuth::Optional => "optional",
            ClientAuth::Required => "required",
        }
        .to_owned(),
        verify: profile.verifies,
        chains: profile
            .chains
            .iter()
            .map(|chain| chain.iter().map(certificate).collect())
            .collect(),
        listeners: listeners.map(|(_, address)| address.clone()).collect(),
        endpoints: users.map(|(_, node)| node.path.to_string()).collect(),
    }
}

fn certificate(facts: &Facts) -> CertificateView {
    CertificateView {
        subject: facts.subject.clone(),
        issuer: facts.issuer.clone(),
        serial: facts.serial.clone(),
        not_before: moment(facts.not_before),
        not_after: moment(facts.not_after),
        names: facts.names.clone(),
    }
}

fn moment(unix_s: i64) -> String {
    rfc3339(u64::try_from(unix_s).unwrap_or(0).saturating_mul(1_000))
}
