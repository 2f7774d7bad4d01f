//! The cluster as the administration shows it.

use std::collections::BTreeMap;

use super::Running;
use crate::admin::{BalancerView, ClusterView, DifferenceView, MemberView, TargetView};
use crate::cluster::{Member, Plan, Presence, View};
use crate::observe::metrics::ClusterMetrics;
use crate::observe::stamp::rfc3339;

/// What this member knows; `None` without a cluster.
pub(super) fn view(running: &Running) -> Option<ClusterView> {
    let plan = running.shared.plan.borrow().clone()?;
    let view = running.shared.standing.view.load();
    let own = plan.name();
    let mut members: Vec<_> = view.members.iter().map(|m| member(m, &view)).collect();
    if !members.iter().any(|member| member.own) {
        members.insert(0, joining(&plan));
    }
    // An order is shown at once; the others hear of it with the next round.
    let draining = running.shared.standing.draining.is_on();
    if draining && let Some(member) = members.iter_mut().find(|m| m.own) {
        member.state = Presence::Draining.name().to_owned();
    }
    Some(ClusterView {
        name: plan.cluster.clone(),
        member: own,
        members,
        balancers: balancers(&view, draining),
        strangers: view
            .strangers
            .iter()
            .map(|s| s.told(&plan.cluster))
            .collect(),
    })
}

/// The same as numbers.
pub(super) fn metrics(running: &Running) -> Option<ClusterMetrics> {
    running.shared.plan.borrow().as_ref()?;
    let view = running.shared.standing.view.load();
    let count = |presence| {
        let of = view.members.iter().filter(|m| m.presence == presence);
        of.count() as u64
    };
    let states = [Presence::Online, Presence::Draining, Presence::Down];
    let otherwise = view.members.iter().filter(|m| !m.differences.is_empty());
    Some(ClusterMetrics {
        members: states.map(|state| (state.name(), count(state))).to_vec(),
        otherwise: otherwise.count() as u64,
    })
}

fn joining(plan: &Plan) -> MemberView {
    MemberView {
        name: plan.name(),
        own: true,
        address: plan.address.to_string(),
        state: "joining".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..MemberView::default()
    }
}

fn member(member: &Member, view: &View) -> MemberView {
    let own = view.members.iter().find(|m| m.own);
    let own = own.and_then(|m| m.config.as_deref());
    let is_alike = member.is_alike(own);
    let differences = member.differences.iter().map(|d| DifferenceView {
        service: d.service.clone(),
        option: d.option.clone(),
        here: d.here.clone(),
        there: d.there.clone(),
    });
    let notice = "quarantine is a notice only: its services are configured otherwise, and it is offered all the same";
    MemberView {
        name: member.name.clone(),
        own: member.own,
        address: member.name.trim_start_matches("tcp://").to_owned(),
        state: member.presence.name().to_owned(),
        since: Some(rfc3339(member.since_unix_ms)),
        version: member.version.clone(),
        connections: member.open,
        config_equal: member.config.as_ref().map(|_| is_alike),
        config_hash: member.config.clone(),
        differences: differences.collect(),
        notice: (!is_alike).then(|| notice.to_owned()),
    }
}

fn balancers(view: &View, draining: bool) -> Vec<BalancerView> {
    let mut all: BTreeMap<&str, Vec<TargetView>> = BTreeMap::new();
    let there = view.members.iter().filter(|m| m.presence != Presence::Down);
    for member in there {
        for offer in &member.offers {
            let targets = all.entry(offer.public.as_str()).or_default();
            targets.push(TargetView {
                uri: offer.uri.clone(),
                member: member.name.clone(),
                connections: offer.load,
                offered: member.presence == Presence::Online && !(member.own && draining),
            });
        }
    }
    let view = |(balance, targets): (&str, Vec<TargetView>)| BalancerView {
        balance: balance.to_owned(),
        targets,
    };
    all.into_iter().map(view).collect()
}
