//! Groups whose children may come from elsewhere: recipient lists and dynamic load balance.

use super::{Writer, attempts, leaf, member, prefixes, text, write};
use crate::config::model::{
    DynamicLoadBalanceDef, LoadBalanceDef, MembershipDef, RecipientListDef, RecipientsDef,
    ServiceDynamicDef,
};

pub(super) fn recipient_list(list: &RecipientListDef, out: &mut Writer) {
    out.open("recipientlist");
    match &list.recipients {
        RecipientsDef::Endpoints(children) => children.iter().for_each(|child| write(child, out)),
        RecipientsDef::Members(members) => members.iter().for_each(|m| member(m, out)),
        RecipientsDef::Computed(computed) => {
            out.open("endpoints");
            prefixes(&computed.element, out);
            out.attribute("value", &format!("{{{}}}", computed.expression.value));
            out.number("max-cache", Some(computed.max_cache));
            out.close();
        }
    }
    out.close();
}

pub(super) fn dynamic(dynamic: &DynamicLoadBalanceDef, out: &mut Writer) {
    out.open("dynamicLoadbalance");
    settings(&dynamic.group, out);
    membership(&dynamic.membership, out);
    leaf(&dynamic.leaf, out);
    out.close();
}

pub(super) fn services(services: &ServiceDynamicDef, out: &mut Writer) {
    out.open("serviceDynamicLoadbalance");
    let first = services.services.first();
    if let Some(service) = first {
        settings(&service.group.group, out);
    }
    out.open("loadBalancerConfig");
    out.open("services");
    for service in &services.services {
        out.open("service");
        out.open("hosts");
        for host in &service.hosts {
            out.leaf("host", &host.value);
        }
        out.close();
        out.leaf("domain", &service.domain.value);
        membership(&service.group.membership, out);
        out.close();
    }
    out.close();
    out.close();
    // The settings of members are those of all services.
    if let Some(service) = first {
        leaf(&service.group.leaf, out);
    }
    out.close();
}

fn settings(group: &LoadBalanceDef, out: &mut Writer) {
    out.optional("algorithm", text(&group.algorithm));
    if !group.failover {
        out.attribute("failover", "false");
    }
    attempts(&group.max_attempts, group.retry_non_idempotent, out);
}

fn membership(def: &MembershipDef, out: &mut Writer) {
    out.open("membershipHandler");
    out.attribute("class", &def.provider.value);
    for (name, value) in &def.settings {
        out.open("property");
        out.attribute("name", name);
        out.attribute("value", &value.value);
        out.close();
    }
    out.close();
}
