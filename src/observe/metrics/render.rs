//! A snapshot as OpenMetrics text (OpenMetrics 1.0; Prometheus reads it). The encoder of prometheus-client does
//! names, escapes and the closing mark; this file says which families there are.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::{HistogramSnapshot, MetricsSnapshot, ProcessMetrics};

/// Label names and values of one series.
type Labels<'a> = Vec<(&'static str, std::borrow::Cow<'a, str>)>;

/// Labels of a series: `labels!["name" = value, ...]`.
macro_rules! labels {
    ($($name:literal = $value:expr),* $(,)?) => { vec![$(($name, std::borrow::Cow::from($value))),*] };
}

// After the macro, which it uses.
mod families;

/// `Content-Type` of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes snapshots; remembers how many series it had to leave out.
#[derive(Debug)]
pub struct Exposition {
    series_per_family: usize,
    dropped: AtomicU64,
}

impl Default for Exposition {
    /// At most 20,000 series in a family: four states of 5,000 endpoints.
    fn default() -> Exposition {
        Exposition::with_cap(20_000)
    }
}

impl Exposition {
    /// An exposition with that many series in a family at most.
    pub fn with_cap(series_per_family: usize) -> Exposition {
        Exposition {
            series_per_family,
            dropped: AtomicU64::new(0),
        }
    }

    /// The snapshot as text.
    pub fn render(&self, snapshot: MetricsSnapshot) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        let scrape = Scrape {
            snapshot,
            process: ProcessMetrics::read(),
            cap: self.series_per_family,
            left_out: AtomicU64::new(0),
            dropped_before: self.dropped.load(Ordering::Relaxed),
        };
        let scrape = std::sync::Arc::new(scrape);
        registry.register_collector(Box::new(std::sync::Arc::clone(&scrape)));
        let mut out = String::with_capacity(16 * 1024);
        text::encode(&mut out, &registry)?;
        self.dropped
            .fetch_add(scrape.left_out.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(out)
    }
}

#[derive(Debug)]
struct Scrape {
    snapshot: MetricsSnapshot,
    process: ProcessMetrics,
    cap: usize,
    left_out: AtomicU64,
    dropped_before: u64,
}

struct Families<'a, 'e> {
    encoder: DescriptorEncoder<'e>,
    scrape: &'a Scrape,
}

impl Families<'_, '_> {
    fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) -> fmt::Result {
        let mut family = self
            .encoder
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in capped(self.scrape, series) {
            // An empty label set would be written as `{}`.
            if labels.is_empty() {
                family.encode_counter::<NoLabelSet, u64, f64>(&value, None)?;
            } else {
                family
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, u64, f64>(&value, None)?;
            }
        }
        Ok(())
    }

    fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let mut family = self
            .encoder
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in capped(self.scrape, series) {
            if labels.is_empty() {
                family.encode_gauge(&value)?;
            } else {
                family.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }

    fn histograms<'a>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'a>, &'a HistogramSnapshot)>,
    ) -> fmt::Result {
        let mut family = self
            .encoder
            .encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, value) in capped(self.scrape, series) {
            family
                .encode_family(&labels)?
                .encode_histogram::<NoLabelSet>(
                    value.sum_seconds(),
                    value.count(),
                    &value.buckets(),
                    None,
                )?;
        }
        Ok(())
    }
}

/// The first `cap` series of a family; the others are counted.
fn capped<T>(scrape: &Scrape, series: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
    let mut seen = 0;
    series.into_iter().filter(move |_| {
        seen += 1;
        let fits = seen <= scrape.cap;
        if !fits {
            scrape.left_out.fetch_add(1, Ordering::Relaxed);
        }
        fits
    })
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families {
            encoder,
            scrape: self,
        };
        self.build_and_process(&mut families)?;
        self.config(&mut families)?;
        self.traffic(&mut families)?;
        self.tls(&mut families)?;
        self.endpoints(&mut families)?;
        self.pool(&mut families)?;
        self.groups(&mut families)?;
        self.stores(&mut families)?;
        self.executors(&mut families)?;
        self.cluster(&mut families)?;
        // Last, so that it knows what this very reading left out.
        let dropped = self.dropped_before + self.left_out.load(Ordering::Relaxed);
        families.counters(
            "axon_metrics_series_dropped",
            "Series left out of a reading because their family was full",
            [(labels![], dropped)],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EndpointMetrics, GroupMetrics, RouteMetrics};
    use super::*;
    use std::time::Duration;

    fn snapshot() -> MetricsSnapshot {
        let histogram = super::super::Histogram::default();
        histogram.record(Duration::from_millis(3));
        MetricsSnapshot {
            endpoints: vec![EndpointMetrics {
                endpoint: "quotes/a\"b\\c\nd".into(),
                state: "suspended",
                errors: vec![(101_503, 4)],
                suspended_until_unix_ms: Some(1_500),
                ..EndpointMetrics::default()
            }],
            groups: vec![GroupMetrics {
                group: "quotes".into(),
                children: vec![("active", 2)],
                sessions: Some(12),
                ..GroupMetrics::default()
            }],
            routes: vec![RouteMetrics {
                listener: "l".into(),
                route: "r".into(),
                duration: histogram.snapshot(),
                ..RouteMetrics::default()
            }],
            ..MetricsSnapshot::default()
        }
    }

    fn lines(cap: usize) -> Vec<String> {
        let text = Exposition::with_cap(cap).render(snapshot()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn families_carry_their_labels_escaped_and_their_values() {
        let lines = lines(100);
        for wanted in [
            r#"axon_endpoint_state{endpoint="quotes/a\"b\\c\nd",state="suspended"} 1.0"#,
            r#"axon_endpoint_state{endpoint="quotes/a\"b\\c\nd",state="active"} 0.0"#,
            r#"axon_endpoint_errors_total{endpoint="quotes/a\"b\\c\nd",code="101503"} 4"#,
            r#"axon_endpoint_suspended_until_timestamp_seconds{endpoint="quotes/a\"b\\c\nd"} 1.5"#,
            r#"axon_endpoint_children{group="quotes",state="active"} 2.0"#,
            r#"axon_sessions{group="quotes"} 12.0"#,
            r#"axon_request_duration_seconds_bucket{le="0.0025",listener="l",route="r"} 0"#,
            r#"axon_request_duration_seconds_bucket{le="0.005",listener="l",route="r"} 1"#,
            r#"axon_request_duration_seconds_count{listener="l",route="r"} 1"#,
            "# TYPE axon_endpoint_errors counter",
            "axon_metrics_series_dropped_total 0",
        ] {
            assert!(
                lines.iter().any(|l| l == wanted),
                "{wanted} not in\n{}",
                lines.join("\n")
            );
        }
        assert_eq!(lines.last().map(String::as_str), Some("# EOF"));
    }

    #[test]
    fn every_family_is_declared_once() {
        let mut types: Vec<_> = lines(100)
            .into_iter()
            .filter(|l| l.starts_with("# TYPE"))
            .collect();
        let all = types.len();
        types.sort_unstable();
        types.dedup_by_key(|l| l.split(' ').nth(2).map(str::to_owned));
        assert_eq!(types.len(), all);
    }

    #[test]
    fn a_full_family_is_cut_and_the_rest_counted_over_readings() {
        let exposition = Exposition::with_cap(1);
        exposition.render(snapshot()).unwrap();
        let text = exposition.render(snapshot()).unwrap();
        // Three states are left out of each reading.
        assert!(
            text.contains("axon_metrics_series_dropped_total 6"),
            "{text}"
        );
    }
}
