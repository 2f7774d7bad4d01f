//! The families, one after the other, with their names, helps and labels (interface 6).
//!
//! `axon_connections_open` is named otherwise than the interface says: OpenMetrics allows no gauge
//! `axon_connections` beside the counter `axon_connections_total`.

use std::fmt;

use prometheus_client::encoding::NoLabelSet;
use prometheus_client::metrics::MetricType;

use super::{Families, Labels, Scrape};
use crate::observe::metrics::{EndpointMetrics, RouteMetrics};

/// States that an endpoint can have; each is a series of its own with 0 or 1.
const STATES: [&str; 4] = ["active", "timeout", "suspended", "off"];

fn seconds(unix_ms: u64) -> f64 {
    unix_ms as f64 / 1e3
}

impl Scrape {
    pub(super) fn build_and_process(&self, f: &mut Families<'_, '_>) -> fmt::Result {
        let mut build = f.encoder.encode_descriptor(
            "axon_build",
            "The running version",
            None,
            MetricType::Info,
        )?;
        build.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        let started = seconds(self.snapshot.started_unix_ms);
        f.gauges(
            "axon_start_time_seconds",
            "When the process started",
            [(labels![], started)],
        )?;
        f.gauges(
            "process_start_time_seconds",
            "When the process started",
            [(labels![], started)],
        )?;
        let resident = self.process.resident_bytes.map(|v| (labels![], v as f64));
        f.gauges("process_resident_memory_bytes", "Resident memory", resident)?;
        let fds = self.process.open_fds.map(|v| (labels![], v as f64));
        f.gauges("process_open_fds", "Open file descriptors", fds)?;
        let threads = self.process.threads.map(|v| (labels![], v as f64));
        f.gauges("process_threads", "Threads", threads)?;
        if let Some(cpu) = self.process.cpu_seconds {
            let mut family = f.encoder.encode_descriptor(
                "process_cpu_seconds",
                "User and system time",
                None,
                MetricType::Counter,
            )?;
            family.encode_counter::<NoLabelSet, f64, f64>(&cpu, None)?;
        }
        f.counters(
            "axon_log_lines_dropped",
            "Access and event lines that could not be written",
            [(labels![], self.snapshot.log_lines_dropped)],
        )?;
        let stalls = self.snapshot.worker_stalls.iter().enumerate();
        f.gauges(
            "axon_worker_stall_seconds",
            "Longest delay of a worker since the last reading",
            stalls.map(|(at, &v)| (labels!["worker" = at.to_string()], v)),
        )
    }

    pub(super) fn stores(&self, f: &mut Families<'_, '_>) -> fmt::Result {
        let stores = &self.snapshot.stores;
        if stores.is_empty() {
            return Ok(());
        }
        f.gauges(
            "axon_message_store_messages",
            "Messages that wait in a message store",
            stores
                .iter()
                .map(|(name, n)| (labels!["store" = name.clone()], *n as f64)),
        )?;
        let processors = &self.snapshot.processors;
        f.gauges(
            "axon_message_processor_active",
            "0 when a message processor was stopped",
            processors.iter().map(|p| {
                (
                    labels!["processor" = p.name.clone()],
                    f64::from(u8::from(p.active)),
                )
            }),
        )?;
        f.counters(
            "axon_message_processor_messages",
            "Messages and attempts of message processors by outcome",
            processors.iter().flat_map(|p| {
                p.outcomes.iter().map(|(outcome, n)| {
                    (
                        labels!["processor" = p.name.clone(), "outcome" = *outcome],
                        *n,
                    )
                })
            }),
        )
    }

    pub(super) fn executors(&self, f: &mut Families<'_, '_>) -> fmt::Result {
        let executors = &self.snapshot.executors;
        if executors.is_empty() {
            return Ok(());
        }
        let states = |(name, running, waiting): &(String, u64, u64)| {
            [("running", *running), ("waiting", *waiting)].map(|(state, n)| {
                let labels = labels!["executor" = name.clone(), "state" = state];
                (labels, n as f64)
            })
        };
        f.gauges(
            "axon_priority_executor_messages",
            "Messages that a priority executor has",
            executors.iter().flat_map(states),
        )
    }

    pub(super) fn cluster(&self, f: &mut Families<'_, '_>) -> fmt::Result {
        let Some(cluster) = &self.snapshot.cluster else {
            return Ok(());
        };
        let members = cluster.members.iter();
        f.gauges(
            "axon_cluster_members",
            "Members of the cluster, this one among them, as this one sees them",
            members.map(|(state, n)| (labels!["state" = *state], *n as f64)),
        )?;
        f.gauges(
            "axon_cluster_members_configured_otherwise",
            "Members whose services are configured otherwise than those of this one",
            [(labels![], cluster.otherwise as f64)],
        )
    }

    pub(super) fn config(&self, f: &mut Families<'_, '_>) -> fmt::Result {
        let config = &self.snapshot.config;
        f.gauges(
            "axon_config_generation",
            "Generation of the configuration that serves",
            [(labels![], config.generation as f64)],
        )?;
        f.gauges(
            "axon_config_last_reload_successful",
            "1 when the last load was taken",
            [(
                labels![],
                f64::from(u8::from(config.last_reload_successful)),
            )],
        )?;
        f.gauges(
            "axon_config_last_reload_timestamp_seconds",
            "When the last load was tried",
            [(labels![], seconds(config.last_reload_unix_ms))],
        )?;
        f.counters(
            "axon_config_reloads",
            "Loads by result",
            config
                .reloads
                .iter()
                .map(|&(result, n)| (labels!["result" = result], n)),
        )?;
        let diagnostics = config.diagnostics.iter();
        f.gauges(
            "axon_config_diagnostics",
            "Diagnostics of the serving configuration",
            diagnostics.map(|&(severity, n)| (labels!["severity" = severity], n as f64)),
        )
    }

    pub(super) fn traffic(&self, f: &mut Families<'_, '_>) -> fmt::Result {
        let connections = &self.snapshot.connections;
        f.gauges(
            "axon_connections_open",
            "Open client connections",
            connections.iter().map(|c| {
                let labels = labels!["listener" = c.listener.as_str(), "protocol" = c.protocol];
                (labels, c.open as f64)
            }),
        )?;
        f.counters(
            "axon_connections",
            "Client connections accepted",
            connections.iter().map(|c| {
                let labels = labels!["listener" = c.listener.as_str(), "protocol" = c.protocol];
                (labels, c.total)
            }),
        )?;
        f.gauges(
            "axon_streams",
            "Open upgraded connections",
            self.snapshot
                .streams
                .iter()
                .map(|&(kind, n)| (labels!["kind" = kind], n as f64)),
        )?;
        f.gauges(
            "axon_requests_in_flight",
            "Exchanges being served",
            [(labels![], self.snapshot.requests_in_flight as f64)],
        )?;
        f.counters(
            "axon_requests",
            "Requests by status",
            self.snapshot.requests.iter().map(|r| {
                let labels = labels![
                    "listener" = r.listener.as_str(),
                    "route" = r.route.as_str(),
                    "code" = r.status.to_string()
                ];
                (labels, r.count)
            }),
        )?;
        let routes = &self.snapshot.routes;
        f.histograms(
            "axon_request_duration_seconds",
            "Head of the request to last byte of the answer",
            routes.iter().map(|r| (route_labels(r), &r.duration)),
        )?;
        f.counters(
            "axon_request_bytes",
            "Body bytes that clients announced (Content-Length)",
            routes.iter().map(|r| (route_labels(r), r.request_bytes)),
        )?;
        f.counters(
            "axon_response_bytes",
            "Body bytes written to clients",
            routes.iter().map(|r| (route_labels(r), r.response_bytes)),
        )
    }

    pub(super) fn tls(&self, f: &mut Families<'_, '_>) -> fmt::Result {
        let ends = self.snapshot.certificates_end.iter();
        f.gauges(
            "axon_tls_certificate_not_after_timestamp_seconds",
            "When the first certificate of the profile ends",
            ends.map(|(profile, end)| (labels!["profile" = profile.as_str()], *end as f64)),
        )?;
        f.counters(
            "axon_tls_handshake_failures",
            "TLS handshakes of clients that came to nothing",
            [(labels![], self.snapshot.tls_handshakes_failed)],
        )
    }

    pub(super) fn endpoints(&self, f: &mut Families<'_, '_>) -> fmt::Result {
        let endpoints = &self.snapshot.endpoints;
        let name = |e: &'_ EndpointMetrics| e.endpoint.clone();
        f.gauges(
            "axon_endpoint_state",
            "1 for the state that the endpoint is in",
            endpoints.iter().flat_map(|e| {
                STATES.map(|state| {
                    let on = f64::from(u8::from(e.state == state));
                    (labels!["endpoint" = name(e), "state" = state], on)
                })
            }),
        )?;
        f.gauges(
            "axon_endpoint_suspended_until_timestamp_seconds",
            "When a suspended endpoint may be tried again",
            endpoints.iter().filter_map(|e| {
                let until = e.suspended_until_unix_ms?;
                Some((labels!["endpoint" = name(e)], seconds(until)))
            }),
        )?;
        f.counters(
            "axon_endpoint_requests",
            "Tries by outcome",
            endpoints.iter().flat_map(|e| {
                let each = e.requests.iter();
                each.map(|&(outcome, n)| (labels!["endpoint" = name(e), "outcome" = outcome], n))
            }),
        )?;
        f.counters(
            "axon_endpoint_errors",
            "Failed tries by Synapse error code",
            endpoints.iter().flat_map(|e| {
                let each = e.errors.iter();
                each.map(|&(code, n)| (labels!["endpoint" = name(e), "code" = code.to_string()], n))
            }),
        )?;
        f.counters(
            "axon_endpoint_suspensions",
            "Times that the endpoint was suspended",
            endpoints
                .iter()
                .map(|e| (labels!["endpoint" = name(e)], e.suspensions)),
        )?;
        f.histograms(
            "axon_endpoint_request_duration_seconds",
            "Start of an answered try to the head of its answer",
            endpoints
                .iter()
                .map(|e| (labels!["endpoint" = name(e)], &e.duration)),
        )?;
        f.histograms(
            "axon_endpoint_connect_duration_seconds",
            "Time to connect, of connections made",
            endpoints
                .iter()
                .map(|e| (labels!["endpoint" = name(e)], &e.connect)),
        )?;
        f.gauges(
            "axon_endpoint_in_flight",
            "Tries being made",
            endpoints
                .iter()
                .map(|e| (labels!["endpoint" = name(e)], e.in_flight as f64)),
        )?;
        f.counters(
            "axon_endpoint_operations",
            "Tries by operation and outcome, of endpoints with statistics",
            endpoints.iter().flat_map(|e| {
                e.operations
                    .iter()
                    .flat_map(|(operation, answered, failed, _)| {
                        [("ok", *answered), ("failed", *failed)].map(|(outcome, n)| {
                            let operation = operation.as_str();
                            let labels = labels![
                                "endpoint" = name(e),
                                "operation" = operation,
                                "outcome" = outcome
                            ];
                            (labels, n)
                        })
                    })
            }),
        )?;
        f.counters(
            "axon_wsdl_fetch",
            "Readings of the endpoint's WSDL by result",
            endpoints.iter().flat_map(|e| {
                let counts = e.wsdl.map(|(ok, failed)| [("ok", ok), ("failed", failed)]);
                counts
                    .into_iter()
                    .flatten()
                    .map(|(result, n)| (labels!["endpoint" = name(e), "result" = result], n))
            }),
        )?;
        let limited = |at: usize| {
            endpoints.iter().filter_map(move |e| {
                Some((labels!["endpoint" = e.endpoint.clone()], e.limited?[at]))
            })
        };
        f.gauges(
            "axon_endpoint_connections_in_use",
            "Connections in use of an endpoint with ax:maxConnections",
            limited(0).map(|(labels, n)| (labels, n as f64)),
        )?;
        f.gauges(
            "axon_endpoint_pending",
            "Messages that wait for a connection of an endpoint with ax:maxConnections",
            limited(1).map(|(labels, n)| (labels, n as f64)),
        )?;
        f.counters(
            "axon_endpoint_overloads",
            "Messages that got no connection of an endpoint with ax:maxConnections",
            limited(2),
        )
    }

    pub(super) fn pool(&self, f: &mut Families<'_, '_>) -> fmt::Result {
        let pool = self.snapshot.pool;
        f.gauges(
            "axon_pool_connections",
            "Pooled connections to back ends",
            [(labels!["state" = "idle"], pool.idle as f64)],
        )?;
        f.counters(
            "axon_pool_reused",
            "Pooled connections taken for another request",
            [(labels![], pool.reused)],
        )?;
        f.counters(
            "axon_pool_stale",
            "Pooled connections found dead",
            [(labels![], pool.stale)],
        )
    }

    pub(super) fn groups(&self, f: &mut Families<'_, '_>) -> fmt::Result {
        let groups = &self.snapshot.groups;
        f.gauges(
            "axon_endpoint_children",
            "Children of a group by state",
            groups.iter().flat_map(|g| {
                let each = g.children.iter();
                each.map(|&(state, n)| {
                    (
                        labels!["group" = g.group.as_str(), "state" = state],
                        n as f64,
                    )
                })
            }),
        )?;
        f.counters(
            "axon_endpoint_failovers",
            "Times that a message went on to another child",
            groups
                .iter()
                .map(|g| (labels!["group" = g.group.as_str()], g.failovers)),
        )?;
        f.counters(
            "axon_endpoint_repeats",
            "Times that a message went on to another child after a try that may have run",
            groups
                .iter()
                .map(|g| (labels!["group" = g.group.as_str()], g.repeats)),
        )?;
        f.gauges(
            "axon_sessions",
            "Sessions bound in a group",
            groups
                .iter()
                .filter_map(|g| Some((labels!["group" = g.group.as_str()], g.sessions? as f64))),
        )?;
        f.counters(
            "axon_session_events",
            "What happened to sessions",
            groups.iter().flat_map(|g| {
                let each = g.session_events.iter();
                each.map(|&(event, n)| (labels!["group" = g.group.as_str(), "event" = event], n))
            }),
        )
    }
}

fn route_labels(route: &RouteMetrics) -> Labels<'_> {
    labels![
        "listener" = route.listener.as_str(),
        "route" = route.route.as_str()
    ]
}
