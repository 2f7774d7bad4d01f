//! A proxy that is none, for the tests of the administration server and of its client.

use std::sync::Arc;

use parking_lot::Mutex;

use super::control::{BoxFuture, Control, SessionError, SwitchError, SwitchOrder, Verb};
use super::explain::{ExplainRequest, ExplainView};
use super::sessions::{SessionList, SessionQuery};
use super::view::{
    ClusterView, EndpointView, MemberView, ReloadView, StateCounts, StatsView, StatusView, TlsView,
};
use crate::observe::{
    Entry, Event, EventLog, Follower, LogFormat, MetricsSnapshot, TooManyReaders,
};

/// Two endpoints, a readiness that can be set and a reload that can be refused.
#[derive(Default)]
pub struct Double {
    /// Paths switched off.
    pub off: Mutex<Vec<(String, Option<String>)>>,
    /// Reasons for not being ready.
    pub not_ready: Mutex<Vec<String>>,
    /// Whether a reload is refused.
    pub reject: bool,
    /// The member of the cluster drains.
    pub draining: std::sync::atomic::AtomicBool,
    /// What the followers get.
    pub log: std::sync::OnceLock<Arc<EventLog>>,
}

impl Double {
    /// One that is ready and takes every reload.
    pub fn shared() -> Arc<Double> {
        Arc::new(Double::default())
    }

    /// Its events.
    pub fn log(&self) -> Arc<EventLog> {
        let new = || Arc::new(EventLog::new(LogFormat::Off, None));
        self.log.get_or_init(new).clone()
    }
}

fn endpoint(path: &str, kind: &str, off: bool) -> EndpointView {
    let state = if off { "off" } else { "active" };
    EndpointView {
        path: path.into(),
        kind: kind.into(),
        state: state.into(),
        admin_state: state.into(),
        ..EndpointView::default()
    }
}

impl Control for Double {
    fn status(&self) -> StatusView {
        let off = self.off.lock().len() as u64;
        StatusView {
            version: "1".into(),
            generation: 7,
            config: if self.reject { "degraded" } else { "ok" }.into(),
            endpoints: StateCounts {
                active: 2 - off,
                off,
                ..StateCounts::default()
            },
            ..StatusView::default()
        }
    }

    fn endpoints(&self) -> Vec<EndpointView> {
        let off = self.off.lock();
        let is_off = |path: &str| off.iter().any(|(p, _)| p == path);
        vec![
            endpoint("quotes", "loadbalance", false),
            endpoint("quotes/#0", "address", is_off("quotes/#0")),
            endpoint("quotes/söder b", "address", is_off("quotes/söder b")),
        ]
    }

    fn endpoint(&self, path: &str) -> Option<EndpointView> {
        self.endpoints().into_iter().find(|e| e.path == path)
    }

    fn order(
        &self,
        path: &str,
        verb: Verb,
        order: &SwitchOrder,
    ) -> Result<EndpointView, SwitchError> {
        if path == "quotes" {
            return Err(SwitchError::NotSwitchable {
                path: path.into(),
                why: "it is a group".into(),
            });
        }
        if !self.endpoints().iter().any(|e| e.path == path) {
            return Err(SwitchError::Unknown(path.into()));
        }
        let mut off = self.off.lock();
        off.retain(|(p, _)| p != path);
        let on = !matches!(verb, Verb::Off | Verb::Maintain);
        if !on {
            off.push((path.into(), order.reason.clone()));
        }
        Ok(endpoint(path, "address", !on))
    }

    fn stats(&self, path: &str) -> Option<StatsView> {
        self.endpoint(path).map(|view| StatsView {
            endpoint: view.path,
            ..StatsView::default()
        })
    }

    fn sessions(&self, query: &SessionQuery) -> SessionList {
        SessionList {
            total: query.limit.unwrap_or(0) as u64,
            ..SessionList::default()
        }
    }

    fn drop_session(&self, id: &str, _: &SwitchOrder) -> Result<(), SessionError> {
        (id == "7").then_some(()).ok_or(SessionError::Unknown)
    }

    fn move_session(&self, id: &str, to: &str) -> Result<(), SessionError> {
        match (id, to) {
            ("7", "quotes/#0") => Ok(()),
            ("7", _) => Err(SessionError::Target(to.to_owned())),
            _ => Err(SessionError::Unknown),
        }
    }

    fn reload(&self) -> BoxFuture<'_, ReloadView> {
        let result = if self.reject { "rejected" } else { "applied" };
        Box::pin(std::future::ready(ReloadView {
            result: result.into(),
            generation: 8,
            ..ReloadView::default()
        }))
    }

    fn cluster(&self) -> Option<ClusterView> {
        let draining = self.draining.load(std::sync::atomic::Ordering::Relaxed);
        let state = if draining { "draining" } else { "online" };
        Some(ClusterView {
            name: "c".into(),
            member: "tcp://127.0.0.1:5942".into(),
            members: vec![MemberView {
                name: "tcp://127.0.0.1:5942".into(),
                own: true,
                state: state.into(),
                ..MemberView::default()
            }],
            ..ClusterView::default()
        })
        .filter(|_| !self.reject)
    }

    fn drain_member(&self, on: bool, _: &SwitchOrder) -> Option<ClusterView> {
        self.draining
            .store(on, std::sync::atomic::Ordering::Relaxed);
        self.cluster()
    }

    fn drain(&self, on: bool, _: &SwitchOrder) {
        let mut reasons = self.not_ready.lock();
        reasons.clear();
        if on {
            reasons.push("it is drained".to_owned());
        }
    }

    fn stop(&self, _: &SwitchOrder) {
        self.not_ready.lock().push("the proxy is stopping".into());
    }

    fn ready(&self) -> Result<Vec<String>, Vec<String>> {
        let reasons = self.not_ready.lock().clone();
        match reasons.is_empty() {
            true => Ok(Vec::new()),
            false => Err(reasons),
        }
    }

    fn metrics(&self) -> MetricsSnapshot {
        MetricsSnapshot::default()
    }

    fn tls(&self) -> TlsView {
        TlsView {
            handshakes_failed: 3,
            ..TlsView::default()
        }
    }

    fn events(&self, limit: usize) -> Vec<Event> {
        vec![Event::new("config.reload"); limit.min(3)]
    }

    fn timeline(&self, path: &str, since_unix_ms: u64) -> Option<Vec<Entry>> {
        let known = self.endpoints().iter().any(|e| e.path == path);
        known.then(|| self.log().timeline(path, since_unix_ms))
    }

    fn explain(&self, request: &ExplainRequest) -> Result<ExplainView, String> {
        match request.url.as_str() {
            "" => Err("no url".to_owned()),
            url => Ok(ExplainView {
                request: url.to_owned(),
                ..ExplainView::default()
            }),
        }
    }

    fn follow(&self, after: Option<&str>) -> Result<Follower, TooManyReaders> {
        self.log().follow(after)
    }
}
