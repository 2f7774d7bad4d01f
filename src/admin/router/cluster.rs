//! The cluster: what is known of it, and the orders for this member.

use http::StatusCode;

use super::super::control::SwitchOrder;
use super::super::problem::{Answer, json, problem};
use super::super::view::ClusterView;
use super::{Router, not_found, order};

/// What the path of an order begins with.
pub(super) const ORDER: &str = "/api/v1/cluster:";

impl Router {
    /// `GET /api/v1/cluster`.
    pub(super) fn cluster(&self) -> Answer {
        shown(self.control.cluster())
    }

    /// `POST /api/v1/cluster:drain` and `:undrain`.
    pub(super) fn order_member(&self, what: &str, body: &[u8]) -> Answer {
        let order: SwitchOrder = match order(body) {
            Ok(order) => order,
            Err(refusal) => return *refusal,
        };
        match what {
            "drain" => shown(self.control.drain_member(true, &order)),
            "undrain" => shown(self.control.drain_member(false, &order)),
            _ => not_found(),
        }
    }
}

fn shown(view: Option<ClusterView>) -> Answer {
    match view {
        Some(view) => json(StatusCode::OK, &view),
        None => problem(
            StatusCode::NOT_FOUND,
            "no_cluster",
            "this axon is in no cluster; a gateway-config with the element cluster makes it a member",
        ),
    }
}
