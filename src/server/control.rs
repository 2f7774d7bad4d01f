//! The running proxy as the administration sees it.

mod cluster;
mod queues;
mod tls;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::Notify;

use super::counters::{Counters, sum};
use super::explain::{place, settings};
use super::generation::Generation;
use super::log::shortened;
use super::orders;
use super::reload::Shared;
use super::reloader::Reloader;
use crate::admin::explain::{ExplainRequest, ExplainView};
use crate::admin::sessions::{SessionList, SessionQuery};
use crate::admin::{
    BoxFuture, CauseView, ClusterView, Control, EndpointView, ListenerView, OrderView, ReloadView,
    SessionError, StateCounts, StatsView, StatusView, SwitchError, SwitchOrder, TlsView, Verb,
};
use crate::codes::ErrorCode;
use crate::config::source::Span;
use crate::endpoint::inspect::NodeView;
use crate::endpoint::state::EndpointState;
use crate::endpoint::tree::wsdl::WsdlTarget;
use crate::observe::metrics::{
    ConfigMetrics, ConnectionMetrics, EndpointMetrics, GroupMetrics, HistogramSnapshot,
    PoolMetrics, RequestCount, RouteMetrics,
};
use crate::observe::stamp::{rfc3339, unix_ms, unix_ms_of};
use crate::observe::{Entry, Event, Follower, MetricsSnapshot, TooManyReaders};
use crate::util::clock::{self, Tick};

/// See [`Control`].
pub struct Running {
    /// What workers and control plane share.
    pub shared: Arc<Shared>,
    /// Reloads.
    pub reloader: Reloader,
    /// When the process began, milliseconds since 1970.
    pub started_unix_ms: u64,
    /// Opened addresses besides the doors of a gateway-config: kind and address.
    pub listeners: Vec<(String, String)>,
    /// Told when the stop is ordered.
    pub stop: Arc<Notify>,
    /// HTTPS listeners besides those doors: profile and address.
    pub tls_listeners: Vec<(String, String)>,
    /// True while the stop goes on.
    pub stopping: tokio::sync::watch::Receiver<bool>,
    /// Lines that the log had to drop.
    pub dropped_lines: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl Running {
    fn generation(&self) -> Arc<Generation> {
        self.shared.current.load_full()
    }

    fn told(&self, kind: &'static str, order: &SwitchOrder) {
        self.shared.events.emit(Event {
            by: order.by.as_deref().map(shortened),
            text: order.reason.as_deref().map(shortened),
            ..Event::new(kind)
        });
    }

    fn counters(&self) -> &[Arc<Counters>] {
        &self.shared.counters
    }
}

impl Control for Running {
    fn status(&self) -> StatusView {
        let generation = self.generation();
        let now = clock::now();
        let mut endpoints = StateCounts::default();
        let mut sessions = 0;
        for view in generation.endpoints.inspect(now) {
            sessions += view.sessions.as_ref().map_or(0, |s| s.active);
            if view.detail.is_some() && !is_reference(&view) {
                match view.state {
                    EndpointState::Active => endpoints.active += 1,
                    EndpointState::Timeout => endpoints.timeout += 1,
                    EndpointState::Suspended => endpoints.suspended += 1,
                    EndpointState::Off => endpoints.off += 1,
                }
            }
        }
        let reloads = self.shared.reloads.lock().clone();
        let paths: Vec<_> = self
            .shared
            .origin
            .paths
            .iter()
            .map(|p| p.display().to_string())
            .collect();
        let now_unix = unix_ms();
        StatusView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: rfc3339(self.started_unix_ms),
            uptime_ms: now_unix.saturating_sub(self.started_unix_ms),
            generation: generation.number,
            config: if reloads.problem.is_some() {
                "degraded"
            } else {
                "ok"
            }
            .to_owned(),
            source: if paths.is_empty() {
                self.shared.origin.default_root.display().to_string()
            } else {
                paths.join(", ")
            },
            endpoints,
            sessions,
            requests_in_flight: sum(self.counters(), |c| &c.in_flight),
            connections: sum(self.counters(), |c| &c.connections_open),
            listeners: self
                .listeners
                .iter()
                .cloned()
                .chain(self.shared.doors.names())
                .map(|(kind, address)| ListenerView { kind, address })
                .collect(),
            stores: queues::stores(&generation),
            processors: queues::processors(&generation),
            executors: queues::executors(&generation),
            problems: reloads
                .problem
                .into_iter()
                .chain(generation.left_out.iter().cloned())
                .chain(queues::stopped(&generation))
                .collect(),
        }
    }

    fn endpoints(&self) -> Vec<EndpointView> {
        let generation = self.generation();
        let now = clock::now();
        generation
            .endpoints
            .inspect(now)
            .iter()
            .map(|view| shown(&generation, &self.shared, view, now))
            .collect()
    }

    fn endpoint(&self, path: &str) -> Option<EndpointView> {
        let generation = self.generation();
        let now = clock::now();
        let id = generation.endpoints.at_path(path)?;
        let view = generation.endpoints.view(id, now);
        let mut shown = shown(&generation, &self.shared, &view, now);
        if let Some(leaf) = generation.endpoints.leaf(id) {
            shown.settings = settings(&generation, leaf, &self.shared.limits);
        }
        Some(shown)
    }

    fn order(
        &self,
        path: &str,
        verb: Verb,
        order: &SwitchOrder,
    ) -> Result<EndpointView, SwitchError> {
        let generation = self.generation();
        let now = clock::now();
        let id = generation
            .endpoints
            .at_path(path)
            .ok_or_else(|| SwitchError::Unknown(path.to_owned()))?;
        orders::give(&generation, &self.shared.events, id, verb, order, now).map_err(|error| {
            SwitchError::NotSwitchable {
                path: path.to_owned(),
                why: error.to_string(),
            }
        })?;
        let view = generation.endpoints.view(id, now);
        Ok(shown(&generation, &self.shared, &view, now))
    }

    fn stats(&self, path: &str) -> Option<StatsView> {
        let generation = self.generation();
        let id = generation.endpoints.at_path(path)?;
        let (events, started) = (&self.shared.events, self.started_unix_ms);
        let now = clock::now();
        Some(super::stats::stats(&generation, events, id, started, now))
    }

    fn sessions(&self, query: &SessionQuery) -> SessionList {
        super::sessions::list(&self.generation(), query, clock::now())
    }

    fn drop_session(&self, id: &str, order: &SwitchOrder) -> Result<(), SessionError> {
        let group = super::sessions::drop_one(&self.generation(), id, clock::now())?;
        self.shared.events.emit(Event {
            endpoint: Some(group),
            by: order.by.as_deref().map(shortened),
            text: Some(format!("session {id} was dropped")),
            ..Event::new("session.dropped")
        });
        Ok(())
    }

    fn move_session(&self, id: &str, to: &str) -> Result<(), SessionError> {
        let group = super::sessions::move_one(&self.generation(), id, to, clock::now())?;
        self.shared.events.emit(Event {
            endpoint: Some(group),
            child: Some(to.to_owned()),
            text: Some(format!("session {id} was moved to {to}")),
            ..Event::new("session.moved")
        });
        Ok(())
    }

    fn reload(&self) -> BoxFuture<'_, ReloadView> {
        Box::pin(async move {
            let view = self.reloader.reload().await;
            view.unwrap_or_else(|| ReloadView {
                result: "rejected".to_owned(),
                diagnostics: vec![serde_json::json!({ "message": "the reload broke down" })],
                ..ReloadView::default()
            })
        })
    }

    fn drain(&self, on: bool, order: &SwitchOrder) {
        self.shared.standing.draining.order_process(on);
        let kind = if on {
            "process.drain"
        } else {
            "process.undrain"
        };
        self.told(kind, order);
    }

    fn cluster(&self) -> Option<ClusterView> {
        cluster::view(self)
    }

    fn drain_member(&self, on: bool, order: &SwitchOrder) -> Option<ClusterView> {
        self.shared.plan.borrow().as_ref()?;
        self.shared.standing.draining.order_member(on);
        let kind = if on {
            "cluster.drain"
        } else {
            "cluster.undrain"
        };
        self.told(kind, order);
        cluster::view(self)
    }

    fn stop(&self, order: &SwitchOrder) {
        self.told("process.stop", order);
        self.stop.notify_one();
    }

    fn ready(&self) -> Result<Vec<String>, Vec<String>> {
        if *self.stopping.borrow() {
            Err(vec!["the proxy is stopping".to_owned()])
        } else if self.shared.standing.draining.is_process() {
            Err(vec!["it is drained; axon drain --undo ends it".to_owned()])
        } else {
            // Everybody may ask, so places stay inside.
            let [_, _, errors] = self.generation().problems;
            let note = || format!("errors in the configuration: {errors}; axon status names them");
            Ok((errors > 0).then(note).into_iter().collect())
        }
    }

    fn metrics(&self) -> MetricsSnapshot {
        let generation = self.generation();
        let now = clock::now();
        let reloads = self.shared.reloads.lock().clone();
        let counters = self.counters();
        let mut duration = HistogramSnapshot::default();
        let mut statuses = std::collections::BTreeMap::new();
        for worker in counters {
            duration.add(&worker.duration.snapshot());
            for (status, n) in worker.statuses() {
                *statuses.entry(status).or_insert(0) += n;
            }
        }
        let listener = self
            .listeners
            .iter()
            .filter(|(kind, _)| kind == "http" || kind == "https")
            .map(|(_, address)| address.as_str())
            .collect::<Vec<_>>()
            .join(",");
        let route = generation.mediation.route_name().to_owned();
        let views = generation.endpoints.inspect(now);
        let [warnings, unsupported, errors] = generation.problems;
        MetricsSnapshot {
            stores: queues::waiting(&generation),
            processors: queues::worked(&generation),
            executors: queues::executors(&generation)
                .into_iter()
                .map(|e| (e.name, e.running, e.waiting))
                .collect(),
            started_unix_ms: self.started_unix_ms,
            config: ConfigMetrics {
                generation: generation.number,
                last_reload_successful: reloads.problem.is_none(),
                last_reload_unix_ms: reloads.last_unix_ms,
                reloads: vec![
                    ("applied", reloads.applied),
                    ("unchanged", reloads.unchanged),
                    ("rejected", reloads.rejected),
                ],
                diagnostics: vec![
                    ("warning", warnings),
                    ("unsupported", unsupported),
                    ("error", errors),
                ],
            },
            connections: vec![ConnectionMetrics {
                listener: listener.clone(),
                protocol: "http1",
                open: sum(counters, |c| &c.connections_open),
                total: sum(counters, |c| &c.connections),
            }],
            streams: vec![("websocket", sum(counters, |c| &c.tunnels_open))],
            requests: statuses
                .into_iter()
                .map(|(status, count)| RequestCount {
                    listener: listener.clone(),
                    route: route.clone(),
                    status,
                    count,
                })
                .collect(),
            routes: vec![RouteMetrics {
                listener,
                route,
                duration,
                request_bytes: sum(counters, |c| &c.request_bytes),
                response_bytes: sum(counters, |c| &c.response_bytes),
            }],
            requests_in_flight: sum(counters, |c| &c.in_flight),
            pool: PoolMetrics {
                idle: sum(counters, |c| &c.pool_idle),
                reused: sum(counters, |c| &c.pool_reused),
                stale: sum(counters, |c| &c.pool_stale),
            },
            endpoints: views
                .iter()
                .filter(|v| v.detail.is_some() && !is_reference(v))
                .map(|v| endpoint_metrics(&generation, v))
                .collect(),
            groups: views
                .iter()
                .filter(|v| !v.children.is_empty())
                .map(|v| group_metrics(v, &views))
                .collect(),
            tls_handshakes_failed: sum(counters, |c| &c.handshakes_failed),
            certificates_end: generation
                .tls
                .profiles()
                .into_iter()
                .filter_map(|p| Some((p.name.clone(), p.not_after()?)))
                .collect(),
            cluster: cluster::metrics(self),
            log_lines_dropped: (self.dropped_lines)(),
            worker_stalls: counters
                .iter()
                .map(|c| c.stall_us.swap(0, Ordering::Relaxed) as f64 / 1e6)
                .collect(),
        }
    }

    fn tls(&self) -> TlsView {
        tls::view(self)
    }

    fn events(&self, limit: usize) -> Vec<Event> {
        self.shared.events.recent(limit)
    }

    fn timeline(&self, path: &str, since_unix_ms: u64) -> Option<Vec<Entry>> {
        let generation = self.generation();
        let endpoints = &generation.endpoints;
        let known = endpoints.at_path(path);
        // A reference shows what happened to the endpoint behind it.
        let path = known.map_or(path, |id| &endpoints.node(endpoints.resolve(id)).path);
        let items = self.shared.events.timeline(path, since_unix_ms);
        (known.is_some() || !items.is_empty()).then_some(items)
    }

    fn explain(&self, request: &ExplainRequest) -> Result<ExplainView, String> {
        let generation = self.generation();
        let limits = self.shared.limits;
        let mut view = super::explain::explain(&generation, limits, request, clock::now())?;
        view.generation = Some(generation.number);
        Ok(view)
    }

    fn follow(&self, after: Option<&str>) -> Result<Follower, TooManyReaders> {
        self.shared.events.follow(after)
    }
}

/// A key in a group shows the state of the endpoint behind it, which is counted where it is defined.
fn is_reference(view: &NodeView) -> bool {
    view.kind == "key"
}

fn endpoint_metrics(generation: &Generation, view: &NodeView) -> EndpointMetrics {
    let snapshot = view.detail;
    let stats = generation
        .endpoints
        .leaf(view.id)
        .map(|leaf| leaf.stats.clone());
    let errors: Vec<(ErrorCode, u64)> = stats
        .as_ref()
        .map_or_else(Vec::new, |s| s.errors_by_code().collect());
    let tls_failed = stats
        .as_ref()
        .map_or(0, |s| s.tls_failures.load(Ordering::Relaxed));
    let mut requests = vec![("ok", view.successes)];
    if tls_failed > 0 {
        requests.push(("tls_failed", tls_failed));
    }
    for (code, n) in &errors {
        let outcome = super::log::outcome_of(*code);
        let n = match *code {
            ErrorCode::CONNECT_FAILED => &n.saturating_sub(tls_failed),
            _ => n,
        };
        match requests.iter_mut().find(|(name, _)| *name == outcome) {
            Some(entry) => entry.1 += n,
            None => requests.push((outcome, *n)),
        }
    }
    let gate = generation
        .endpoints
        .leaf(view.id)
        .and_then(|leaf| leaf.gate.clone());
    EndpointMetrics {
        endpoint: view.path.clone(),
        limited: gate.map(|gate| [gate.in_use(), gate.pending(), gate.refused()]),
        state: view.state.name(),
        in_flight: view.in_flight,
        requests,
        errors: errors.iter().map(|(code, n)| (code.0, *n)).collect(),
        suspensions: stats
            .as_ref()
            .map_or(0, |s| s.suspensions.load(Ordering::Relaxed)),
        suspended_until_unix_ms: view
            .remaining
            .and(snapshot.as_ref())
            .map(|s| unix_ms_of(s.next_retry)),
        duration: stats
            .as_ref()
            .map(|s| s.duration.snapshot())
            .unwrap_or_default(),
        connect: stats.map(|s| s.connect.snapshot()).unwrap_or_default(),
        operations: generation
            .endpoints
            .leaf(view.id)
            .and_then(|leaf| leaf.operations.as_ref())
            .map(|operations| operations.all())
            .unwrap_or_default()
            .into_iter()
            .map(|(name, row)| (name, row.answered, row.failed, row.seconds))
            .collect(),
        wsdl: generation
            .endpoints
            .leaf(view.id)
            .and_then(|leaf| leaf.target.wsdl())
            .map(WsdlTarget::readings),
    }
}

fn group_metrics(view: &NodeView, all: &[NodeView]) -> GroupMetrics {
    let mut children: Vec<(&'static str, u64)> = Vec::new();
    for child in &view.children {
        let Some(state) = all.iter().find(|v| v.id == *child).map(|v| v.state.name()) else {
            continue;
        };
        match children.iter_mut().find(|(name, _)| *name == state) {
            Some(entry) => entry.1 += 1,
            None => children.push((state, 1)),
        }
    }
    GroupMetrics {
        group: view.path.clone(),
        children,
        failovers: view.failovers,
        repeats: view.repeats,
        sessions: view.sessions.as_ref().map(|s| s.active),
        session_events: view.sessions.as_ref().map_or_else(Vec::new, |s| {
            vec![
                ("bound", s.created),
                ("expired", s.expired),
                ("renewed", s.renewed),
                ("evicted", s.evicted),
            ]
        }),
    }
}

fn shown(generation: &Generation, shared: &Shared, view: &NodeView, now: Tick) -> EndpointView {
    let real = generation.endpoints.resolve(view.id);
    let place = |span: Span| place(generation, span);
    let snapshot = view.detail.as_ref();
    let unresolved = generation
        .endpoints
        .leaf(view.id)
        .and_then(|leaf| leaf.target.not_ready());
    let next = view.remaining.and(snapshot).map(|s| s.next_retry);
    let rule = generation
        .endpoints
        .leaf(view.id)
        .and_then(|leaf| leaf.rules.span_of(view.state));
    EndpointView {
        path: view.path.clone(),
        name: generation
            .endpoints
            .node(view.id)
            .name
            .as_deref()
            .map(str::to_owned),
        kind: view.kind.to_owned(),
        state: if unresolved.is_some() {
            "unresolved"
        } else {
            view.state.name()
        }
        .to_owned(),
        admin_state: view.order.name().to_owned(),
        order: view.note.as_ref().map(|note| OrderView {
            reason: note.reason.as_deref().map(str::to_owned),
            by: note.by.as_deref().map(str::to_owned),
            since: rfc3339(unix_ms_of(note.since)),
            until: note.until.map(|until| rfc3339(unix_ms_of(until))),
        }),
        since: snapshot
            .filter(|s| s.since > Tick(0))
            .map(|s| rfc3339(unix_ms_of(s.since))),
        next_retry_at: next.map(|tick| rfc3339(unix_ms_of(tick))),
        next_retry_in_ms: next
            .map(|tick| u64::try_from(tick.since(now).as_millis()).unwrap_or(u64::MAX)),
        suspend_ms: snapshot
            .filter(|_| view.state == EndpointState::Suspended)
            .map(|s| u64::try_from(s.last_suspension.as_millis()).unwrap_or(u64::MAX)),
        retries_left: snapshot.and_then(|s| s.remaining_retries),
        consecutive: snapshot.map_or(0, |s| s.consecutive_suspensions.max(s.consecutive_timeouts)),
        cause: view
            .cause
            .filter(|_| view.state != EndpointState::Active)
            .map(|code| CauseView {
                code: Some(code.0),
                name: code.name().to_owned(),
                text: code.row().map_or("", |row| row.text).to_owned(),
                request_id: shared
                    .events
                    .last_cause(&generation.endpoints.node(real).path),
                rule: rule.map(place),
            })
            .or_else(|| {
                unresolved.map(|text| CauseView {
                    code: Some(ErrorCode::NOT_READY.0),
                    name: ErrorCode::NOT_READY.name().to_owned(),
                    text,
                    request_id: None,
                    rule: Some(place(view.span)),
                })
            }),
        resolved: view.target.iter().cloned().collect(),
        in_flight: view.in_flight,
        sessions: view.sessions.as_ref().map(|s| s.active),
        settings: Vec::new(),
        defined: Some(place(view.span)),
        children: view
            .children
            .iter()
            .map(|id| generation.endpoints.node(*id).path.to_string())
            .collect(),
    }
}
